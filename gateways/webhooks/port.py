"""What lets a gateway's deliveries in: one entrance per gateway."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from gateways.webhooks.events import Admitted


class WebhookEntrance(Protocol):
    """Verifies deliveries of one gateway."""

    async def admit(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Admitted:
        """Verify a delivery by its raw body; header names are in small letters.

        Raises DeliveryRefused, and CertificateOutOfReach where it cannot be known now.
        """
        ...
