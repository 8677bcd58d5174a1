"""What facts and commands come to: whether it is over, what holds it, until when, and what a person asked for last."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from billing.dunning.decision import Reason, WaitingFor
from billing.dunning.history import Event, EventKind

OVER = {
    EventKind.PAID: Reason.PAID,
    EventKind.VOIDED: Reason.VOIDED,
    EventKind.SUBSCRIPTION_CANCELLED: Reason.SUBSCRIPTION_CANCELLED,
    EventKind.GIVEN_UP: Reason.GIVEN_UP,
}
LONGEST_HOLD = timedelta(days=180)
"""A hold that nobody ended is over then: nothing waits for ever."""
STRICT = {
    EventKind.DISPUTE_OPENED: (WaitingFor.DISPUTE, EventKind.DISPUTE_CLOSED),
    EventKind.LEGAL_HOLD_BEGAN: (WaitingFor.LEGAL_HOLD, EventKind.LEGAL_HOLD_ENDED),
}
"""Holds that no command to try again ends."""
MILD = {EventKind.PAUSED: WaitingFor.PAUSE, EventKind.PROMISED: WaitingFor.PROMISE}


class Hold(NamedTuple):
    """Something that keeps tries from being made."""

    waiting_for: WaitingFor
    began_at: datetime
    until: datetime


class Standing(NamedTuple):
    """What is in force after all events."""

    over: Reason | None
    over_at: datetime | None
    holds: tuple[Hold, ...]
    """All of them, those that are over too."""
    extended_until: datetime | None
    retry_asked: Event | None
    """The newest wish of a person for a try at once."""

    @property
    def promised_until(self) -> datetime | None:
        """The end of the newest promise."""
        ends = [hold.until for hold in self.holds if hold.waiting_for is WaitingFor.PROMISE]
        return ends[-1] if ends else None

    def hold_at(self, now: datetime) -> Hold | None:
        """Return what holds it now: the one that lasts longest."""
        lasting = [hold for hold in self.holds if hold.began_at <= now < hold.until]
        return max(lasting, key=lambda hold: hold.until) if lasting else None


NOTHING_HAPPENED = Standing(None, None, (), None, None)


def standing_of(events: Sequence[Event]) -> Standing:
    """Fold the events."""
    if not events:
        return NOTHING_HAPPENED
    over: Reason | None = None
    over_at: datetime | None = None
    extended_until: datetime | None = None
    retry_asked: Event | None = None
    for event in events:
        if event.kind is EventKind.PAID or (over is None and event.kind in OVER):
            # A payment that comes after the end still ends it well.
            over, over_at = OVER[event.kind], event.at
        elif event.kind is EventKind.EXTENDED:
            extended_until = event.until
        elif event.kind is EventKind.RETRIED_NOW:
            retry_asked = event
    return Standing(over, over_at, tuple(_holds(events)), extended_until, retry_asked)


def _holds(events: Sequence[Event]) -> list[Hold]:
    found: list[Hold] = []
    for number, event in enumerate(events):
        rest = events[number + 1 :]
        if event.kind in STRICT:
            waiting_for, ending = STRICT[event.kind]
            ended = next((later.at for later in rest if later.kind is ending), None)
            found.append(Hold(waiting_for, event.at, min(ended or event.at + LONGEST_HOLD, event.at + LONGEST_HOLD)))
        elif event.kind in MILD and event.until is not None:
            found.append(Hold(MILD[event.kind], event.at, min(event.until, _ended_early(event, rest))))
    return [hold for hold in found if hold.began_at < hold.until]


def _ended_early(event: Event, rest: Sequence[Event]) -> datetime:
    """Return when a pause or a promise was ended: by its next of the kind, by `resume`, or by a try that a person asked for."""
    ending = {event.kind, EventKind.RESUMED, EventKind.RETRIED_NOW}
    latest = event.at + LONGEST_HOLD
    return next((later.at for later in rest if later.kind in ending), latest)
