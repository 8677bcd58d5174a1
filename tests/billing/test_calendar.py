"""Billing periods: every day is in exactly one, and an anchor at the end of a month never drifts."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from billing import calendar
from billing.calendar import MOST, Interval, Unit
from billing.errors import CalendarFault

MONTH = Interval(unit=Unit.MONTH)
YEAR = Interval(unit=Unit.YEAR)
DAYS = st.dates(date(1970, 1, 1), date(2400, 12, 31))
INTERVALS = st.sampled_from(Unit).flatmap(
    lambda unit: st.builds(Interval, unit=st.just(unit), count=st.integers(1, MOST[unit]))
)
ZONES = st.sampled_from(sorted(calendar._zones()))


@pytest.mark.parametrize(
    ("anchor", "beginnings"),
    [
        ("2026-01-31", "2026-01-31 2026-02-28 2026-03-31 2026-04-30 2026-05-31"),
        ("2026-01-30", "2026-01-30 2026-02-28 2026-03-30 2026-04-30 2026-05-30"),
        ("2026-01-29", "2026-01-29 2026-02-28 2026-03-29 2026-04-29 2026-05-29"),
        ("2028-01-31", "2028-01-31 2028-02-29 2028-03-31 2028-04-30 2028-05-31"),
        ("2028-01-29", "2028-01-29 2028-02-29 2028-03-29"),
        ("2027-11-30", "2027-11-30 2027-12-30 2028-01-30 2028-02-29 2028-03-30"),
        ("2026-12-31", "2026-12-31 2027-01-31 2027-02-28 2027-03-31"),
        ("2100-01-31", "2100-01-31 2100-02-28 2100-03-31"),
    ],
)
def test_months_end_when_they_end(anchor: str, beginnings: str) -> None:
    """The 31st is the last day of a shorter month, and the 31st again after it; also in leap years, and not in 2100."""
    expected = [date.fromisoformat(day) for day in beginnings.split()]
    found = [calendar.period(date.fromisoformat(anchor), MONTH, number).begins for number in range(len(expected))]
    assert found == expected


def test_a_year_from_a_leap_day_comes_back_to_it() -> None:
    """29 February is 28 February in other years, and 29 February in the next leap year."""
    beginnings = [calendar.period(date(2024, 2, 29), YEAR, number).begins for number in range(5)]
    expected = [date(2024, 2, 29), date(2025, 2, 28), date(2026, 2, 28), date(2027, 2, 28), date(2028, 2, 29)]
    assert beginnings == expected


@given(DAYS, INTERVALS, st.integers(0, 400))
def test_each_period_follows_the_last_without_a_gap_or_an_overlap(
    anchor: date, interval: Interval, number: int
) -> None:
    """Nobody pays for a day twice, and no day is free."""
    one, next_one = (calendar.period(anchor, interval, each) for each in (number, number + 1))
    assert one.begins < one.ends == next_one.begins
    assert calendar.period(anchor, interval, 0).begins == anchor


@given(DAYS, INTERVALS, st.integers(0, 40_000))
def test_every_day_is_in_its_period(anchor: date, interval: Interval, days: int) -> None:
    """The first and the last day too, however long the subscription lasts."""
    day = anchor + timedelta(days=days)
    found = calendar.period_of(anchor, interval, day)
    assert found.begins <= day < found.ends
    assert found == calendar.period(anchor, interval, found.number)
    assert calendar.period_of(anchor, interval, found.begins) == found
    assert calendar.period_of(anchor, interval, found.ends - timedelta(days=1)) == found


@given(DAYS, st.sampled_from([Unit.MONTH, Unit.YEAR]), st.integers(0, 400))
def test_the_anchors_day_never_drifts(anchor: date, unit: Unit, number: int) -> None:
    """A short month behind it leaves no mark on the ones that follow."""
    begins = calendar.period(anchor, Interval(unit=unit), number).begins
    assert begins.day == min(anchor.day, monthrange(begins.year, begins.month)[1])


def test_a_day_before_the_anchor_is_in_no_period() -> None:
    """Nothing was owed then."""
    with pytest.raises(CalendarFault, match="2026-01-30 is before the anchor 2026-01-31"):
        calendar.period_of(date(2026, 1, 31), MONTH, date(2026, 1, 30))


@pytest.mark.parametrize(
    ("zone", "day", "instant"),
    [
        ("UTC", "2026-03-29", "2026-03-29T00:00"),
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00"),
        ("Europe/Berlin", "2026-03-30", "2026-03-29T22:00"),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00"),
        ("Europe/Berlin", "2026-10-26", "2026-10-25T23:00"),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00"),  # the clocks go from 00:00 to 01:00
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00"),  # as above
        ("Asia/Kathmandu", "2026-01-01", "2025-12-31T18:15"),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00"),
    ],
)
def test_a_day_begins_at_midnight_of_the_zone(zone: str, day: str, instant: str) -> None:
    """On the days when the clocks change too, in both directions, and where midnight itself is left out."""
    expected = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    assert calendar.begins_at(date.fromisoformat(day), zone) == expected


@given(ZONES, st.dates(date(2012, 1, 1), date(2037, 12, 30)))
def test_an_instant_is_in_the_day_that_it_begins(zone: str, day: date) -> None:
    """In every zone there is, and the instant before is in the day before."""
    begins = calendar.begins_at(day, zone)
    assert calendar.day_of(begins, zone) == day
    assert calendar.day_of(begins - timedelta(seconds=1), zone) == day - timedelta(days=1)
    assert begins < calendar.begins_at(day + timedelta(days=1), zone)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "+02:00", "europe berlin"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    """Whoever wrote it meant another one."""
    with pytest.raises(CalendarFault, match="give a name such as Europe/Berlin or UTC"):
        calendar.known_zone(zone)


@pytest.mark.parametrize(("unit", "count"), [("day", 367), ("week", 53), ("month", 37), ("year", 6), ("month", 0)])
def test_an_interval_has_bounds(unit: str, count: int) -> None:
    """Nobody is billed every 0 months, or once in a lifetime."""
    with pytest.raises(ValidationError):
        Interval(unit=Unit(unit), count=count)


def test_the_end_of_the_calendar_is_said() -> None:
    """There is no year 10000."""
    with pytest.raises(CalendarFault, match="past the calendar"):
        calendar.period(date(2026, 1, 31), YEAR, 9000)
