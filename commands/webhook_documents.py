"""The document of a webhook event with `--json`."""

from datetime import datetime

from commands.documents import Document
from ledger.inbox import InboxEvent


class EventDocument(Document):
    """An event that a gateway sent, without its body."""

    gateway: str
    event_id: str
    event_type: str
    state: str
    result: str | None
    charge_id: str | None
    operation_id: str | None
    came_by: str
    received_at: datetime
    deliveries: int
    attempts: int
    next_try_at: datetime | None
    handled_at: datetime | None


def of_event(event: InboxEvent) -> EventDocument:
    """Show an event."""
    return EventDocument(**{name: getattr(event, name) for name in EventDocument.model_fields})
