"""A delivery is of now or it is refused: a recorded one cannot be played again later, and none can be made for later."""

from datetime import datetime

from gateways.webhooks.errors import DeliveryRefused


def require_fresh(sent_at: float, now: datetime, window_seconds: int) -> None:
    """Refuse what was sent, in Unix seconds, more than the window ago or ahead of us."""
    age = now.timestamp() - sent_at
    if age > window_seconds:
        raise DeliveryRefused(f"it was sent {age:.0f} s ago, and at most {window_seconds} s are allowed")
    if age < -window_seconds:
        raise DeliveryRefused(
            f"it was sent {-age:.0f} s from now, and at most {window_seconds} s are allowed: check the clocks"
        )
