"""The calendar of billing: periods are half-open spans of dates, counted from an anchor and never from each other.

Dates are those of one time zone, the customer's when the subscription began, so no change of clocks moves one. An anchor on
the 31st is the last day of a shorter month, and the 31st again after it. Only `begins_at` turns a date into an instant.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator

from billing.errors import CalendarFault
from ledger.record import Record

DAYS_IN_WEEK: Final = 7
MONTHS_IN_YEAR: Final = 12


class Unit(StrEnum):
    """What an interval is counted in."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


MOST: Final = {Unit.DAY: 366, Unit.WEEK: 52, Unit.MONTH: 36, Unit.YEAR: 5}
"""How many of each an interval may have."""


class Interval(Record):
    """How long a period is: 1 month, 2 weeks."""

    unit: Unit
    count: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _bounded(self) -> "Interval":
        if self.count > MOST[self.unit]:
            raise ValueError(f"an interval may have at most {MOST[self.unit]} {self.unit}s")
        return self

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"


class Period(Record):
    """The days from `begins` until the day before `ends`; `number` counts from the anchor, which begins period 0."""

    number: int
    begins: date
    ends: date


def period(anchor: date, interval: Interval, number: int) -> Period:
    """Return one period; raises CalendarFault where it is past the year 9999."""
    return Period(
        number=number, begins=_beginning(anchor, interval, number), ends=_beginning(anchor, interval, number + 1)
    )


def period_of(anchor: date, interval: Interval, day: date) -> Period:
    """Return the period that a day is in; raises CalendarFault for one before the anchor."""
    if day < anchor:
        raise CalendarFault(f"{day} is before the anchor {anchor}: no period is so early")
    if interval.unit in {Unit.DAY, Unit.WEEK}:
        return period(anchor, interval, (day - anchor).days // _days(interval))
    months = (day.year - anchor.year) * MONTHS_IN_YEAR + day.month - anchor.month
    guess = months // _months(interval)
    # In the anchor's month the day may still be before the anchor's day.
    return period(anchor, interval, guess if _beginning(anchor, interval, guess) <= day else guess - 1)


def begins_at(day: date, zone: str) -> datetime:
    """Return the first instant of a day in a zone, in UTC: midnight, or when the clocks were put forward over it."""
    return datetime.combine(day, time(), ZoneInfo(known_zone(zone))).astimezone(UTC)


def day_of(moment: datetime, zone: str) -> date:
    """Return the date on a wall calendar in a zone."""
    return moment.astimezone(ZoneInfo(known_zone(zone))).date()


def last_day(year: int, month: int) -> date:
    """Return the last day of a month, on which a card is good for the last time."""
    return date(year, month, monthrange(year, month)[1])


def known_zone(name: str) -> str:
    """Return the name of a zone of the IANA database; raises CalendarFault."""
    if name not in _zones():
        raise CalendarFault(f"there is no time zone {name!r}: give a name such as Europe/Berlin or UTC")
    return name


Zone = Annotated[str, AfterValidator(known_zone)]
"""A time zone by its name in the IANA database."""


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _days(interval: Interval) -> int:
    return interval.count * (DAYS_IN_WEEK if interval.unit is Unit.WEEK else 1)


def _months(interval: Interval) -> int:
    return interval.count * (MONTHS_IN_YEAR if interval.unit is Unit.YEAR else 1)


def _beginning(anchor: date, interval: Interval, number: int) -> date:
    try:
        if interval.unit in {Unit.DAY, Unit.WEEK}:
            return anchor + timedelta(days=_days(interval) * number)
        years, month = divmod(anchor.month - 1 + _months(interval) * number, MONTHS_IN_YEAR)
        year, month = anchor.year + years, month + 1
        return date(year, month, min(anchor.day, monthrange(year, month)[1]))
    except (ValueError, OverflowError):
        raise CalendarFault(f"period {number} of {interval} from {anchor} is past the calendar") from None
