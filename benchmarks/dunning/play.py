"""Plays one case with one policy: facts and tries in the order of time, until it is paid, cancelled or given up."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from benchmarks.dunning import issuer
from benchmarks.dunning.hidden import Hidden
from benchmarks.dunning.seen import Card, Outage, Policy, SeenCase, Try
from benchmarks.dunning.worlds import World

MOST_TRIES = 500
"""A policy that goes on beyond this is broken: not even tries every hour of a long outage come to it."""
CARD_AGE_SECONDS = 400 * 86_400


class Fact(NamedTuple):
    """Something that a merchant is told."""

    at: float
    kind: str
    """network_card, customer_card, outage_begins or outage_ends"""


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a case."""

    recovered_at: float | None
    by_try: bool
    """Whether a try brought the money; otherwise the customer paid."""
    tries: tuple[Try, ...]
    """With the payment that failed."""

    @property
    def sent(self) -> int:
        """How many after the first reached the network."""
        return sum(tried.answer.reached_network for tried in self.tries[1:])


def play(world: World, case: Hidden, policy: Policy, budget: int) -> Played:
    """Play a case; raises RuntimeError where a policy goes on without end."""
    seen = seen_first(world, case, budget)
    facts = deque(sorted(facts_of(world, case)))
    paid_at = case.reply.at if case.reply and case.reply.does == "pays" else math.inf
    end = min(case.horizon, case.reply.at if case.reply and case.reply.does != "replaces_card" else math.inf)
    now = case.failed_at
    while True:
        planned = policy.next_try(seen, moment(now)) if seen.tries_left > 0 else None
        at = math.inf if planned is None else max(planned.timestamp(), now)
        if facts and facts[0].at <= at and facts[0].at < end:
            now = max(facts[0].at, now)
            tell(seen, case, facts.popleft())
        elif at < end:
            now = at
            seen.tries.append(Try(moment(at), seen.card, issuer.answer(world, case, ask(seen, at))))
            if seen.tries[-1].answer.succeeded:
                return Played(at, by_try=True, tries=tuple(seen.tries))
            if len(seen.tries) > MOST_TRIES:
                raise RuntimeError(f"{policy.name} tries {case.invoice_id} without end")
        else:
            return Played(paid_at if paid_at < case.horizon else None, by_try=False, tries=tuple(seen.tries))


def seen_first(world: World, case: Hidden, budget: int) -> SeenCase:
    """Return what is seen right after the failure."""
    added_at = moment(case.failed_at - CARD_AGE_SECONDS)
    card = Card(f"{case.invoice_id}-1", case.network, case.funding, case.country, added_at)
    failed_at = moment(case.failed_at)
    return SeenCase(
        invoice_id=case.invoice_id,
        amount_minor=case.amount_minor,
        currency=case.currency,
        country=case.country,
        zone=case.zone.key,
        gateway=case.gateway,
        failed_at=failed_at,
        ends_at=moment(case.horizon),
        most_tries=budget,
        past_payments=tuple(moment(at) for at in case.past_payments),
        cards=[card],
        tries=[Try(failed_at, card, issuer.declined(world, case, case.failed_at, case.cause))],
    )


def moment(at: float) -> datetime:
    """Return a moment as policies see it."""
    return datetime.fromtimestamp(at, UTC)


def facts_of(world: World, case: Hidden) -> Iterator[Fact]:
    """List what the merchant will be told, in no order."""
    known_after = 60 * world.outage_known_after_minutes
    if case.cause == "lifecycle" and case.ends_at is not None and case.update_is_told:
        yield Fact(case.ends_at, "network_card")
    if case.reply and case.reply.does == "replaces_card":
        yield Fact(case.reply.at, "customer_card")
    for begin, end in case.outages:
        if end - begin > known_after and end + known_after > case.failed_at:
            yield Fact(begin + known_after, "outage_begins")
            yield Fact(end + known_after, "outage_ends")


def tell(seen: SeenCase, case: Hidden, fact: Fact) -> None:
    """Add a fact to what is seen."""
    at = moment(fact.at)
    match fact.kind:
        case "outage_begins":
            seen.outages.append(Outage(at))
        case "outage_ends":
            seen.outages[-1].ended_at = at
        case _ if seen.card.updated_by_network or len(seen.cards) == 1:
            token = f"{case.invoice_id}-{len(seen.cards) + 1}"
            by_network = fact.kind == "network_card"
            seen.cards.append(Card(token, case.network, case.funding, case.country, at, by_network))
        case _:
            pass  # the network sends the new one of a card that the customer has replaced already


def ask(seen: SeenCase, at: float) -> issuer.Ask:
    """Return a try with the card there is, as it comes to the issuer."""
    card = seen.card
    declines = [tried.at for tried in seen.tries if tried.card is card and tried.answer.reached_network]
    return issuer.Ask(
        at=at,
        declines=len(declines),
        declined_at=declines[-1].timestamp() if declines else -math.inf,
        from_customer=len(seen.cards) > 1 and not card.updated_by_network,
        updated=card.updated_by_network,
    )
