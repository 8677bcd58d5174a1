"""Ten thousand forged or altered deliveries at each gateway: none is let in, and every genuine one is."""

import random
import string
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from gateways.webhooks.errors import DeliveryRefused
from gateways.webhooks.port import WebhookEntrance
from gateways.webhooks.stripe_signature import StripeWebhooks
from tests.gateways.webhooks.conftest import PayPalParts
from tests.gateways.webhooks.sender import SECRET, Delivery, paypal_body, signed_by_stripe, stripe_body

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
WINDOW = 300
ALTERED = 10_000
GENUINE = 200
SEED = 20261125
BYTES = bytes(range(256))


def altered_text(chance: random.Random, text: str) -> str:
    """Change, drop or add one character, or cut the text."""
    place = chance.randrange(len(text))
    other = chance.choice(string.printable)
    return chance.choice(
        [
            text[:place] + other + text[place + 1 :],
            text[:place] + text[place + 1 :],
            text[:place] + other + text[place:],
        ]
    )


def altered_body(chance: random.Random, body: bytes) -> bytes:
    """Flip a bit, change, drop, add or swap bytes, or cut the body."""
    place = chance.randrange(len(body))
    byte = bytes([chance.choice(BYTES)])
    return chance.choice(
        [
            body[:place] + bytes([body[place] ^ 1 << chance.randrange(8)]) + body[place + 1 :],
            body[:place] + byte + body[place + 1 :],
            body[:place] + body[place + 1 :],
            body[:place] + byte + body[place:],
            body[:place],
            body + byte,
            body[place:] + body[:place],
            body.replace(b"succeeded", b"failed").replace(b"COMPLETED", b"DECLINED"),
        ]
    )


def forgeries(chance: random.Random, genuine: list[Delivery]) -> Iterator[Delivery]:
    """Deliveries that differ from genuine ones in a header, in the body, or in which of them belong together."""
    while True:
        headers, body = chance.choice(genuine)
        name = chance.choice(list(headers))
        other_headers, _ = chance.choice(genuine)
        made = chance.choice(
            [
                ({**headers, name: altered_text(chance, headers[name])}, body),
                (headers, altered_body(chance, body)),
                (other_headers, body),
                ({**headers, name: other_headers[name]}, body),
                ({key: value for key, value in headers.items() if key != name}, body),
            ]
        )
        if made not in genuine:
            yield made


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


def names_another_certificate(forged: Delivery, genuine: Delivery) -> bool:
    """Whether it names another certificate of an allowed host, which is asked for: see the test of invented ones."""
    host = genuine[0]["paypal-cert-url"].rpartition("/")[0]
    url = forged[0].get("paypal-cert-url", "")
    return url != genuine[0]["paypal-cert-url"] and url.startswith(host)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_test ", SECRET.upper(), "whsec_local"])
async def test_another_secret(secret: str) -> None:
    """Nothing near the secret is as good as the secret."""
    body = stripe_body()
    headers = signed_by_stripe(body, NOW, secret) if secret else signed_by_stripe(body, NOW, " ")
    assert not await admitted(StripeWebhooks([SECRET], WINDOW), headers, body)
