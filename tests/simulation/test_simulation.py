"""The decision core of a charge."""

from tests.simulation.run import play


def test_x() -> None:
    """X."""
    assert not play(1).violations
