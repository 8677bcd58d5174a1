"""What `dunning outages` prints with `--json`."""

from datetime import datetime

from billing.gateway_outages import GatewayOutage
from commands.documents import Document


class OutageDocument(Document):
    """A time in which a gateway was, or is, down for everybody."""

    gateway: str
    began_at: datetime
    noticed_at: datetime
    last_failed_at: datetime
    why: str
    ended_at: datetime | None
    ended_because: str | None


def of_outage(outage: GatewayOutage) -> OutageDocument:
    """Show an outage."""
    return OutageDocument(**outage.model_dump(exclude={"outage_id"}))
