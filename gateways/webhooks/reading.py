"""Reads the event of a stored delivery again; which reader, by its gateway."""

from collections.abc import Callable, Mapping

from gateways.webhooks import paypal_events, stripe_events
from gateways.webhooks.events import WebhookEvent

READERS: Mapping[str, Callable[[bytes], WebhookEvent]] = {
    stripe_events.NAME: stripe_events.read,
    paypal_events.NAME: paypal_events.read,
}


def read_event(gateway: str, body: bytes) -> WebhookEvent:
    """Read a body that was found genuine; raises DeliveryRefused where this version cannot read it any more."""
    return READERS[gateway](body)
