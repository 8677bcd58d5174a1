"""`throughput`: charges per second with automatic capture and 50 in flight, as a ratio to the baseline in the same run.

Rounds of charges and of the baseline alternate, so that what else the machine does, and what the servers' growing
data costs, meets both alike.
"""

from collections.abc import AsyncIterator
from functools import partial
from statistics import median

from benchmarks import load
from benchmarks.baseline_worker import running_baseline
from benchmarks.figures import Bound, Figure, at_least
from local.system import System

IN_FLIGHT = 50
ROUNDS = 8
PER_ROUND = 300
WARM_UP = 200
LEAST = 0.7


async def measure(system: System, rounds: int = ROUNDS, per_round: int = PER_ROUND) -> AsyncIterator[Figure]:
    """Alternate rounds; each ratio is of two neighbouring rounds, and the figure is their median."""
    with running_baseline(system):
        driver = await load.connected(system)
        for gateway in load.GATEWAYS:
            charge, baseline = partial(driver.charge, gateway), partial(driver.baseline, gateway)
            rates = await _alternating([charge, baseline, driver.nothing], rounds, per_round)
            yield _ratio(f"{gateway}_ratio", rates[0], rates[1], at_least(LEAST) if gateway == "stripe" else None)
            yield _ratio(f"{gateway}_ratio_to_nothing", rates[0], rates[2])
            for name, of_rounds in zip(("charges", "baseline", "nothing"), rates, strict=True):
                yield Figure(f"{gateway}_{name}_per_second", median(of_rounds))


async def _alternating(sides: list[load.One], rounds: int, per_round: int) -> list[list[float]]:
    """The rates of each side, round by round."""
    for one in sides:
        await load.many(one, WARM_UP, IN_FLIGHT)
    rates: list[list[float]] = [[] for _ in sides]
    for number in range(rounds):
        turns = list(zip(sides, rates, strict=True))
        for one, of_rounds in turns if number % 2 else reversed(turns):
            of_rounds.append(per_round / await load.many(one, per_round, IN_FLIGHT))
    return rates


def _ratio(name: str, ours: list[float], theirs: list[float], bound: Bound | None = None) -> Figure:
    return Figure(name, median(a / b for a, b in zip(ours, theirs, strict=True)), bound)
