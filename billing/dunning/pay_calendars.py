"""When people are paid: public pay calendars, and a customer's own; each a guess about somebody of whom we know little.

`any_day` is the guess that none of them is right: money, or the issuer's goodwill, comes on no particular day.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final


class PayCalendar(StrEnum):
    """The guesses."""

    FIRST = "first"
    FIFTEENTH = "fifteenth"
    TWENTY_FIFTH = "twenty_fifth"
    LAST_WORKING_DAY = "last_working_day"
    SEMI_MONTHLY = "semi_monthly"
    """The 1st and the 15th."""
    FRIDAY = "friday"
    OWN_DAY = "own_day"
    """The day of the month around which this customer's late payments came."""
    ANY_DAY = "any_day"


FRIDAY: Final = 4
NO_PAYDAY: Final = 0
LOOK_BACK_DAYS: Final = 40
SPAN_DAYS: Final = 95
DAYS_OF_MONTH: Final = {
    PayCalendar.FIRST: (1,),
    PayCalendar.FIFTEENTH: (15,),
    PayCalendar.TWENTY_FIFTH: (25,),
    PayCalendar.SEMI_MONTHLY: (1, 15),
}
LAST_OWN_DAY: Final = 28
OWN_SPAN_DAYS: Final = 3
"""Within so many days after pay a late payment is taken to have come of it."""


def is_payday(calendar: PayCalendar, day: date, own_day: int | None) -> bool:
    """Whether people of this calendar are paid on this day; pay of a weekend comes on the Friday before."""
    if calendar is PayCalendar.FRIDAY:
        return day.weekday() == FRIDAY
    if calendar is PayCalendar.LAST_WORKING_DAY:
        return day == last_working_day(day)
    if calendar is PayCalendar.OWN_DAY:
        return day.day == own_day
    wanted = DAYS_OF_MONTH.get(calendar, ())
    if day.weekday() > FRIDAY:
        return False
    covers = 3 if day.weekday() == FRIDAY else 1
    return any((day + timedelta(days=ahead)).day in wanted for ahead in range(covers))


def last_working_day(day: date) -> date:
    """Return the last weekday of its month; public holidays are not known here."""
    last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return last - timedelta(days=max(0, last.weekday() - FRIDAY))


def own_day(late: Sequence[date]) -> int | None:
    """Return the day of the month (1 to 28) from which most of these late payments came, the earliest of equals."""
    found: int | None = None
    most = 0
    for start in sorted({min(day.day, LAST_OWN_DAY) for day in late}):
        near = sum((day.day - start) in range(OWN_SPAN_DAYS + 1) for day in late)
        if near > most:
            found, most = start, near
    return found


@lru_cache(maxsize=16_384)
def last_payday(calendar: PayCalendar, ordinal: int, own_day: int | None) -> int:
    """Return the ordinal of the payday on or before a day; NO_PAYDAY where there is none within 40 days."""
    for back in range(LOOK_BACK_DAYS):
        if is_payday(calendar, date.fromordinal(ordinal - back), own_day):
            return ordinal - back
    return NO_PAYDAY


@lru_cache(maxsize=4096)
def _turning_days(calendars: tuple[PayCalendar, ...], own_day: int | None, month: int) -> tuple[int, ...]:
    """Return the days at which the odds turn, in a month (counted from the year 0) and two more."""
    first = date(month // 12, month % 12 + 1, 1)
    days = (first + timedelta(days=number) for number in range(SPAN_DAYS))
    return tuple(day.toordinal() for day in days if any(is_payday(calendar, day, own_day) for calendar in calendars))


def turning_days(calendars: tuple[PayCalendar, ...], own_day: int | None, first: int, last: int) -> list[int]:
    """Return the ordinals of the days from `first` to `last` at which a try is worth weighing: paydays and both ends."""
    day = date.fromordinal(first)
    known = _turning_days(calendars, own_day, day.year * 12 + day.month - 1)
    inner = known[bisect_right(known, first) : bisect_left(known, last)]
    return [first, *inner, last] if last > first else [first]
