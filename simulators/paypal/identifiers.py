"""Ids as PayPal makes them: seventeen letters and digits for money, longer ones for events and transmissions."""

import random

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


def money_object() -> str:
    """Of an order, authorization, capture or refund."""
    return _random(17)


def event() -> str:
    """Of a webhook event."""
    return f"WH-{_random(17)}-{_random(17)}"


def dispute() -> str:
    """Of a dispute."""
    return f"PP-D-{random.randrange(10_000, 10**9)}"


def debug() -> str:
    """Of one answer; `Paypal-Debug-Id`."""
    return f"{random.getrandbits(52):013x}"


def _random(length: int) -> str:
    return "".join(random.choices(ALPHABET, k=length))
