"""The events of the past, which a gateway lists on demand: what was delivered to nobody can be read there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

KEPT_FOR = timedelta(days=30)
"""How far back the gateways list events: Stripe says 30 days, PayPal does not say, so that no more is asked of it."""


@dataclass(frozen=True)
class EventPage:
    """Some events of a listing."""

    bodies: Sequence[bytes]
    """Each event as its delivery would have told it, though perhaps spelled otherwise."""
    next_page: str | None
    """What to ask for the page behind this one; None where this is the last."""


@runtime_checkable
class PastEvents(Protocol):
    """A gateway that lists its events. Raises only `gateways.errors.GatewayError`."""

    name: str

    async def list_events(self, since: datetime, until: datetime, page: str | None, limit: int) -> EventPage:
        """Read a page of at most so many of the events that were made from `since` to `until`, both included."""
        ...
