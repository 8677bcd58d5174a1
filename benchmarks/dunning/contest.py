"""The contest: every policy on the same cases with the same luck, in each world, for budgets of 2, 4 and 8 tries."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

from benchmarks.dunning.clairvoyant import Clairvoyant
from benchmarks.dunning.hidden import Hidden, hidden
from benchmarks.dunning.ours import OURS
from benchmarks.dunning.play import play
from benchmarks.dunning.rivals import FIXED, NOTICES_ONLY, RIVALS, Schedule
from benchmarks.dunning.seen import Policy
from benchmarks.dunning.tally import Tally
from benchmarks.dunning.worlds import BASE, World, worlds

SEEDS = 24
TRAINING = range(1, 1 + SEEDS)
"""On these, and in the base world only, a policy may be tuned."""
REPORT = range(2001, 2001 + SEEDS)
"""On these it is measured."""
CASES = 500
"""Of each seed."""
BUDGETS = (2, 4, 8)
FULL = BUDGETS[-1]
UNCUT = 20
"""For schedules that are longer than any budget, to show what tries without end would bring."""
CLAIRVOYANT = "clairvoyant"
CONTESTANTS: tuple[Policy, ...] = (*RIVALS, OURS)
EVERYWHERE: tuple[Policy, ...] = (NOTICES_ONLY, FIXED, OURS)
"""Played in the shifted worlds too."""


class Entry(NamedTuple):
    """A policy at a budget."""

    policy: str
    budget: int


class Round(NamedTuple):
    """All entries on the cases of one seed in one world."""

    world: str
    seed: int
    tallies: dict[Entry, Tally]


def rounds(seeds: Sequence[int], names: Iterable[str], cases: int = CASES) -> Iterator[Round]:
    """Play the seeds in these worlds, on all cores; in the order in which they were asked for."""
    asked = [(name, seed) for name in names for seed in seeds]
    # Not by fork: whoever measures may have threads of its own.
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(play_round, cases), *zip(*asked, strict=True))


def play_round(cases: int, name: str, seed: int) -> Round:
    """Play the cases of one seed in one world."""
    world = worlds().by_name[name]
    tallies: dict[Entry, Tally] = {}
    for number in range(cases):
        case = hidden(world, seed, number)
        for policy in CONTESTANTS if name == BASE else EVERYWHERE:
            _play_budgets(world, case, policy, tallies)
        foreseen = play(world, case, Clairvoyant(world, case), FULL)
        for budget in BUDGETS:
            tallies.setdefault(Entry(CLAIRVOYANT, budget), Tally()).add(world, case, foreseen)
    return Round(name, seed, tallies)


def budgets_of(policy: Policy) -> tuple[int, ...]:
    """Return the budgets at which a policy is played."""
    return (*BUDGETS, UNCUT) if _length(policy) > FULL else BUDGETS


def _length(policy: Policy) -> int:
    return len(policy.days) if isinstance(policy, Schedule) else FULL


def _play_budgets(world: World, case: Hidden, policy: Policy, tallies: dict[Entry, Tally]) -> None:
    """Play a case at each budget; where the schedule was not cut, a larger budget changes nothing."""
    played = play(world, case, policy, BUDGETS[0])
    for smaller, budget in zip((BUDGETS[0], *budgets_of(policy)), budgets_of(policy), strict=False):
        if budget > smaller and _length(policy) > smaller:
            played = play(world, case, policy, budget)
        tallies.setdefault(Entry(policy.name, budget), Tally()).add(world, case, played)
