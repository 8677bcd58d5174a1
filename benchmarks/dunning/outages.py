"""When a gateway cannot be reached, over a year and for all cases of a seed alike."""

from functools import cache

from benchmarks.dunning.luck import Draws, Luck
from benchmarks.dunning.worlds import DAY_SECONDS, FIRST, HORIZON_DAYS, SPAN_DAYS, Spread

Span = tuple[float, float]
"""From and until, in seconds since 1970."""
END = FIRST + (SPAN_DAYS + HORIZON_DAYS) * DAY_SECONDS


@cache
def outages(every_days: float, hours: Spread, seed: int, gateway: str) -> tuple[Span, ...]:
    """Draw the outages of a gateway; they come at any time and do not overlap."""
    draws = Draws(Luck.OUTAGE, seed, *gateway.encode())
    spans: list[Span] = []
    at = FIRST + DAY_SECONDS * draws.waiting(every_days)
    while at < END:
        until = at + 3600 * draws.spread(hours.median, hours.sigma)
        spans.append((at, until))
        at = until + DAY_SECONDS * draws.waiting(every_days)
    return tuple(spans)
