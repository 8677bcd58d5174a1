"""The decision core of a charge, played in virtual time: whatever goes wrong and whoever acts when, the invariants hold.

`SIM_SEED=n pytest tests/simulation/test_simulation.py` plays one seed and prints what happened.
"""

import os

import pytest

from tests.simulation.run import Run, play

FEW = 400
MANY = 20_000
PARTS = 8
"""The many seeds are played in parts, so that a failure is told early."""


def seeds(first: int, end: int) -> range:
    """Return these seeds, or the one of the environment."""
    given = os.environ.get("SIM_SEED")
    return range(int(given), int(given) + 1) if given else range(first, end)


def hold(runs: range) -> None:
    """Play seeds; the first one that breaks an invariant is told with its trace."""
    for seed in runs:
        run = play(seed)
        if run.violations or len(runs) == 1:
            print(_story(run))  # noqa: T201 # shown with a failure, and by pytest -s
        assert not run.violations, _story(run)


def test_no_invariant_is_broken_in_a_few_hundred_runs() -> None:
    """Every effect is booked once, nobody pays twice, and every charge ends, waits with a deadline, or is in review."""
    hold(seeds(0, FEW))


def test_a_seed_gives_the_same_trace_each_time() -> None:
    """A run that failed can be played again, line by line."""
    assert [play(seed).trace for seed in range(50)] == [play(seed).trace for seed in range(50)]


@pytest.mark.faults
@pytest.mark.parametrize("part", range(PARTS))
def test_no_invariant_is_broken_in_twenty_thousand_runs(part: int) -> None:
    """As above, wherever chance leads."""
    each = MANY // PARTS
    hold(seeds(part * each, (part + 1) * each))


def _story(run: Run) -> str:
    return "\n".join(
        [
            *run.trace,
            *run.violations,
            f"seed {run.seed}; to play it again: SIM_SEED={run.seed} python -m pytest -s {__file__}",
        ]
    )
