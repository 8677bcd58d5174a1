"""When people are paid: public pay calendars, each a guess about a customer of whom we know little.

`any_day` is the guess that none of them is right: money, or the issuer's goodwill, comes on no particular day.
"""

from bisect import bisect_right
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
    ANY_DAY = "any_day"


FRIDAY: Final = 4
NO_PAYDAY: Final = 0


def is_payday(calendar: PayCalendar, day: date) -> bool:
    """Whether people of this calendar are paid on this day."""
    match calendar:
        case PayCalendar.FIRST:
            return day.day == 1
        case PayCalendar.FIFTEENTH:
            return day.day == 15
        case PayCalendar.TWENTY_FIFTH:
            return day.day == 25
        case PayCalendar.LAST_WORKING_DAY:
            return day == last_working_day(day)
        case PayCalendar.SEMI_MONTHLY:
            return day.day in {1, 15}
        case PayCalendar.FRIDAY:
            return day.weekday() == FRIDAY
        case PayCalendar.ANY_DAY:
            return False


def last_working_day(day: date) -> date:
    """Return the last weekday of its month; public holidays are not known here."""
    last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return last - timedelta(days=max(0, last.weekday() - FRIDAY))


@lru_cache(maxsize=8192)
def last_payday(calendar: PayCalendar, ordinal: int) -> int:
    """Return the ordinal of the payday on or before a day, at most 40 days back; NO_PAYDAY where there is none."""
    for back in range(40):
        if is_payday(calendar, date.fromordinal(ordinal - back)):
            return ordinal - back
    return NO_PAYDAY


@lru_cache(maxsize=256)
def _turning_days(calendars: tuple[PayCalendar, ...], month: int) -> tuple[int, ...]:
    """Return the days on which the odds turn, paydays and those after them, in a month (counted from the year 0) and two more."""
    first = date(month // 12, month % 12 + 1, 1)
    days = (first + timedelta(days=number) for number in range(95))
    paydays = [day.toordinal() for day in days if any(is_payday(calendar, day) for calendar in calendars)]
    return tuple(sorted({day + after for day in paydays for after in (0, 1)}))


def turning_days(calendars: tuple[PayCalendar, ...], first: int, last: int) -> list[int]:
    """Return the ordinals of the days from `first` to `last` at which a try is worth weighing; both ends are among them."""
    day = date.fromordinal(first)
    known = _turning_days(calendars, day.year * 12 + day.month - 1)
    begin, end = bisect_right(known, first), bisect_right(known, last)
    return [first, *known[begin:end], *([last] if end == begin or known[end - 1] != last else [])]
