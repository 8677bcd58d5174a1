"""Calendars of pay: on which days money arrives, in the customer's own days."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

FRIDAY = 4
SATURDAY = 5
WEDNESDAY = 2

Calendar = Callable[[date, date, int], Iterator[date]]
"""From a first day up to a last one; the number is the customer's own, for calendars that differ by customer."""


def paydays(calendar: str, first: date, last: date, own: int) -> list[date]:
    """List the days from the first to the last on which pay arrives."""
    return sorted(day for day in CALENDARS[calendar](first, last, own) if first <= day <= last)


def _months(first: date, last: date) -> Iterator[date]:
    # A month more at the end: a payday on a weekend is paid before, which may be in the month before.
    month = first.replace(day=1)
    while month <= last + timedelta(days=31):
        yield month
        month = (month + timedelta(days=32)).replace(day=1)


def _worked(day: date) -> date:
    """Pay is not sent on weekends: it comes on the Friday before."""
    return day - timedelta(days=max(day.weekday() - FRIDAY, 0))


def _on(*days: int) -> Calendar:
    def listed(first: date, last: date, own: int) -> Iterator[date]:
        del own
        return (_worked(month.replace(day=day)) for month in _months(first, last) for day in days)

    return listed


def _last_working_day(first: date, last: date, own: int) -> Iterator[date]:
    del own
    return (_worked(month - timedelta(days=1)) for month in _months(first, last))


def _weekly(first: date, last: date, own: int) -> Iterator[date]:
    del own
    day = first + timedelta(days=(FRIDAY - first.weekday()) % 7)
    while day <= last:
        yield day
        day += timedelta(days=7)


def _other_fortnight(first: date, last: date, own: int) -> Iterator[date]:
    day = first + timedelta(days=(WEDNESDAY - first.weekday()) % 7)
    if (day.toordinal() // 7 + own) % 2:
        day += timedelta(days=7)
    while day <= last:
        yield day
        day += timedelta(days=14)


def _own_day(first: date, last: date, own: int) -> Iterator[date]:
    """A day of the month that only this customer's bank knows, as where a credit card's bill is paid."""
    return (month.replace(day=own % 28 + 1) for month in _months(first, last))


CALENDARS: dict[str, Calendar] = {
    "semi_monthly": _on(1, 15),
    "first": _on(1),
    "twenty_fifth": _on(25),
    "last_working_day": _last_working_day,
    "weekly": _weekly,
    "tenth": _on(10),
    "twentieth": _on(20),
    "other_fortnight": _other_fortnight,
    "own_day": _own_day,
}
