"""What the rounds of a contest come to: sums over the seeds, and differences with how sure they are.

A difference is taken seed by seed on the same cases; its interval is Student's, over the seeds.
"""

from collections.abc import Sequence
from functools import reduce
from math import sqrt
from operator import add
from statistics import mean, stdev
from typing import NamedTuple

from benchmarks.dunning.contest import CLAIRVOYANT, SEEDS, Entry, Round
from benchmarks.dunning.rivals import NOTICES_ONLY
from benchmarks.dunning.tally import Tally

T_95 = 2.069
"""Student's t for 95% on both sides and 23 degrees of freedom, as many as there are seeds less one."""


class Interval(NamedTuple):
    """A mean over the seeds, and between what it is in 95 of 100 such contests."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write it as people do."""
        return f"{self.mean:+.1f} ({self.low:+.1f} to {self.high:+.1f})"


class Standings:
    """The rounds of one world."""

    def __init__(self, rounds: Sequence[Round]) -> None:
        self._rounds = rounds

    def total(self, entry: Entry) -> Tally:
        """Return what an entry brought over all seeds."""
        return reduce(add, (one.tallies[entry] for one in self._rounds))

    def points_over(self, entry: Entry, other: Entry) -> Interval:
        """Return by how many points of recovered cases an entry is ahead of another."""
        differences = [one.tallies[entry].recovered_share - one.tallies[other].recovered_share for one in self._rounds]
        half = T_95 * stdev(differences) / sqrt(SEEDS)
        return Interval(mean(differences), mean(differences) - half, mean(differences) + half)

    def fewer_tries(self, entry: Entry, other: Entry) -> float:
        """Return the share of another's tries that an entry saves, in percent."""
        return 100 * (1 - self.total(entry).tries_per_case / self.total(other).tries_per_case)

    def net_per_try(self, entry: Entry) -> float:
        """Return what each try brought beyond what notices alone bring, in whole units; 0 where none was made."""
        total = self.total(entry)
        alone = self.total(Entry(NOTICES_ONLY.name, entry.budget))
        return (total.net_minor - alone.net_minor) / 100 / total.tries if total.tries else 0.0

    def regret(self, entry: Entry) -> float:
        """Return how many points of recovered cases foresight would have brought more."""
        return self.total(Entry(CLAIRVOYANT, entry.budget)).recovered_share - self.total(entry).recovered_share
