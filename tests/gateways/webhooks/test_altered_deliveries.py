"""Ten thousand forged or altered deliveries at each gateway: none is let in, and every genuine one is."""

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from gateways.webhooks.errors import DeliveryRefused
from gateways.webhooks.port import WebhookEntrance
from gateways.webhooks.stripe_signature import StripeWebhooks
from tests.gateways.webhooks.conftest import PayPalParts
from tests.gateways.webhooks.forger import forgeries, names_another_certificate
from tests.gateways.webhooks.sender import SECRET, Delivery, paypal_body, signed_by_stripe, stripe_body

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
WINDOW = 300
ALTERED = 10_000
GENUINE = 200
SEED = 20261125


async def admitted(entrance: WebhookEntrance, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a delivery is let in; anything but a refusal is a defect."""
    try:
        await entrance.admit(headers, body, NOW)
    except DeliveryRefused:
        return False
    return True


async def hold(entrance: WebhookEntrance, genuine: list[Delivery]) -> None:
    """Hold an entrance to letting in all that is genuine and nothing else."""
    chance = random.Random(SEED)
    for headers, body in genuine:
        assert await admitted(entrance, headers, body)
    source = forgeries(chance, genuine)
    for _ in range(ALTERED):
        headers, body = next(source)
        assert not await admitted(entrance, headers, body), (SEED, headers, body)


def moments() -> Iterator[datetime]:
    """Times within the window."""
    chance = random.Random(SEED)
    while True:
        yield NOW + timedelta(seconds=chance.randint(-WINDOW, WINDOW))


async def test_stripe() -> None:
    """No delivery that Stripe did not sign in this very form passes for one."""
    bodies = [stripe_body(f"evt_{number}", amount=number) for number in range(GENUINE)]
    genuine = [(signed_by_stripe(body, at), body) for body, at in zip(bodies, moments(), strict=False)]
    await hold(StripeWebhooks([SECRET, "whsec_other"], WINDOW), genuine)


async def test_paypal(paypal: PayPalParts) -> None:
    """No delivery that PayPal did not sign in this very form passes for one, and none makes us ask anything of anybody."""
    bodies = [paypal_body(f"WH-{number}", custom_id=f"ch_{number}:capture:1") for number in range(GENUINE)]
    genuine = [(paypal.sender.headers(body, at), body) for body, at in zip(bodies, moments(), strict=False)]
    # Only the first delivery's certificate is fetched: an altered address is another one, and refused unasked.
    await admitted(paypal.entrance, *genuine[0])
    paypal.host.gives(b"", "404 Not Found")
    chance = random.Random(SEED)
    for headers, body in genuine:
        assert await admitted(paypal.entrance, headers, body)
    source = (forged for forged in forgeries(chance, genuine) if not names_another_certificate(forged, genuine[0]))
    for _ in range(ALTERED):
        headers, body = next(source)
        assert not await admitted(paypal.entrance, headers, body), (SEED, headers, body)
    assert len(paypal.host.requests) == 1


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_test ", SECRET.upper(), "whsec_local"])
async def test_another_secret(secret: str) -> None:
    """Nothing near the secret is as good as the secret."""
    body = stripe_body()
    headers = signed_by_stripe(body, NOW, secret) if secret else signed_by_stripe(body, NOW, " ")
    assert not await admitted(StripeWebhooks([SECRET], WINDOW), headers, body)
