"""Seeds: what a run drew by chance is drawn again from its seed, which every failure names with the command to run."""

import math
import os
import random
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

VARIABLE = "FAULT_SEED"
"""Set it to run a fault test with this seed only."""
SCALE = "FAULT_SCALE"
"""Set it to run a storm with this part of its numbers, as in 0.1: quick to look into, and no proof."""
CELLS = "FAULT_CELL"
"""Set it to parts of names, with commas between, to play the cells with one of them in theirs."""


def fixed(count: int) -> Sequence[int]:
    """Return the first `count` seeds, the same in each run; only the one of the environment where that is set."""
    given = os.environ.get(VARIABLE)
    return [int(given)] if given else list(range(1, count + 1))


def fresh() -> int:
    """Return a seed that no run had before, or the one of the environment."""
    return int(os.environ.get(VARIABLE) or secrets.randbelow(2**31))


def scaled(count: int) -> int:
    """Return a number of a storm, or the part of it that the environment asks for."""
    return math.ceil(count * float(os.environ.get(SCALE) or 1))


def is_picked(cell: str) -> bool:
    """Whether the environment picks the cell of this name; every one where it says nothing."""
    return any(part in cell for part in os.environ.get(CELLS, "").split(","))


@contextmanager
def replayable(seed: int, node: str) -> Iterator[random.Random]:
    """Give the chance of a seed; what fails within says how to run it again."""
    scale = f" {SCALE}={os.environ[SCALE]}" if os.environ.get(SCALE) else ""
    again = f"to run it again: {VARIABLE}={seed}{scale} python -m pytest -m '' '{node}'"
    print(f"seed {seed}; {again}")  # noqa: T201 # shown with a failure, and by pytest -s
    try:
        yield random.Random(seed)
    except BaseException as error:
        error.add_note(f"seed {seed}; {again}")
        raise
