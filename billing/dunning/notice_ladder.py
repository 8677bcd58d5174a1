"""The ladder of notices as a policy has it: which template is sent when, by which channel, and when nothing is sent."""

from datetime import time
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from billing.dunning.decline_classes import DeclineClass
from ledger.record import Record

MAX_STEPS = 40


class Template(StrEnum):
    """What there is to say."""

    CARD_EXPIRING = "card_expiring"
    PAYMENT_FAILED = "payment_failed"
    UPDATE_METHOD = "update_method"
    """Give or correct a payment method: the link."""
    AUTHENTICATE = "authenticate"
    """Confirm with the bank: the link."""
    REMINDER = "reminder"
    LAST_WARNING = "last_warning"
    ENDED = "ended"
    RECOVERED = "recovered"


class Channel(StrEnum):
    """Which way it goes."""

    EMAIL = "email"
    EVENT = "event"
    """To the merchant's own systems only."""


Days = Annotated[int, Field(ge=0, le=120)]
WHEN = ("days_before_expiry", "days_after_failure", "days_before_deadline", "days_after_end", "days_after_recovery")


class Step(Record):
    """A notice of the ladder; exactly one of its moments."""

    template: Template
    channel: Channel = Channel.EMAIL
    days_before_expiry: Days | None = None
    """Before the first day on which the preferred card is good no more."""
    days_after_failure: Days | None = None
    days_before_deadline: Days | None = None
    days_after_end: Days | None = None
    """After nothing more is tried, where it was not recovered."""
    days_after_recovery: Days | None = None
    classes: tuple[DeclineClass, ...] | None = Field(default=None, min_length=1, max_length=7)
    """Only while the newest decline is of one of these; None for all."""

    @model_validator(mode="after")
    def _has_one_moment(self) -> "Step":
        given = [name for name in WHEN if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(WHEN)}")
        ending = {Template.ENDED: "days_after_end", Template.RECOVERED: "days_after_recovery"}
        expected = ending.get(self.template)
        if (expected or given[0]) != given[0] or (expected is None and given[0] in ending.values()):
            raise ValueError(f"{self.template} cannot be sent by {given[0]}: use {expected or 'another moment'}")
        if self.template is Template.CARD_EXPIRING and given[0] != "days_before_expiry":
            raise ValueError("card_expiring is sent by days_before_expiry only")
        return self

    @property
    def moment(self) -> str:
        """Which of the moments it has."""
        return next(name for name in WHEN if getattr(self, name) is not None)

    @property
    def days(self) -> int:
        """How many days before or after."""
        days: int = getattr(self, self.moment)
        return days

    @property
    def key(self) -> str:
        """Its name within a ladder, such as `reminder.days_after_failure.3`."""
        return f"{self.template}.{self.moment}.{self.days}"


class QuietHours(Record):
    """Local time in which nothing is sent; past midnight where `until` is the earlier one."""

    begin: time
    until: time

    @model_validator(mode="after")
    def _leaves_time(self) -> "QuietHours":
        if self.begin == self.until:
            raise ValueError(
                "begin and until are the same, so that no time is left: change one, or leave quiet_hours out"
            )
        return self

    def covers(self, clock: time) -> bool:
        """Whether it is quiet at this time of day."""
        if self.begin < self.until:
            return self.begin <= clock < self.until
        return clock >= self.begin or clock < self.until


class Notices(Record):
    """The ladder and its limits."""

    ladder: tuple[Step, ...] = Field(max_length=MAX_STEPS)
    at: time = time(9, 0)
    """Local time of day of all but those of the day of the failure itself, which go at once."""
    quiet_hours: QuietHours | None = None
    most_per_day: int = Field(default=1, ge=1, le=5)
    """Within 24 hours."""
    most_per_week: int = Field(default=3, ge=1, le=20)
    """Within 7 days. What ended or recovered is told all the same."""
