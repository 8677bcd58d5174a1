"""Stripe's signature: `t=UNIX,v1=HEX`, the HMAC-SHA256 of `t.body` under the endpoint's secret.

The SDK's own check accepts a time in the future, so a recorded delivery would stay good for as long as its forger likes.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from gateways.webhooks import stripe_events
from gateways.webhooks.errors import DeliveryRefused
from gateways.webhooks.events import Admitted
from gateways.webhooks.freshness import require_fresh

HEADER = "stripe-signature"
MAX_HEADER_LENGTH = 2000
_TIME = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


class StripeWebhooks:
    """Lets in what Stripe signed with one of our secrets; during a rotation there are two."""

    def __init__(self, secrets: Sequence[str], window_seconds: int) -> None:
        if not all(secrets) or not secrets:
            raise ValueError("an empty secret would let anybody sign")
        self._secrets = tuple(secrets)
        self._window_seconds = window_seconds

    async def admit(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Admitted:
        """Verify a delivery, whose header names are in small letters; raises DeliveryRefused."""
        header = headers.get(HEADER, "")
        transmission_id = verify(header, body, self._secrets, now, self._window_seconds)
        return Admitted(stripe_events.read(body), transmission_id, {HEADER: header})


def verify(header: str, body: bytes, secrets: Sequence[str], now: datetime, window_seconds: int) -> str:
    """Check a signature header over the raw body, and return the signature, which names the transmission.

    Raises DeliveryRefused. Each comparison takes the same time wherever the first difference is.
    """
    time, signatures = _parts(header)
    require_fresh(int(time), now, window_seconds)
    for secret in secrets:
        expected = hmac.new(secret.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
        if any(hmac.compare_digest(expected, signature) for signature in signatures):
            return expected
    raise DeliveryRefused("its signature is of another secret or of another body")


def _parts(header: str) -> tuple[str, list[str]]:
    if not header:
        raise DeliveryRefused("it has no header Stripe-Signature")
    if len(header) > MAX_HEADER_LENGTH:
        raise DeliveryRefused("its header Stripe-Signature is too long")
    pairs = [item.partition("=")[::2] for item in header.split(",")]
    times = [value for name, value in pairs if name == "t"]
    signatures = [value for name, value in pairs if name == "v1" and _SIGNATURE.fullmatch(value)]
    if len(times) != 1 or not _TIME.fullmatch(times[0]) or not signatures:
        raise DeliveryRefused("its header Stripe-Signature cannot be read")
    return times[0], signatures
