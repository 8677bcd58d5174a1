"""Only what PayPal signed for our webhook, of now, by a certificate that is really PayPal's, is let in."""

import base64
import zlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateways.webhooks.errors import CertificateOutOfReach, DeliveryRefused
from tests.gateways.webhooks.authority import NAME, Authority, new_key, pem
from tests.gateways.webhooks.canary import canary
from tests.gateways.webhooks.conftest import NOW, WINDOW, PayPalParts
from tests.gateways.webhooks.sender import CERTIFICATE_PATH, paypal_body, same_checksum

BODY = paypal_body()
ATTACK = "http://127.0.0.1"


async def refused(paypal: PayPalParts, headers: dict[str, str], body: bytes = BODY) -> str:
    """Why a delivery is refused."""
    with pytest.raises(DeliveryRefused) as refusal:
        await paypal.entrance.admit(headers, body, NOW)
    return str(refusal.value)


async def test_a_genuine_delivery_is_let_in_and_its_certificate_fetched_once(paypal: PayPalParts) -> None:
    """The certificate is asked for with the first delivery, and then known."""
    for _ in range(5):
        headers = paypal.sender.headers(BODY, NOW)
        admitted = await paypal.entrance.admit(headers, BODY, NOW)
        assert admitted.transmission_id == headers["paypal-transmission-id"]
        assert admitted.headers == headers
    assert paypal.host.requests == [f"GET {CERTIFICATE_PATH} HTTP/1.1"]


@pytest.mark.parametrize("seconds", [-WINDOW - 1, WINDOW + 1])
async def test_what_is_not_of_now_is_refused_and_nothing_is_fetched(paypal: PayPalParts, seconds: int) -> None:
    """A recorded delivery cannot be played again later, nor one be made for later."""
    headers = paypal.sender.headers(BODY, NOW + timedelta(seconds=seconds))
    assert "at most 300 s are allowed" in await refused(paypal, headers)
    assert paypal.host.requests == []


async def test_a_delivery_for_another_webhook_is_refused(paypal: PayPalParts) -> None:
    """What PayPal signed for another merchant, or for another webhook of ours, is not for us."""
    other = replace(paypal.sender, webhook_id="WH-OTHER")
    assert "another webhook" in await refused(paypal, other.headers(BODY, NOW))


async def test_the_checksum_is_of_the_raw_body(paypal: PayPalParts) -> None:
    """The same JSON written otherwise, such as 1.0 as 1, is another body."""
    assert "another body" in await refused(paypal, paypal.sender.headers(BODY, NOW), BODY.replace(b"1.0", b"1"))


async def test_a_body_with_the_same_checksum_passes_this_check_alone(paypal: PayPalParts) -> None:
    """PayPal's signature cannot tell such bodies apart, which is why a transmission stands for one body in the inbox."""
    room = "a" * 64
    genuine = paypal_body(note=room)
    forged = same_checksum(paypal_body(note=room, id="CAPTURE9"), zlib.crc32(genuine), room.encode())
    assert forged != genuine
    await paypal.entrance.admit(paypal.sender.headers(genuine, NOW), forged, NOW)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://API.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/../../v2/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?to=elsewhere",
        "https://api.paypal.com/v1/notifications/certs/CERT-1#x",
        "https://api.paypal.com/v1/notifications/certs/%2e%2e",
        "https://api.paypal.com/v1/notifications/certs/",
        "https://api.paypal.com\\@evil.example/v1/notifications/certs/CERT-1",
        "file:///v1/notifications/certs/CERT-1",
        "//api.paypal.com/v1/notifications/certs/CERT-1",
        "https://[::1]/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/CERT-1\n",
        "https://[/v1/notifications/certs/CERT-1",
    ],
)
async def test_an_address_that_is_not_paypals_is_refused(paypal: PayPalParts, url: str) -> None:
    """Whoever sends a delivery cannot make us ask anything of any other host, port, path or scheme."""
    headers = replace(paypal.sender, certificate_url=url).headers(BODY, NOW)
    assert "not one of PayPal's" in await refused(paypal, headers)


async def test_a_foreign_address_is_never_asked(paypal: PayPalParts) -> None:
    """A server that an attacker would have us ask sees no request, not even through a redirect of an allowed host."""
    async with canary() as bird:
        bird.gives(b"")
        for url in (f"{bird.url}{CERTIFICATE_PATH}", f"http://127.0.0.1:{paypal.host.port}@127.0.0.1:{bird.port}/x"):
            headers = replace(paypal.sender, certificate_url=url).headers(BODY, NOW)
            assert "not one of PayPal's" in await refused(paypal, headers)
        paypal.host.gives(b"", "302 Found", f"Location: {bird.url}{CERTIFICATE_PATH}")
        assert "answers 302" in await refused(paypal, paypal.sender.headers(BODY, NOW))
        assert bird.requests == []
        assert len(paypal.host.requests) == 1


async def test_a_certificate_of_another_authority_is_refused(paypal: PayPalParts) -> None:
    """Whoever can put a file on an allowed host still cannot sign as PayPal."""
    other = Authority(NOW, "Another authority")
    key = new_key()
    paypal.host.gives(pem(other.certificate(key)) + pem(other.root))
    headers = replace(paypal.sender, key=key).headers(BODY, NOW)
    assert "not to be trusted" in await refused(paypal, headers)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"server_name": "www.example.com"}, "name that ends with .paypal.com"),
        ({"server_name": "paypal.com.example"}, "name that ends with .paypal.com"),
        ({"server_name": "evilpaypal.com"}, "name that ends with .paypal.com"),
        ({"server_name": None}, "name that ends with .paypal.com"),
        ({"starts": -9, "ends": -8}, "not to be trusted"),
        ({"starts": 8}, "not to be trusted"),
    ],
)
async def test_a_certificate_that_is_not_in_order_is_refused(
    paypal: PayPalParts, options: dict[str, Any], said: str
) -> None:
    """A certificate of a trusted authority counts only under PayPal's name and within its dates."""
    now_is = {"server_name": NAME, **options}
    key = new_key()
    paypal.host.gives(pem(paypal.authority.certificate(key, **now_is)))
    assert said in await refused(paypal, replace(paypal.sender, key=key).headers(BODY, NOW))


async def test_a_certificate_cannot_vouch_for_another(paypal: PayPalParts) -> None:
    """The holder of some server's key is no authority."""
    key, own = new_key(), new_key()
    middle = paypal.authority.certificate(own)
    forger = Authority(NOW, NAME, own)
    paypal.host.gives(pem(forger.certificate(key)) + pem(middle))
    assert "not to be trusted" in await refused(paypal, replace(paypal.sender, key=key).headers(BODY, NOW))


@pytest.mark.parametrize(
    ("body", "said"), [(b"nothing", "no certificate"), (b"", "no certificate"), (b"x" * 100_000, "too long")]
)
async def test_what_is_no_certificate_is_refused(paypal: PayPalParts, body: bytes, said: str) -> None:
    """An answer of any content and size is bounded and read without harm."""
    paypal.host.gives(body)
    assert said in await refused(paypal, paypal.sender.headers(BODY, NOW))


@pytest.mark.parametrize("status", ["500 Oops", "503 Busy", "429 Slower"])
async def test_while_the_certificate_cannot_be_had_the_delivery_is_to_be_sent_again(
    paypal: PayPalParts, status: str
) -> None:
    """A genuine delivery is not refused for an outage of PayPal's; it is taken when the certificate is there again."""
    good = paypal.host.answer
    paypal.host.gives(b"", status)
    headers = paypal.sender.headers(BODY, NOW)
    with pytest.raises(CertificateOutOfReach):
        await paypal.entrance.admit(headers, BODY, NOW)
    paypal.host.answer = good
    await paypal.entrance.admit(headers, BODY, NOW)


async def test_an_invented_certificate_is_not_asked_for_again_and_again(paypal: PayPalParts) -> None:
    """A flood of forgeries does not become a flood of requests to PayPal."""
    paypal.host.gives(b"", "404 Not Found")
    for _ in range(20):
        assert "answers 404" in await refused(paypal, paypal.sender.headers(BODY, NOW))
    assert len(paypal.host.requests) == 1

    def invented(number: int) -> dict[str, str]:
        url = f"{paypal.host.url}/v1/notifications/certs/CERT-{number}"
        return replace(paypal.sender, certificate_url=url).headers(BODY, NOW)

    for number in range(19):
        assert "answers 404" in await refused(paypal, invented(number))
    with pytest.raises(CertificateOutOfReach, match="too many certificates"):
        await paypal.entrance.admit(invented(20), BODY, NOW)
    assert len(paypal.host.requests) == 20


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("paypal-auth-algo", "SHA1withRSA"),
        ("paypal-auth-algo", "none"),
        ("paypal-transmission-time", "yesterday"),
        ("paypal-transmission-time", "2026-13-45T12:00:00Z"),
        ("paypal-transmission-id", "a|b"),
        ("paypal-transmission-id", "x" * 2000),
        ("paypal-transmission-sig", "!!!"),
        ("paypal-transmission-sig", ""),
    ],
)
async def test_a_header_that_cannot_be_read_is_refused(paypal: PayPalParts, name: str, value: str) -> None:
    """Nothing that is not exactly what PayPal sends is guessed at, and nothing is fetched for it."""
    assert await refused(paypal, {**paypal.sender.headers(BODY, NOW), name: value})
    assert paypal.host.requests == []


async def test_one_signature_has_one_spelling(paypal: PayPalParts) -> None:
    """A signature whose spare bits were changed decodes to the same bytes, and is an altered delivery all the same."""
    headers = paypal.sender.headers(BODY, NOW)
    text = headers["paypal-transmission-sig"]
    assert text.endswith("==")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = text[:-3] + alphabet[alphabet.index(text[-3]) ^ 1] + "=="
    assert base64.b64decode(other) == base64.b64decode(text)
    for spelling in (other, text + "\n", text.rstrip("=")):
        assert "cannot be read" in await refused(paypal, {**headers, "paypal-transmission-sig": spelling})
