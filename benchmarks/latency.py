"""`latency`: time from start to decided, one at a time, for a charge with automatic capture and for the baseline."""

from collections.abc import AsyncIterator
from functools import partial
from statistics import median, quantiles

from benchmarks import load
from benchmarks.baseline_worker import running_baseline
from benchmarks.figures import Figure, at_most
from local.system import System

PAIRS = 100
WARM_UP = 15
MOST = 1.5


async def measure(system: System, pairs: int = PAIRS) -> AsyncIterator[Figure]:
    """Alternate charges and baseline workflows; which of a pair is first alternates too."""
    with running_baseline(system):
        driver = await load.connected(system)
        for gateway in load.GATEWAYS:
            charge, baseline = partial(driver.charge, gateway), partial(driver.baseline, gateway)
            for _ in range(WARM_UP):
                await charge()
                await baseline()
            ours, theirs = await _alternating(charge, baseline, pairs)
            yield Figure(f"{gateway}_ratio", median(ours) / median(theirs), at_most(MOST))
            for name, seconds in (("charge", ours), ("baseline", theirs)):
                yield Figure(f"{gateway}_{name}_median_ms", 1000 * median(seconds))
                yield Figure(f"{gateway}_{name}_p95_ms", 1000 * quantiles(seconds, n=20)[-1])


async def _alternating(charge: load.One, baseline: load.One, pairs: int) -> tuple[list[float], list[float]]:
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(pairs):
        turns = [(charge, ours), (baseline, theirs)]
        for one, seconds in turns if number % 2 else reversed(turns):
            seconds.append(await load.timed(one))
    return ours, theirs
