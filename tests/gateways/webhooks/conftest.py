"""A PayPal of the tests' own: an authority, a signer, and the address of its certificate."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateways.webhooks.certificate_chain import TrustedRoots
from gateways.webhooks.paypal_certificates import PayPalCertificates
from gateways.webhooks.paypal_signature import PayPalWebhooks
from tests.gateways.webhooks.authority import Authority, new_key, pem
from tests.gateways.webhooks.canary import Canary, canary
from tests.gateways.webhooks.sender import CERTIFICATE_PATH, WEBHOOK_ID, PayPalSender

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
WINDOW = 300


@dataclass
class PayPalParts:
    """What signs, what vouches for it, and what lets it in."""

    authority: Authority
    sender: PayPalSender
    host: Canary
    certificates: PayPalCertificates
    entrance: PayPalWebhooks


@pytest.fixture(scope="session")
def authority() -> Authority:
    """An authority that the tests trust."""
    return Authority(NOW)


@pytest.fixture
async def paypal(authority: Authority, tmp_path: Path) -> AsyncIterator[PayPalParts]:
    """A signer whose certificate is in order."""
    file = tmp_path / "root.pem"
    file.write_bytes(pem(authority.root))
    key = new_key()
    async with canary() as host:
        host.gives(pem(authority.certificate(key)) + pem(authority.root))
        certificates = PayPalCertificates(TrustedRoots(file), simulator=host.url)
        sender = PayPalSender(key, f"{host.url}{CERTIFICATE_PATH}")
        yield PayPalParts(
            authority, sender, host, certificates, PayPalWebhooks(WEBHOOK_ID, certificates, window_seconds=WINDOW)
        )
