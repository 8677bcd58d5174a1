"""What a seed draws: chances, durations, choices. One generator for a run, so that the seed decides all of it."""

import math
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

Thing = TypeVar("Thing")


class Chance:
    """The dice of one run."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)

    def happens(self, share: float) -> bool:
        """Say yes in this share of the cases."""
        return self._random.random() < share

    def one_of(self, things: Sequence[Thing]) -> Thing:
        """Choose one."""
        return things[self._random.randrange(len(things))]

    def number(self, least: int, most: int) -> int:
        """Draw a number, both ends included."""
        return self._random.randint(least, most)

    def seconds(self, least: float, most: float) -> timedelta:
        """Draw a duration; short ones as often as long ones of ten times the length."""
        return timedelta(seconds=math.exp(self._random.uniform(math.log(least), math.log(most))))
