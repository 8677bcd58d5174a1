"""What another policy would have chosen: past charges, one after the other, with what was known at each moment.

Cost is expected by the fees in the policy, on both sides; success by the rates of the whole period, in hindsight.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from gateways.port import Capabilities
from gateways.routing.ask import RoutingAsk
from gateways.routing.choice import decide
from gateways.routing.errors import NoGateway
from gateways.routing.policy import Policy
from gateways.routing.sliding import Outcome, SlidingOutcomes
from gateways.routing.strategies.success_rate import rate_of
from gateways.routing.value import Value
from gateways.routing.windows import EMPTY, Windows

LONGEST_PERIOD = timedelta(days=36_500)


class Replayed(Value):
    """One charge under both policies; amounts in minor units of `currency`, None where they are not known."""

    charge_id: str
    amount_minor: int
    currency: str
    chosen: str
    would_choose: str | None
    """None where no gateway could have taken it."""
    reason: str
    chosen_fee_minor: int | None
    would_fee_minor: int | None
    chosen_success: float | None
    would_success: float | None

    @property
    def is_same(self) -> bool:
        """Whether both choose the same gateway."""
        return self.chosen == self.would_choose


class CurrencyTotals(Value):
    """Charges of one currency whose fee is known on both sides."""

    currency: str
    charges: int
    amount_minor: int
    chosen_fee_minor: int
    would_fee_minor: int


class ReplayReport(Value):
    """The comparison as a whole."""

    policy_version: str
    charges: int
    same: int
    different: int
    nowhere: int
    """Charges that no gateway would have taken."""
    chosen: Mapping[str, int]
    """How many charges each gateway got, ..."""
    would_choose: Mapping[str, int]
    """... and would have got."""
    fees: tuple[CurrencyTotals, ...]
    success_charges: int
    """Charges whose success is known on both sides; ..."""
    chosen_success: float | None
    """... the expected share of them that is approved, as it was, ..."""
    would_success: float | None
    """... and as it would have been."""
    replayed: tuple[Replayed, ...]


def replay(
    policy: Policy,
    past: Sequence[tuple[RoutingAsk, str]],
    outcomes: Iterable[Outcome],
    capabilities: Mapping[str, Capabilities],
) -> ReplayReport:
    """Run the policy over past charges, oldest first, each with the gateway that it was given."""
    in_order = sorted(outcomes)
    hindsight = SlidingOutcomes(LONGEST_PERIOD, most=len(in_order))
    hindsight.add(in_order)
    known = hindsight.at(in_order[-1].decided_at) if in_order else EMPTY
    sliding = SlidingOutcomes(timedelta(seconds=policy.window_seconds), policy.window_outcomes)
    upcoming = iter(in_order)
    pending = next(upcoming, None)
    replayed: list[Replayed] = []
    for ask, chosen in past:
        while policy.reads_outcomes and pending is not None and pending.decided_at <= ask.at:
            sliding.add([pending])
            pending = next(upcoming, None)
        windows = sliding.at(ask.at) if policy.reads_outcomes else EMPTY
        replayed.append(_replayed(policy, ask, chosen, capabilities, windows, known))
    return _report(policy, replayed)


def _replayed(  # noqa: PLR0917 # one charge and all that it is judged by
    policy: Policy,
    ask: RoutingAsk,
    chosen: str,
    capabilities: Mapping[str, Capabilities],
    windows: Windows,
    known: Windows,
) -> Replayed:
    would: str | None = None
    try:
        decision = decide(policy, ask, capabilities, windows)
        would, reason = decision.gateway, decision.reason
    except NoGateway as error:
        reason = str(error)
    minimum = policy.success_rate.minimum_outcomes

    def fee(gateway: str | None) -> int | None:
        fees = policy.fees.get(gateway) if gateway else None
        return fees.expected_fee_minor(ask, gateway) if fees and gateway else None

    def success(gateway: str | None) -> float | None:
        return rate_of(ask, gateway, known, minimum)[0] if gateway else None

    return Replayed(
        charge_id=ask.charge_id,
        amount_minor=ask.amount.amount_minor,
        currency=ask.amount.currency,
        chosen=chosen,
        would_choose=would,
        reason=reason,
        chosen_fee_minor=fee(chosen),
        would_fee_minor=fee(would),
        chosen_success=success(chosen),
        would_success=success(would),
    )


def _report(policy: Policy, replayed: Sequence[Replayed]) -> ReplayReport:
    rates = [
        (one.chosen_success, one.would_success)
        for one in replayed
        if one.chosen_success is not None and one.would_success is not None
    ]
    return ReplayReport(
        policy_version=policy.version,
        charges=len(replayed),
        same=sum(one.is_same for one in replayed),
        different=sum(not one.is_same and one.would_choose is not None for one in replayed),
        nowhere=sum(one.would_choose is None for one in replayed),
        chosen=Counter(one.chosen for one in replayed),
        would_choose=Counter(one.would_choose for one in replayed if one.would_choose is not None),
        fees=tuple(_totals(replayed)),
        success_charges=len(rates),
        chosen_success=round(sum(chosen for chosen, _ in rates) / len(rates), 4) if rates else None,
        would_success=round(sum(would for _, would in rates) / len(rates), 4) if rates else None,
        replayed=tuple(replayed),
    )


def _totals(replayed: Sequence[Replayed]) -> Iterable[CurrencyTotals]:
    known = [one for one in replayed if one.chosen_fee_minor is not None and one.would_fee_minor is not None]
    for currency in sorted({one.currency for one in known}):
        of_it = [one for one in known if one.currency == currency]
        yield CurrencyTotals(
            currency=currency,
            charges=len(of_it),
            amount_minor=sum(one.amount_minor for one in of_it),
            chosen_fee_minor=sum(one.chosen_fee_minor or 0 for one in of_it),
            would_fee_minor=sum(one.would_fee_minor or 0 for one in of_it),
        )
