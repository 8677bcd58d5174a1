"""What the books know of past charges and outcomes, as routing reads it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from activities.attempts import methods_of
from activities.recent_outcomes import counted
from commands.connections import Books
from gateways.routing.ask import RoutingAsk
from gateways.routing.policy import Policy
from gateways.routing.sliding import Outcome, SlidingOutcomes
from gateways.routing.windows import Windows
from ledger import outcomes, past_charges
from ledger.past_charges import PastCharge


async def windows_at(books: Books, policy: Policy, at: datetime) -> Windows:
    """Count our own outcomes as a worker would have at that moment."""
    window = timedelta(seconds=policy.window_seconds)
    sliding = SlidingOutcomes(window, policy.window_outcomes)
    found = await outcomes_since(books, at - window, outcomes.MAX_READ)
    sliding.add(outcome for outcome in found if outcome.decided_at <= at)
    return sliding.at(at)


async def outcomes_since(books: Books, since: datetime, limit: int) -> list[Outcome]:
    """List outcomes that tell something of their gateway, newest first."""
    rows = await outcomes.since(books, since, limit)
    return [outcome for row in rows if (outcome := counted(row)) is not None]


async def asks_since(books: Books, since: datetime, limit: int) -> Sequence[tuple[RoutingAsk, str]]:
    """List past charges as they asked for their first gateway, oldest first, each with the one that it got."""
    return [(_ask(charge), charge.gateway) for charge in await past_charges.since(books, since, limit)]


def _ask(charge: PastCharge) -> RoutingAsk:
    return RoutingAsk(
        charge_id=charge.charge_id,
        amount=charge.amount,
        customer=charge.customer,
        methods=methods_of(charge.payment_methods),
        customer_country=charge.customer_country,
        metadata=charge.metadata,
        preferred=charge.preferred,
        at=charge.created_at,
    )
