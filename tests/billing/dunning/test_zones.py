"""Local time on both sides of a change of clocks, at month ends and on leap days."""

from datetime import UTC, date, datetime, time

import pytest

from billing.dunning.zones import at_local, days_later, local_day, zone_info

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("day", "clock", "zone", "expected"),
    [
        (date(2026, 3, 29), time(9), BERLIN, datetime(2026, 3, 29, 7, tzinfo=UTC)),
        (date(2026, 3, 28), time(9), BERLIN, datetime(2026, 3, 28, 8, tzinfo=UTC)),
        (date(2026, 10, 25), time(9), BERLIN, datetime(2026, 10, 25, 8, tzinfo=UTC)),
        # 02:30 does not exist on that day: the clocks go from 02:00 to 03:00, and it becomes 03:30.
        (date(2026, 3, 29), time(2, 30), BERLIN, datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        # 02:30 comes twice: the first of them.
        (date(2026, 10, 25), time(2, 30), BERLIN, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (date(2026, 11, 1), time(1, 30), NEW_YORK, datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        (date(2026, 7, 1), time(0), "Asia/Kathmandu", datetime(2026, 6, 30, 18, 15, tzinfo=UTC)),
    ],
)
def test_a_local_time_is_one_moment(day: date, clock: time, zone: str, expected: datetime) -> None:
    """Nothing is tried twice, or never, on the day on which clocks change."""
    assert at_local(day, clock, zone) == expected


def test_the_same_time_of_day_comes_so_many_days_later_across_a_change_of_clocks() -> None:
    """A week after nine in the morning is nine in the morning, not ten or eight."""
    before = datetime(2026, 3, 27, 8, tzinfo=UTC)
    assert days_later(before, 7, BERLIN) == datetime(2026, 4, 3, 7, tzinfo=UTC)
    before = datetime(2026, 10, 23, 7, tzinfo=UTC)
    assert days_later(before, 7, BERLIN) == datetime(2026, 10, 30, 8, tzinfo=UTC)


def test_days_go_on_over_month_ends_and_leap_days() -> None:
    """The day after 28 February is the 29th where there is one."""
    assert local_day(days_later(datetime(2028, 2, 28, 12, tzinfo=UTC), 1, BERLIN), BERLIN) == date(2028, 2, 29)
    assert local_day(days_later(datetime(2027, 2, 28, 12, tzinfo=UTC), 1, BERLIN), BERLIN) == date(2027, 3, 1)
    assert local_day(days_later(datetime(2026, 1, 31, 12, tzinfo=UTC), 30, BERLIN), BERLIN) == date(2026, 3, 2)


def test_a_day_begins_when_it_begins_there() -> None:
    """Late evening in California is tomorrow in UTC."""
    assert local_day(datetime(2026, 12, 1, 5, tzinfo=UTC), "America/Los_Angeles") == date(2026, 11, 30)


@pytest.mark.parametrize("name", ["Europe/Berlim", "", "../etc/passwd", "CEST+9"])
def test_an_unknown_zone_is_refused_with_what_to_do(name: str) -> None:
    """A name that nobody knows is never taken for UTC."""
    with pytest.raises(
        ValueError, match=r"there is no time zone .*: use a name of the IANA list, such as Europe/Berlin"
    ):
        zone_info(name)
