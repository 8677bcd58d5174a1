"""Whether and when it was recovered, or ended without; what notices and entitlement ask of a history."""

from datetime import datetime
from typing import NamedTuple

from billing.dunning.decision import Reason
from billing.dunning.history import EventKind, History, TryOutcome
from billing.dunning.standing import Standing

SILENT = frozenset((Reason.VOIDED, Reason.SUBSCRIPTION_CANCELLED))
"""Ends that the customer or the merchant brought about: there is nothing to tell about the payment."""


class Ending(NamedTuple):
    """How it stands."""

    recovered_at: datetime | None
    ended_at: datetime | None
    """When the end was carried out, where it was not recovered."""
    reason: Reason | None
    """The fact or command that ended it; None for the deadline, and where it is not over."""

    @property
    def is_silent(self) -> bool:
        """Whether no notice is due of it."""
        return self.reason in SILENT

    @property
    def is_over(self) -> bool:
        """Whether it is one of both."""
        return self.recovered_at is not None or self.ended_at is not None


def ending_of(history: History, standing: Standing) -> Ending:
    """Return how it ended, or that it did not."""
    if standing.over is Reason.PAID:
        return Ending(standing.over_at, None, Reason.PAID)
    last = history.tries[-1] if history.tries else None
    if last is not None and last.outcome is TryOutcome.APPROVED:
        return Ending(last.at, None, Reason.PAID)
    ended = [event.at for event in history.events if event.kind is EventKind.ENDED]
    ended_at = ended[0] if ended else standing.over_at
    return Ending(None, ended_at, standing.over)
