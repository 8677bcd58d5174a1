"""Likely paydays, and how guesses about them change as tries fail: never one bet."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.dunning.likely_days import LikelyDays, Odds, Seen
from billing.dunning.pay_calendars import PayCalendar, is_payday, last_payday, last_working_day, own_day, turning_days

ODDS = Odds(on_payday=0.7, kept_each_day=0.8, in_between=0.05, any_day=0.4, any_day_after=4)
ALL = LikelyDays(
    {
        PayCalendar.FIRST: 20,
        PayCalendar.TWENTY_FIFTH: 20,
        PayCalendar.LAST_WORKING_DAY: 20,
        PayCalendar.FRIDAY: 20,
        PayCalendar.OWN_DAY: 10,
        PayCalendar.ANY_DAY: 20,
    },
    ODDS,
)


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def seen(*failed: str, paid_late: tuple[str, ...] = (), own: int | None = None) -> Seen:
    return Seen(tuple(map(day, failed)), tuple(map(day, paid_late)), own)


@pytest.mark.parametrize(
    ("calendar", "paydays"),
    [
        # 1 November 2026 and 15 November are Sundays, 25 October too: they are paid on the Fridays before.
        (PayCalendar.FIRST, ["2026-10-01", "2026-10-30", "2026-12-01"]),
        (PayCalendar.FIFTEENTH, ["2026-10-15", "2026-11-13", "2026-12-15"]),
        (
            PayCalendar.SEMI_MONTHLY,
            ["2026-10-01", "2026-10-15", "2026-10-30", "2026-11-13", "2026-12-01", "2026-12-15"],
        ),
        (PayCalendar.TWENTY_FIFTH, ["2026-10-23", "2026-11-25", "2026-12-25"]),
        (PayCalendar.LAST_WORKING_DAY, ["2026-10-30", "2026-11-30", "2026-12-31"]),
        (PayCalendar.ANY_DAY, []),
    ],
)
def test_a_calendar_pays_on_its_days_and_before_weekends(calendar: PayCalendar, paydays: list[str]) -> None:
    """Pay of a Sunday is there on Friday already."""
    days = (date.fromordinal(number) for number in range(day("2026-10-01"), day("2026-12-31") + 1))
    assert [str(one) for one in days if is_payday(calendar, one, None)] == paydays


def test_fridays_are_the_weekly_paydays() -> None:
    """Who is paid weekly is paid on Friday."""
    assert is_payday(PayCalendar.FRIDAY, date(2026, 11, 27), None)
    assert not is_payday(PayCalendar.FRIDAY, date(2026, 11, 26), None)


def test_the_last_working_day_knows_leap_years_and_weekends() -> None:
    """29 February 2028 is a Tuesday; 28 February 2027 a Sunday."""
    assert last_working_day(date(2028, 2, 10)) == date(2028, 2, 29)
    assert last_working_day(date(2027, 2, 10)) == date(2027, 2, 26)
    assert last_working_day(date(2026, 12, 31)) == date(2026, 12, 31)


def test_the_last_payday_is_found_across_a_month_end() -> None:
    """On the 3rd the last payday of the 25th is of the month before."""
    assert last_payday(PayCalendar.TWENTY_FIFTH, day("2026-12-03"), None) == day("2026-11-25")


def test_the_likeliest_day_after_a_failure_is_a_payday_to_come() -> None:
    """With a week to choose from, the day on which three guesses agree."""
    chosen = ALL.best(seen("2026-11-26"), day("2026-11-27"), day("2026-12-03"), 0.99)
    assert date.fromordinal(chosen.ordinal) in {date(2026, 11, 27), date(2026, 11, 30), date(2026, 12, 1)}


def test_a_guess_that_failed_on_its_payday_loses_weight() -> None:
    """Whoever was refused on Friday is not thought to be paid on Fridays as before."""
    before, after = ALL.weigh(seen("2026-11-26")), ALL.weigh(seen("2026-11-26", "2026-11-27"))
    friday = ALL.calendars.index(PayCalendar.FRIDAY)
    assert after[friday] < before[friday] / 2


def test_late_payments_make_their_calendar_likelier() -> None:
    """A customer who paid on the 25th twice before is expected to be paid then."""
    known = seen("2026-11-10", paid_late=("2026-08-25", "2026-09-25"))
    calendar = ALL.calendars.index(PayCalendar.TWENTY_FIFTH)
    assert ALL.weigh(known)[calendar] == max(ALL.weigh(known))
    chosen = ALL.best(known, day("2026-11-11"), day("2026-12-05"), 0.99)
    assert date.fromordinal(chosen.ordinal) == date(2026, 11, 25)


def test_an_own_rhythm_is_found_and_used() -> None:
    """Late payments around the 12th, of no public calendar, lead to the 12th."""
    late = [date(2026, 8, 12), date(2026, 9, 13), date(2026, 10, 12)]
    assert own_day(late) == 12
    known = seen("2026-11-05", paid_late=tuple(map(str, late)), own=12)
    chosen = ALL.best(known, day("2026-11-06"), day("2026-11-25"), 0.99)
    assert (date.fromordinal(chosen.ordinal), chosen.guess) == (date(2026, 11, 12), PayCalendar.OWN_DAY)


@pytest.mark.parametrize(
    ("late", "expected"),
    [([], None), ([date(2026, 8, 12)], 12), ([date(2026, 9, 20), date(2026, 8, 12)], 12), ([date(2026, 8, 31)], 28)],
)
def test_a_rhythm_is_taken_from_as_much_as_is_known(late: list[date], expected: int | None) -> None:
    """One late payment is a hint, which its guess weighs; of several that do not agree the earliest is as good as any."""
    assert own_day(late) == expected


def test_where_paydays_have_failed_any_day_is_tried() -> None:
    """Paydays are likely moments, and never the only ones."""
    failed = ("2026-11-25", "2026-11-27", "2026-11-30", "2026-12-01", "2026-12-04", "2026-12-11", "2026-12-18")
    chosen = ALL.best(seen(*failed), day("2026-12-19"), day("2026-12-23"), 0.99)
    assert (date.fromordinal(chosen.ordinal), chosen.guess) == (date(2026, 12, 23), PayCalendar.ANY_DAY)


def test_nobody_is_thought_to_have_a_day_of_their_own_of_whom_none_is_known() -> None:
    """A guess without a day weighs nothing."""
    assert ALL.weigh(seen("2026-11-25"))[ALL.calendars.index(PayCalendar.OWN_DAY)] == 0


DAYS = st.integers(day("2026-01-01"), day("2029-12-31"))


@given(first=DAYS, reach=st.integers(0, 60), failed=st.lists(DAYS, max_size=12), late=st.lists(DAYS, max_size=5))
def test_the_chosen_day_is_in_reach(first: int, reach: int, failed: list[int], late: list[int]) -> None:
    """Whatever is known of a customer, the day is one that was asked for."""
    before = tuple(sorted(number for number in failed if number < first))
    known = Seen(before, tuple(sorted(late)), own_day([date.fromordinal(number) for number in late]))
    assert min(ALL.weigh(known)) >= 0
    chosen = ALL.best(known, first, first + reach, 0.97)
    assert first <= chosen.ordinal <= first + reach


@given(first=DAYS, reach=st.integers(0, 60))
def test_days_worth_weighing_have_both_ends_and_every_payday(first: int, reach: int) -> None:
    """No payday in reach is overlooked, at month ends and in leap years either."""
    days = turning_days(ALL.calendars, None, first, first + reach)
    assert (days[0], days[-1]) == (first, first + reach)
    assert days == sorted(set(days))
    for number in range(first, first + reach + 1):
        if any(is_payday(calendar, date.fromordinal(number), None) for calendar in ALL.calendars):
            assert number in days
