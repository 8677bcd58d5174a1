"""The hint that something happened at a gateway: whoever gets it reads the object again, and believes only that."""

from ledger.record import Record


class GatewayReported(Record):
    """A gateway says that something changed; nothing of what it says is believed without reading it again."""

    gateway: str
    event_id: str
    event_type: str
    reference: str | None = None
    """The gateway's object that the event speaks of."""
