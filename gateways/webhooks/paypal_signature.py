"""PayPal's signature: RSA over `id|time|webhook id|CRC32 of the body`, by the certificate that the delivery names.

A CRC32 can be kept while a body is changed by whoever saw a genuine delivery. So a transmission names one body for ever: see the inbox.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateways.webhooks import paypal_events
from gateways.webhooks.errors import DeliveryRefused
from gateways.webhooks.events import Admitted
from gateways.webhooks.freshness import require_fresh
from gateways.webhooks.paypal_certificates import PayPalCertificates

ID = "paypal-transmission-id"
TIME = "paypal-transmission-time"
SIGNATURE = "paypal-transmission-sig"
CERTIFICATE = "paypal-cert-url"
ALGORITHM = "paypal-auth-algo"
HEADERS = (ID, TIME, SIGNATURE, CERTIFICATE, ALGORITHM)
ONLY_ALGORITHM = "SHA256withRSA"
MAX_HEADER_LENGTH = 1000
_ID = re.compile(r"[A-Za-z0-9-]{1,100}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")


@dataclass(frozen=True)
class Transmission:
    """What the headers say of a delivery; nothing of it is verified yet."""

    transmission_id: str
    time: str
    signature: bytes
    certificate_url: str


class PayPalWebhooks:
    """Lets in what PayPal signed for our webhook."""

    def __init__(self, webhook_id: str, certificates: PayPalCertificates, window_seconds: int) -> None:
        self._webhook_id = webhook_id
        self._certificates = certificates
        self._window_seconds = window_seconds

    async def admit(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Admitted:
        """Verify a delivery, whose header names are in small letters.

        Raises DeliveryRefused, and CertificateOutOfReach where that is not known now. What costs nothing is checked
        first: only for what could be genuine is a certificate fetched.
        """
        transmission = read_headers(headers)
        require_fresh(datetime.fromisoformat(transmission.time).timestamp(), now, self._window_seconds)
        event = paypal_events.read(body)
        key = await self._certificates.key(transmission.certificate_url, now)
        verify(transmission, body, self._webhook_id, key)
        return Admitted(event, transmission.transmission_id, {name: headers[name] for name in HEADERS})


def read_headers(headers: Mapping[str, str]) -> Transmission:
    """Read the headers of a delivery; raises DeliveryRefused."""
    for name in HEADERS:
        if not 0 < len(headers.get(name, "")) <= MAX_HEADER_LENGTH:
            raise DeliveryRefused(f"its header {name} is missing or too long")
    if headers[ALGORITHM] != ONLY_ALGORITHM:
        raise DeliveryRefused(f"it is not signed with {ONLY_ALGORITHM}")
    if not _ID.fullmatch(headers[ID]):
        raise DeliveryRefused(f"its header {ID} cannot be read")
    if not _TIME.fullmatch(headers[TIME]) or not _is_moment(headers[TIME]):
        raise DeliveryRefused(f"its header {TIME} is no time")
    return Transmission(headers[ID], headers[TIME], _decoded(headers[SIGNATURE]), headers[CERTIFICATE])


def verify(transmission: Transmission, body: bytes, webhook_id: str, key: rsa.RSAPublicKey) -> None:
    """Check the signature over the raw body; raises DeliveryRefused."""
    message = f"{transmission.transmission_id}|{transmission.time}|{webhook_id}|{zlib.crc32(body)}".encode()
    try:
        key.verify(transmission.signature, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise DeliveryRefused("its signature is of another webhook, another body or another key") from None


def _decoded(text: str) -> bytes:
    try:
        signature = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    # One signature has one spelling.
    if not signature or base64.b64encode(signature).decode() != text:
        raise DeliveryRefused(f"its header {SIGNATURE} cannot be read")
    return signature


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
