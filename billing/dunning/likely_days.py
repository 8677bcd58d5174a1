"""On which day a try is most likely to succeed, given those that failed: guesses about pay calendars, weighed as tries fail.

Each guess has a weight. A try that failed when a guess said it should succeed makes that guess less likely, and payments
that succeeded before make theirs more likely. Paydays are likely moments, never the only ones: `any_day` is always a guess.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import mul
from typing import NamedTuple

from billing.dunning.pay_calendars import NO_PAYDAY, PayCalendar, last_payday, turning_days

LONGEST_HORIZON_DAYS = 60
MAX_WEIGHED = 7
"""Failed tries that are weighed, and payments: the newest; older ones say nothing that those do not."""
NO_TRY = 0
"""As the day of the last try, where there was none."""


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


class Seen(NamedTuple):
    """What is known of a customer's money. Days are ordinals, local to the customer."""

    failed: tuple[int, ...]
    """Of tries that an issuer refused, oldest first."""
    paid_late: tuple[int, ...]
    """Of earlier payments that came later than they were due, oldest first: their pay rhythm."""
    own_day: int | None
    """The day of the month that those point to."""


class LikelyDay(NamedTuple):
    """The day that was chosen."""

    ordinal: int
    guess: PayCalendar
    """Which contributed most."""


class LikelyDays:
    """Guesses with the weights that a policy gives them."""

    def __init__(self, weights: Mapping[PayCalendar, int], odds: Odds) -> None:
        given = {calendar: weight for calendar, weight in weights.items() if weight}
        total = sum(given.values())
        self.calendars = tuple(given)
        self.weights = tuple(weight / total for weight in given.values())
        self._weights_without_own_day = tuple(
            0.0 if calendar is PayCalendar.OWN_DAY else weight / total for calendar, weight in given.items()
        )
        self._odds = odds
        # Most invoices of a month ask about the same days, and a process asks again upon whatever happens.
        self.best = lru_cache(maxsize=65_536)(self._best)
        self._chances = lru_cache(maxsize=65_536)(self._chances_anew)
        self._misses = lru_cache(maxsize=65_536)(self._misses_anew)

    def weigh(self, seen: Seen) -> Sequence[float]:
        """Return the weights, in proportion, after what was seen of the customer."""
        weights: Sequence[float] = self.weights if seen.own_day is not None else self._weights_without_own_day
        for day in seen.paid_late[-MAX_WEIGHED:]:
            weights = tuple(map(mul, weights, self._chances(day, NO_TRY, seen.own_day)))
        previous = NO_TRY
        for day in seen.failed[-MAX_WEIGHED:]:
            weights = tuple(map(mul, weights, self._misses(day, previous, seen.own_day)))
            previous = day
        return weights

    def _best(self, seen: Seen, first: int, last: int, kept_each_day: float) -> LikelyDay:
        """Return the day from `first` to `last` with the best odds, of which each day of waiting leaves a share."""
        weights, own_day, chances_of = self.weigh(seen), seen.own_day, self._chances
        last_try = seen.failed[-1] if seen.failed else NO_TRY
        chosen, best_worth = first, -1.0
        for day in turning_days(self.calendars, own_day, first, min(last, first + LONGEST_HORIZON_DAYS)):
            worth = sum(map(mul, weights, chances_of(day, last_try, own_day))) * kept_each_day ** (day - first)
            if worth > best_worth:
                chosen, best_worth = day, worth
        parts = list(map(mul, weights, chances_of(chosen, last_try, own_day)))
        return LikelyDay(chosen, self.calendars[parts.index(max(parts))])

    def _misses_anew(self, day: int, last_try: int, own_day: int | None) -> tuple[float, ...]:
        return tuple(1 - chance for chance in self._chances_anew(day, last_try, own_day))

    def _chances_anew(self, day: int, last_try: int, own_day: int | None) -> tuple[float, ...]:
        """Return how likely a try on this day succeeds by each guess; `last_try` is the day of the last failed one."""
        return tuple(self._chance(calendar, day, last_try, own_day) for calendar in self.calendars)

    def _chance(self, calendar: PayCalendar, day: int, last_try: int, own_day: int | None) -> float:
        odds = self._odds
        if calendar is PayCalendar.ANY_DAY:
            come_back: float = 1 - 0.5 ** ((day - last_try) / odds.any_day_after) if last_try else 1.0
            return odds.any_day * come_back
        payday = last_payday(calendar, day, own_day)
        if payday == NO_PAYDAY or payday <= last_try:
            return odds.in_between
        fresh: float = odds.on_payday * odds.kept_each_day ** (day - payday)
        return max(fresh, odds.in_between)
