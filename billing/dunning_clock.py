"""Two clocks: PostgreSQL dates what it writes, and whoever acts says when a try or a command was.

They may differ by seconds, or by weeks where a process plays in virtual time. Which row came first is known all the same:
a card that was written after a try is newer than the try, whatever both clocks show.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

INSTANT = timedelta(microseconds=1)


class Mark(NamedTuple):
    """One row as both clocks date it."""

    recorded_at: datetime
    """By PostgreSQL."""
    at: datetime
    """By whoever acted."""


class Clock:
    """Reads what PostgreSQL dated by the clock of those who act, as far as the order of the rows tells."""

    def __init__(self, marks: Iterable[Mark]) -> None:
        self._marks = sorted(marks)

    def of(self, recorded_at: datetime) -> datetime:
        """Return the moment, moved behind what was written before it, and before what was written after it."""
        before = max((mark.at for mark in self._marks if mark.recorded_at <= recorded_at), default=None)
        after = min((mark.at for mark in self._marks if mark.recorded_at > recorded_at), default=None)
        moment = recorded_at
        if after is not None:
            moment = min(moment, after - INSTANT)
        if before is not None:
            moment = max(moment, before + INSTANT)
        return moment
