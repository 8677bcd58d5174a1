"""What the bench reports: a bound for each world, and tables that a page can take as they are."""

import pytest

from benchmarks.dunning import measure, tables
from benchmarks.dunning.contest import CONTESTANTS, Entry, play_round
from benchmarks.dunning.ours import OURS
from benchmarks.dunning.standings import Standings
from benchmarks.dunning.worlds import BASE, worlds


@pytest.fixture(scope="module")
def by_world() -> dict[str, Standings]:
    """A very small contest in every world."""
    names = (BASE, *worlds().shifted)
    return {name: Standings([play_round(6, name, seed) for seed in (1, 2)]) for name in names}


def test_every_world_has_its_bound(by_world: dict[str, Standings]) -> None:
    """No world can be lost without the exit code saying so, and one violation at any budget fails the bench."""
    figures = {figure.name: figure for figure in measure._figures(by_world)}
    for name in by_world:
        assert str(figures[f"{name}_points_over_fixed_at_least"].bound) == ">= -0.5"
    assert str(figures["base_points_over_fixed"].bound) == ">= 4"
    assert str(figures["base_fewer_tries_percent"].bound) == ">= 25"
    assert figures["violations"].holds is True
    by_world["outages"]._rounds[1].tallies[Entry(OURS.name, 2)].before_wait += 1
    broken = {figure.name: figure for figure in measure._figures(by_world)}
    assert broken["violations"].holds is False


def test_tables_are_whole(by_world: dict[str, Standings]) -> None:
    """Every policy and every world has a row, and every row as many cells as the heading."""
    policies = list(tables.of_policies(by_world[BASE]))
    of_worlds = list(tables.of_worlds(by_world))
    for table in (policies, of_worlds):
        assert len({line.count("|") for line in table}) == 1
        assert set(table[1]) == {"|", "-"}
    assert all(any(policy.name in line for line in policies) for policy in CONTESTANTS)
    assert len(of_worlds) == 2 + 3 * len(by_world)
