"""`dunning`: our default policy against the schedules of others on simulated failures; needs no server.

Figures with bounds are those of the full budget; the tables on standard error have all. What "not losing" means was
settled beforehand: the lower end of the 95% interval of the paired difference is not below half a point.
"""

import asyncio
import resource
import sys
from collections.abc import AsyncIterator, Iterator, Mapping

from benchmarks.dunning import tables
from benchmarks.dunning.contest import BUDGETS, FULL, REPORT, Entry, rounds
from benchmarks.dunning.ours import OURS
from benchmarks.dunning.rivals import FIXED
from benchmarks.dunning.standings import Standings
from benchmarks.dunning.worlds import BASE, worlds
from benchmarks.figures import Figure, at_least, at_most

POINTS_AHEAD = 4
PERCENT_FEWER_TRIES = 25
POINTS_NOT_LOST = -0.5
PROCESSOR_SECONDS = 600
"""Five minutes of two cores."""


async def measure() -> AsyncIterator[Figure]:
    """Play all worlds on the seeds of the report."""
    before = _processor_seconds()
    by_world = await asyncio.to_thread(_played)
    for line in (*tables.of_policies(by_world[BASE]), "", *tables.of_worlds(by_world)):
        print(line, file=sys.stderr)
    for figure in _figures(by_world):
        yield figure
    yield Figure("processor_seconds", _processor_seconds() - before, at_most(PROCESSOR_SECONDS))


def _processor_seconds() -> float:
    """Of the processes that play, which have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _played() -> dict[str, Standings]:
    names = (BASE, *worlds().shifted)
    played = list(rounds(REPORT, names))
    return {name: Standings([one for one in played if one.world == name]) for name in names}


def _figures(by_world: Mapping[str, Standings]) -> Iterator[Figure]:
    base = by_world[BASE]
    ours, fixed = Entry(OURS.name, FULL), Entry(FIXED.name, FULL)
    yield Figure("base_recovered_percent", base.total(ours).recovered_share)
    yield Figure("base_points_over_fixed", base.points_over(ours, fixed).mean, at_least(POINTS_AHEAD))
    yield Figure("base_fewer_tries_percent", base.fewer_tries(ours, fixed), at_least(PERCENT_FEWER_TRIES))
    yield Figure("base_net_per_try", base.net_per_try(ours))
    yield Figure("base_regret_points", base.regret(ours))
    for name, standings in by_world.items():
        ahead = standings.points_over(ours, fixed)
        yield Figure(f"{name}_points_over_fixed_at_least", ahead.low, at_least(POINTS_NOT_LOST))
        if name != BASE:
            yield Figure(f"{name}_fewer_tries_percent", standings.fewer_tries(ours, fixed))
    entries = [Entry(OURS.name, budget) for budget in BUDGETS]
    broken = sum(one.total(entry).violations for one in by_world.values() for entry in entries)
    yield Figure("violations", broken, at_most(0))
