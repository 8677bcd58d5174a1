"""Chance that depends on what is asked, not on how often: the same question of the same case has the same answer.

So a policy that tries at other times changes nothing of the luck that another policy has on the same case.
"""

import math
from collections.abc import Mapping
from enum import IntEnum

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
SLOT_SECONDS = 6 * 3600
"""Two tries within the same six hours have the same luck: nothing is won by asking again at once."""


class Luck(IntEnum):
    """What is left to chance; each has a stream of its own."""

    CASE = 1
    ACCOUNT = 2
    CUSTOMER = 3
    OUTAGE = 4
    APPROVAL = 5
    CODE_OF_CASE = 6
    CODE = 7
    IS_TYPICAL = 8
    ADVICE = 9
    ADVISED_WAIT = 10


def mixed(*parts: int) -> int:
    """Mix whole numbers into 64 bits, by the steps of splitmix64 (Steele, Lea and Flood, 2014)."""
    state = 0
    for part in parts:
        state = (state ^ (part & MASK)) + GOLDEN & MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & MASK
        state ^= state >> 31
    return state


def share(*parts: int) -> float:
    """Return a number from 0 up to 1, evenly spread."""
    return (mixed(*parts) >> 11) * 2.0**-53


class Draws:
    """Draws that follow each other, for what is settled before any policy is asked."""

    def __init__(self, *parts: int) -> None:
        self._key = mixed(*parts)
        self._drawn = 0

    def share(self) -> float:
        """Return a number from 0 up to 1."""
        self._drawn += 1
        return share(self._key, self._drawn)

    def happens(self, chance: float) -> bool:
        """Whether something of this chance happens."""
        return self.share() < chance

    def between(self, low: float, high: float) -> float:
        """Return a number between the two, evenly spread."""
        return low + (high - low) * self.share()

    def waiting(self, mean: float) -> float:
        """Return how long it takes until something happens that has the same chance at each moment."""
        return -mean * math.log(1.0 - self.share())

    def spread(self, median: float, sigma: float) -> float:
        """Return a positive number around a median: its logarithm is normally distributed."""
        angle = 2.0 * math.pi * self.share()
        return median * math.exp(sigma * math.sqrt(-2.0 * math.log(1.0 - self.share())) * math.cos(angle))

    def one_of(self, shares: Mapping[str, float]) -> str:
        """Choose a name by its share."""
        return chosen(shares, self.share())


def chosen(shares: Mapping[str, float], at: float) -> str:
    """Return the name at this point of the shares laid end to end; they need not come to 1."""
    left = at * sum(shares.values())
    name = ""
    for name, part in shares.items():
        left -= part
        if left < 0:
            return name
    return name
