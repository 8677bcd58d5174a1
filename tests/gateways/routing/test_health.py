"""When a gateway counts as down, and when as up again, to the outcome."""

from datetime import timedelta

import pytest

from gateways.routing.health import Down, Probe, Up, health_of
from gateways.routing.settings import Outages
from tests.gateways.routing.asks import NOW, lately

OUTAGES = Outages.model_validate(
    {"down_after": 3, "down_share": "0.5", "minimum_outcomes": 10, "cool_off_seconds": 90, "probe_share": "1"}
)


def word(*counts: tuple[str, int]) -> str:
    windows = lately(*(("stripe", name, count) for name, count in counts))
    return type(health_of("stripe", "ch_1", windows, OUTAGES, NOW)).__name__


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([], "Up"),
        ([("technical", 2)], "Up"),
        ([("technical", 3)], "Down"),
        ([("technical", 3), ("declined", 1)], "Up"),
        ([("approved", 5), ("technical", 2), ("declined", 1), ("technical", 2)], "Up"),
        ([("technical", 9), ("approved", 1)], "Down"),
        ([("approved", 5), ("technical", 5)], "Down"),
        ([("technical", 5), ("approved", 2), ("technical", 1), ("approved", 2)], "Down"),
        ([("technical", 5), ("approved", 3), ("declined", 2)], "Up"),
        ([("technical", 4), ("approved", 2)], "Up"),
    ],
)
def test_outages_in_a_row_or_a_share_of_them_put_a_gateway_down(counts: list[tuple[str, int]], expected: str) -> None:
    """A decline is an answer; as many answers in a row as would be outages, and the gateway is up."""
    assert word(*counts) == expected


def test_a_gateway_that_is_down_is_left_alone_until_it_has_cooled_off() -> None:
    """A gateway in trouble is not asked by everybody at once."""
    windows = lately(("stripe", "technical", 3))
    last = windows.run("stripe").last_outage_at
    assert last is not None
    for seconds, expected in ((89.999, Down), (90, Probe)):
        health = health_of("stripe", "ch_1", windows, OUTAGES, last + timedelta(seconds=seconds))
        assert isinstance(health, expected)


def test_a_probe_that_fails_starts_the_pause_anew() -> None:
    """While it is down, it is tried by a share of the charges once in a while."""
    windows = lately(("stripe", "technical", 4))
    assert isinstance(health_of("stripe", "ch_1", windows, OUTAGES, NOW), Down)
    assert windows.run("stripe").outages == 4


def test_without_outcomes_a_gateway_is_up() -> None:
    """A worker that has just started sends charges everywhere."""
    assert health_of("adyen", "ch_1", lately(("stripe", "technical", 9)), OUTAGES, NOW) == Up()
