"""Senders of genuine deliveries, written from the gateways' documents and not from our verification of them."""

import base64
import hashlib
import hmac
import json
import uuid
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SECRET = "whsec_test"
WEBHOOK_ID = "WH-TEST"
CERTIFICATE_PATH = "/v1/notifications/certs/CERT-360caa42-test"

Delivery = tuple[dict[str, str], bytes]


def stripe_body(event_id: str = "evt_1", event_type: str = "payment_intent.succeeded", **thing: object) -> bytes:
    """An event of Stripe's, as it comes."""
    content = {"id": "pi_1", "object": "payment_intent", "status": "succeeded", "metadata": {}, **thing}
    event = {
        "id": event_id,
        "object": "event",
        "data": {"object": content},
        "request": {"id": "req_1", "idempotency_key": None},
        "type": event_type,
    }
    return json.dumps(event, indent=2).encode()


def paypal_body(event_id: str = "WH-1", event_type: str = "PAYMENT.CAPTURE.COMPLETED", **resource: object) -> bytes:
    """An event of PayPal's, as it comes."""
    content = {"id": "CAPTURE1", "status": "COMPLETED", "amount": {"value": "1.0", "currency_code": "USD"}, **resource}
    event = {"id": event_id, "event_version": "1.0", "event_type": event_type, "resource": content}
    return json.dumps(event, separators=(",", ":")).encode()


def signed_by_stripe(body: bytes, at: datetime, *secrets: str) -> dict[str, str]:
    """Headers of a delivery, signed with each of the secrets."""
    moment = int(at.timestamp())
    signatures = [
        hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        for secret in secrets or (SECRET,)
    ]
    return {"stripe-signature": ",".join([f"t={moment}", *(f"v1={signature}" for signature in signatures)])}


@dataclass(frozen=True)
class PayPalSender:
    """PayPal's signer, with its key and where its certificate is."""

    key: rsa.RSAPrivateKey
    certificate_url: str
    webhook_id: str = WEBHOOK_ID

    def headers(self, body: bytes, at: datetime, transmission_id: str | None = None) -> dict[str, str]:
        """Headers of one transmission."""
        name = transmission_id or str(uuid.uuid4())
        moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        message = f"{name}|{moment}|{self.webhook_id}|{zlib.crc32(body)}".encode()
        signature = self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return {
            "paypal-transmission-id": name,
            "paypal-transmission-time": moment,
            "paypal-transmission-sig": base64.b64encode(signature).decode(),
            "paypal-cert-url": self.certificate_url,
            "paypal-auth-algo": "SHA256withRSA",
        }


def same_checksum(body: bytes, target: int, place: bytes) -> bytes:
    """Change a body where `place`, a run of 64 letters `a`, stands in it, so that it has the CRC32 `target`.

    A CRC is linear: each letter turned into a `b`... is a bit, and 32 independent ones reach every checksum.
    """
    assert len(place) >= 64
    start = body.index(place)
    base = zlib.crc32(body)
    rows: list[tuple[int, int]] = []
    for position in range(len(place)):
        for bit in (1, 2):
            changed = bytearray(body)
            changed[start + position] ^= bit
            rows.append((zlib.crc32(bytes(changed)) ^ base, 1 << (2 * position + bit - 1)))
    chosen = _solved(rows, target ^ base)
    result = bytearray(body)
    for position in range(len(place)):
        for bit in (1, 2):
            if chosen >> (2 * position + bit - 1) & 1:
                result[start + position] ^= bit
    return bytes(result)


def _solved(rows: list[tuple[int, int]], wanted: int) -> int:
    """Return which rows, as a set of bits, add up to what is wanted, over GF(2)."""
    basis: dict[int, tuple[int, int]] = {}
    for effect, which in rows:
        value, chosen = effect, which
        while value:
            top = value.bit_length() - 1
            if top not in basis:
                basis[top] = (value, chosen)
                break
            value, chosen = value ^ basis[top][0], chosen ^ basis[top][1]
    chosen = 0
    while wanted:
        value, which = basis[wanted.bit_length() - 1]
        wanted, chosen = wanted ^ value, chosen ^ which
    return chosen
