"""Success rate: the gateway that lately approved the most charges like this one, with a share to learn from others."""

from collections.abc import Sequence

from gateways.routing.ask import RoutingAsk
from gateways.routing.lot import MILLION, falls_within, lot
from gateways.routing.segments import segments_of
from gateways.routing.settings import SuccessRate
from gateways.routing.strategies.pick import Pick
from gateways.routing.windows import Windows

NAME = "success_rate"


def pick(ask: RoutingAsk, able: Sequence[str], windows: Windows, settings: SuccessRate) -> Pick:
    """Pick the best known rate; a share of the charges, drawn by their ids, goes to another gateway at its first attempt.

    A gateway of which too little is known comes after those that are known, so it is learned of by exploration only.
    """
    rates = {name: rate_of(ask, name, windows, settings.minimum_outcomes) for name in able}
    scores: dict[str, dict[str, int | float]] = {
        name: {"success_rate": round(rate, 4), "outcomes": count}
        for name, (rate, count) in rates.items()
        if rate is not None
    }
    # max keeps the first of equals, which is the order of the policy.
    best = max(able, key=lambda name: -1.0 if rates[name][0] is None else rates[name][0] or 0.0)
    others = [name for name in able if name != best]
    share = int(settings.exploration_share * MILLION)
    if others and ask.attempt == 1 and falls_within(ask.charge_id, "exploration", share):
        other = others[lot(ask.charge_id, "explored", len(others))]
        return Pick(other, f"tried to learn how it does; the best known is {best}", scores, exploration=True)
    rate, count = rates[best]
    if rate is None:
        return Pick(best, "too few outcomes are known, so the first in the order", scores)
    return Pick(best, f"the best success rate, {rate:.1%} of {count} charges like this one", scores)


def rate_of(ask: RoutingAsk, gateway: str, windows: Windows, minimum_outcomes: int) -> tuple[float | None, int]:
    """Return the share that was approved and the outcomes that it rests on, of the finest segment that has enough."""
    method = ask.method(gateway)
    for segment in segments_of(
        ask.amount.currency, method.brand if method else None, method.country if method else None
    ):
        tally = windows.tally(gateway, segment)
        if tally.total >= minimum_outcomes:
            return tally.approved / tally.total, tally.total
    return None, 0
