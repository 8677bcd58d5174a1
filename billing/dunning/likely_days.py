"""On which day a try is most likely to succeed, given those that failed: guesses about pay calendars, weighed as tries fail.

Each guess has a weight. A try that failed when a guess said it should succeed makes that guess less likely, and payments
that succeeded before make theirs more likely. Paydays are likely moments, never the only ones: `any_day` is always a guess.
"""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from billing.dunning.pay_calendars import NO_PAYDAY, PayCalendar, last_payday, turning_days

LONGEST_HORIZON_DAYS = 60
MAX_WEIGHED = 12
"""Failed tries that are weighed, the newest: older ones say nothing that those do not."""
MAX_PAYMENTS = 12


class Odds(NamedTuple):
    """How likely a try succeeds where a guess is right; shares of one."""

    on_payday: float
    """At the first try after money came, on the day itself."""
    kept_each_day: float
    """What is left of that a day later: money is spent."""
    in_between: float
    """Where nothing came since the last try."""
    any_day: float
    """Under `any_day`, a long while after the last try."""
    any_day_after: float
    """Days in which half of that has come back."""


class LikelyDay(NamedTuple):
    """The day that was chosen."""

    ordinal: int
    chance: float
    """By our guesses; no promise."""
    guess: PayCalendar
    """Which contributed most."""


class Guesses(NamedTuple):
    """Calendars with the weights that a policy gives them, and the odds."""

    calendars: tuple[PayCalendar, ...]
    weights: tuple[float, ...]
    odds: Odds


def weigh(guesses: Guesses, failed: Sequence[int], paid: Sequence[int]) -> list[float]:
    """Return the weights after tries on the days `failed`, oldest first, and payments on the days `paid`."""
    weights = list(guesses.weights)
    odds = guesses.odds
    for day in paid[-MAX_PAYMENTS:]:
        for number, calendar in enumerate(guesses.calendars):
            weights[number] *= max(chance(odds, calendar, day, 0), odds.in_between)
    previous = 0
    for day in failed[-MAX_WEIGHED:]:
        for number, calendar in enumerate(guesses.calendars):
            weights[number] *= 1 - chance(odds, calendar, day, previous)
        previous = day
    total = sum(weights)
    return [weight / total for weight in weights] if total else list(guesses.weights)


def most_likely_day(
    guesses: Guesses,
    weights: Sequence[float],
    first: int,
    last: int,
    last_try: int,
    kept_each_day: float,
) -> LikelyDay:
    """Return the day from `first` to `last` with the best odds, of which waiting a day costs some."""
    best = LikelyDay(first, -1.0, PayCalendar.ANY_DAY)
    best_worth = -1.0
    odds = guesses.odds
    for day in turning_days(guesses.calendars, first, min(last, first + LONGEST_HORIZON_DAYS)):
        found = 0.0
        most, guess = -1.0, PayCalendar.ANY_DAY
        for calendar, weight in zip(guesses.calendars, weights, strict=True):
            part = weight * chance(odds, calendar, day, last_try)
            found += part
            if part > most:
                most, guess = part, calendar
        worth = found * kept_each_day ** (day - first)
        if worth > best_worth:
            best, best_worth = LikelyDay(day, found, guess), worth
    return best


@lru_cache(maxsize=65536)
def chance(odds: Odds, calendar: PayCalendar, day: int, last_try: int) -> float:
    """Return how likely a try on this day succeeds if the guess is right; `last_try` is the day of the last failed one, or 0."""
    if calendar is PayCalendar.ANY_DAY:
        if not last_try:
            return odds.any_day
        return odds.any_day * (1 - 0.5 ** ((day - last_try) / odds.any_day_after))
    payday = last_payday(calendar, day)
    if payday == NO_PAYDAY or payday <= last_try:
        return odds.in_between
    fresh: float = odds.on_payday * odds.kept_each_day ** (day - payday)
    return max(fresh, odds.in_between)


def ordinal_day(day: date) -> int:
    """Return the number of a day."""
    return day.toordinal()
