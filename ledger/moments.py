"""Moments of the books: by what had happened then, and by what was known then. Both are included in what they name."""

from datetime import datetime, timedelta
from typing import Any

from ledger.record import Record

EVER = "infinity"
"""As PostgreSQL has it: no limit on that clock."""
NEVER = "-infinity"
TICK = timedelta(microseconds=1)
"""The least time between two moments, in PostgreSQL and in Python."""


class Moment(Record):
    """A place in history. Without `happened` everything counts that was known; without `known`, what is known by now."""

    happened: datetime | None = None
    known: datetime | None = None

    @property
    def is_now(self) -> bool:
        """Whether it is the present state of the books."""
        return self.happened is None and self.known is None

    @property
    def as_it_was_known(self) -> "Moment | None":
        """What was known when it happened; None where nothing can have come later."""
        if self.happened is None or (self.known is not None and self.known <= self.happened):
            return None
        return Moment(happened=self.happened, known=self.happened)

    def values(self) -> dict[str, Any]:
        """Name it for a query."""
        return {"happened": self.happened or EVER, "known": self.known or EVER}


class Span(Record):
    """A time from its first moment to its last one, both in it; without one, from the beginning, or without end."""

    first: datetime | None = None
    last: datetime | None = None

    @property
    def before(self) -> datetime | None:
        """The last moment before it; None where nothing is."""
        return None if self.first is None else self.first - TICK

    def values(self) -> dict[str, Any]:
        """Name it for a query."""
        return {"first": self.first or NEVER, "last": self.last or EVER}
