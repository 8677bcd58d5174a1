"""The worlds of the contest stay as they were settled before the policy under test was tried."""

import hashlib
from pathlib import Path

import pytest

from benchmarks.dunning import networks, worlds

SETTLED = {
    worlds.DATA: "35c93a160b9e8764180c680eb769fb4ba690156f247e7df5266a01e0a2392f3d",
    networks.DATA: "f226386713a02dba624d98e288b9c91dce7992a8922b875201f79e5164c022be",
}


@pytest.mark.parametrize("path", SETTLED, ids=lambda path: path.name)
def test_the_worlds_are_those_that_were_settled(path: Path) -> None:
    """Nobody changes a world until the policy wins: a change of the data is seen here, and needs new figures in the docs."""
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SETTLED[path]


def test_each_shifted_world_differs_from_the_base_in_what_it_says() -> None:
    """A shifted world that changes nothing would prove nothing."""
    known = worlds.worlds()
    assert len(known.shifted) == 6
    for name in known.shifted:
        assert known.by_name[name] != known.by_name[worlds.BASE]


@pytest.mark.parametrize("name", [worlds.BASE, *worlds.worlds().shifted])
def test_every_cause_of_a_world_has_codes_that_gateways_have_words_for(name: str) -> None:
    """No case of any world ends in a code that cannot be shown."""
    world = worlds.worlds().by_name[name]
    words = networks.networks().answers
    for cause in world.causes:
        assert set(world.codes[cause]) <= set(words)
        assert sum(world.codes[cause].values()) == pytest.approx(1)
        assert cause in world.advice
        assert cause in world.heeded
    assert sum(world.causes.values()) == pytest.approx(1)
