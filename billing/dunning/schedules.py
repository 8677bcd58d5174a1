"""When the next try is due: on fixed days, when it is likeliest to succeed, or after minutes; one per class of decline."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, NamedTuple

from pydantic import Field, field_validator, model_validator

from billing.dunning.likely_days import LikelyDay, LikelyDays, Odds, Seen
from billing.dunning.lots import lot
from billing.dunning.pay_calendars import PayCalendar
from billing.dunning.zones import at_local, days_later, local_day
from ledger.record import Record

MAX_DAYS = 120
MOST_TECHNICAL = 12
LocalTime = Annotated[time, Field(description="As clocks show it where the customer lives, such as 09:00.")]
Percent = Annotated[int, Field(ge=0, le=100)]


class Due(NamedTuple):
    """A moment with why."""

    at: datetime
    why: str


class Asked(NamedTuple):
    """What a schedule is asked with."""

    invoice_id: str
    zone: str
    failed_at: datetime
    earliest: datetime
    """Nothing is tried before then: ceilings, waits, holds."""
    deadline: datetime
    rungs_used: int
    rungs_left: int
    """At least one."""
    seen: Seen


class Adaptive(Record):
    """The day is chosen by guesses about pay calendars and what has failed so far; the hour varies from try to try."""

    guesses: Mapping[PayCalendar, Annotated[int, Field(ge=0, le=1000)]] = Field(min_length=2, max_length=20)
    """How likely each guess is thought to be at first, in proportion."""
    on_payday: Percent
    """The chance of a try on a payday, in percent, if the guess is right."""
    kept_each_day: Percent
    """What is left of it a day later."""
    in_between: Percent
    """The chance while no new money came since the last try."""
    any_day: Percent
    """The chance under `any_day`, long after the last try."""
    any_day_after: int = Field(ge=1, le=60)
    """Days in which half of that comes back."""
    delay_costs: Percent
    """What a day of waiting costs, in percent of the chance."""
    reach: Annotated[int, Field(ge=25, le=1000)]
    """How far ahead a day is sought, in percent of an even share of the time that is left."""
    hours: tuple[LocalTime, ...] = Field(min_length=1, max_length=24)
    """In turn."""
    spread_minutes: int = Field(default=30, ge=0, le=180)
    """Within which the invoices of one hour are spread, by lot."""

    @model_validator(mode="after")
    def _is_no_single_bet(self) -> "Adaptive":
        if not self.guesses.get(PayCalendar.ANY_DAY):
            raise ValueError("has no weight on any_day, so that it bets on paydays alone: give it some")
        if self.in_between > self.on_payday:
            raise ValueError("in_between is over on_payday, so that paydays would be avoided: exchange them")
        return self

    @cached_property
    def compiled(self) -> LikelyDays:
        """The guesses, ready to be asked."""
        odds = Odds(
            on_payday=self.on_payday / 100,
            kept_each_day=self.kept_each_day / 100,
            in_between=self.in_between / 100,
            any_day=self.any_day / 100,
            any_day_after=self.any_day_after,
        )
        return LikelyDays(self.guesses, odds)

    def due(self, asked: Asked) -> Due:
        """Return the likeliest moment, at most the reach ahead."""
        first = self._first_day(asked)
        last = max(first, local_day(asked.deadline, asked.zone).toordinal() - 1)
        share = (last - first + 1) * self.reach / (100 * asked.rungs_left)
        reached = min(last, first + max(0, int(share) - 1))
        chosen = self.compiled.best(asked.seen, first, reached, 1 - self.delay_costs / 100)
        return Due(max(self._moment(asked, chosen.ordinal), asked.earliest), _said(chosen, first))

    def _hour(self, asked: Asked) -> time:
        return self.hours[asked.rungs_used % len(self.hours)]

    def _first_day(self, asked: Asked) -> int:
        """Return the first day whose hour is not before the earliest moment."""
        day = local_day(asked.earliest, asked.zone).toordinal()
        return day if self._moment(asked, day) >= asked.earliest else day + 1

    def _moment(self, asked: Asked, ordinal: int) -> datetime:
        spread = lot(asked.invoice_id, f"spread:{asked.rungs_used}", self.spread_minutes * 60 + 1)
        return at_local(date.fromordinal(ordinal), self._hour(asked), asked.zone) + timedelta(seconds=spread)


def _said(chosen: LikelyDay, first: int) -> str:
    if chosen.guess is PayCalendar.ANY_DAY:
        return "no payday is likelier" if chosen.ordinal == first else "the odds of any day have come back"
    return f"likely payday ({chosen.guess.replace('_', ' ')})"


class Schedule(Record):
    """One of its kinds."""

    fixed_days: tuple[Annotated[int, Field(ge=1, le=MAX_DAYS)], ...] | None = Field(
        default=None, min_length=1, max_length=40
    )
    """Days after the first failure, at the same time of day."""
    adaptive: Adaptive | None = None
    after_minutes: tuple[Annotated[int, Field(ge=1, le=10_080)], ...] | None = Field(
        default=None, min_length=1, max_length=MOST_TECHNICAL
    )
    """After each failure in a row; for what nobody said no to."""

    @model_validator(mode="after")
    def _is_one_of_them(self) -> "Schedule":
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise ValueError(f"needs exactly one of {', '.join(type(self).model_fields)}")
        return self

    @field_validator("fixed_days")
    @classmethod
    def _in_order(cls, days: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if days is not None and list(days) != sorted(set(days)):
            raise ValueError("the days are not in order, or one is there twice: write them from the first to the last")
        return days

    def due(self, asked: Asked) -> Due | None:
        """Return when the next try is due; None where the schedule has no further one."""
        if self.adaptive is not None:
            return self.adaptive.due(asked)
        if self.fixed_days is None or asked.rungs_used >= len(self.fixed_days):
            return None
        day = self.fixed_days[asked.rungs_used]
        at = days_later(asked.failed_at, day, asked.zone)
        if at < asked.earliest:
            return Due(asked.earliest, f"day {day} of the schedule, as soon as it is allowed")
        return Due(at, f"day {day} of the schedule")
