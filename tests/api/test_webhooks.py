"""A genuine delivery is kept before it is answered; anything else is answered in one line, and nothing is kept."""

import asyncio
import random
import zlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice

import httpx
import pytest

from api.bodies import MAX_BODY_BYTES
from tests.api.conftest import JSON, Service
from tests.gateways.webhooks.forger import forgeries, names_another_certificate
from tests.gateways.webhooks.sender import Delivery, paypal_body, same_checksum, signed_by_stripe, stripe_body

FORGED = 600
GENUINE = 20
SEED = 20261125


def can_be_sent(delivery: Delivery) -> bool:
    """Whether HTTP carries its headers as they are: no line ends, and no blanks around."""
    return all(value.isprintable() and value == value.strip() for value in delivery[0].values())


async def deliver(service: Service, gateway: str, headers: dict[str, str], body: bytes) -> httpx.Response:
    """Deliver what may be forged."""
    return await service.http.post(f"/webhooks/{gateway}", content=body, headers={**JSON, **headers})


def one_line(text: str) -> bool:
    """Whether an answer is one line without a traceback."""
    return text.count("\n") == 1 and "Traceback" not in text


async def test_genuine_deliveries_are_kept_as_they_came(service: Service) -> None:
    """With Temporal and the gateways down, an event is kept to the byte and its sender told so."""
    body = stripe_body() + b"\n"
    answer = await service.stripe(body)
    assert (answer.status_code, answer.text) == (200, "kept\n")
    assert (await service.from_paypal()).status_code == 200
    stripe, paypal = service.rows()
    assert (bytes(stripe["body"]), stripe["event_id"], stripe["state"]) == (body, "evt_1", "received")
    assert (paypal["gateway"], paypal["event_id"]) == ("paypal", "WH-1")
    assert set(paypal["headers"]) >= {"paypal-transmission-sig", "paypal-cert-url"}


async def test_each_secret_of_a_rotation_is_good(service: Service) -> None:
    """Deliveries signed with the old and with the next secret are taken."""
    for number, secret in enumerate(("whsec_next", "whsec_test")):
        body = stripe_body(f"evt_{number}")
        assert (await service.stripe(body, signed_by_stripe(body, datetime.now(UTC), secret))).status_code == 200


async def test_fifty_copies_at_once_are_one_event(service: Service) -> None:
    """A gateway that sends a delivery fifty times at the same moment is thanked fifty times, for one event."""
    body = stripe_body()
    headers = signed_by_stripe(body, datetime.now(UTC))
    answers = await asyncio.gather(*(service.stripe(body, headers) for _ in range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    assert sorted(answer.text for answer in answers) == ["kept\n"] + ["known already\n"] * 49
    [row] = service.rows()
    assert row["deliveries"] == 50


async def test_what_is_not_genuine_is_refused_and_not_kept(service: Service) -> None:
    """Forged, altered, stale and future deliveries leave nothing behind, and the answer is one line."""
    now = datetime.now(UTC)
    body, other = stripe_body(), paypal_body()
    answers = [
        await service.stripe(body, signed_by_stripe(body, now, "whsec_wrong")),
        await service.stripe(body + b" ", signed_by_stripe(body, now)),
        await service.stripe(body, signed_by_stripe(body, now - timedelta(seconds=302))),
        await service.stripe(body, signed_by_stripe(body, now + timedelta(seconds=305))),
        await service.stripe(body, {"x": "y"}),
        await service.from_paypal(other + b" ", service.paypal.headers(other, now)),
        await service.from_paypal(other, service.paypal.headers(other, now - timedelta(seconds=302))),
        await service.from_paypal(other, {"x": "y"}),
    ]
    for answer in answers:
        assert answer.status_code == 400
        assert answer.text.startswith("refused: ")
        assert one_line(answer.text)
    assert service.rows() == []


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
async def test_of_some_hundred_forged_and_altered_deliveries_none_is_kept(service: Service, gateway: str) -> None:
    """Over HTTP as by themselves: each is refused, each genuine one between them is taken, and nothing else is kept.

    Ten thousand for each gateway are held against its entrance in `tests/gateways/webhooks`.
    """
    now, chance = datetime.now(UTC), random.Random(SEED)
    if gateway == "stripe":
        bodies = [stripe_body(f"evt_{number}", amount=number) for number in range(GENUINE)]
        genuine = [(signed_by_stripe(body, now), body) for body in bodies]
    else:
        bodies = [paypal_body(f"WH-{number}", custom_id=f"ch_{number}:capture:1") for number in range(GENUINE)]
        genuine = [(service.paypal.headers(body, now), body) for body in bodies]
    forged = (each for each in forgeries(chance, genuine) if can_be_sent(each))
    answers: Counter[int] = Counter()
    for number, (headers, body) in enumerate(genuine):
        sent = (each for each in forged if not names_another_certificate(each, genuine[number]))
        for other_headers, other_body in islice(sent, FORGED // GENUINE):
            answer = await deliver(service, gateway, other_headers, other_body)
            answers[answer.status_code] += 1
            assert one_line(answer.text)
        assert (await deliver(service, gateway, headers, body)).text == "kept\n"
    assert answers == {400: FORGED}
    assert [bytes(row["body"]) for row in service.rows()] == bodies


async def test_a_body_with_the_same_checksum_is_refused(service: Service) -> None:
    """Whoever saw a genuine delivery of PayPal's cannot put another body under its signature."""
    room = "a" * 64
    genuine = paypal_body(note=room)
    headers = service.paypal.headers(genuine, datetime.now(UTC))
    assert (await service.from_paypal(genuine, headers)).status_code == 200
    for other in (paypal_body(note=room, id="CAPTURE9"), paypal_body("WH-2", note=room)):
        forged = same_checksum(other, zlib.crc32(genuine), room.encode())
        answer = await service.from_paypal(forged, headers)
        assert answer.status_code == 400
        assert "is known with other content" in answer.text
    [row] = service.rows()
    assert (bytes(row["body"]), row["deliveries"]) == (genuine, 1)


async def test_a_delivery_that_was_recorded_is_a_copy(service: Service) -> None:
    """Played again within the window, a genuine delivery is counted and does nothing."""
    body = paypal_body()
    headers = service.paypal.headers(body, datetime.now(UTC))
    for _ in range(3):
        assert (await service.from_paypal(body, headers)).status_code == 200
    [row] = service.rows()
    assert row["deliveries"] == 3


async def test_nothing_is_fetched_for_a_foreign_certificate(service: Service) -> None:
    """No delivery makes us ask another host than PayPal's."""
    body = paypal_body()
    headers = service.paypal.headers(body, datetime.now(UTC))
    url = headers["paypal-cert-url"].replace("127.0.0.1", "localhost")
    answer = await service.from_paypal(body, {**headers, "paypal-cert-url": url})
    assert answer.status_code == 400
    assert service.paypal_host.requests == []


async def test_a_certificate_that_cannot_be_had_now_is_asked_for_again(service: Service) -> None:
    """While PayPal does not give its certificate the sender is asked to come again, and is then let in."""
    good = service.paypal_host.answer
    service.paypal_host.gives(b"", "503 Busy")
    answer = await service.from_paypal()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    service.paypal_host.answer = good
    assert (await service.from_paypal()).status_code == 200


@pytest.mark.parametrize(
    ("content_type", "status"),
    [("application/json; charset=utf-8", 200), ("Application/JSON", 200), ("text/plain", 415), ("", 415)],
)
async def test_only_json_is_read(service: Service, content_type: str, status: int) -> None:
    """A form or a page, such as a browser can be made to send, is not even read."""
    body = stripe_body()
    headers = {**signed_by_stripe(body, datetime.now(UTC)), "content-type": content_type}
    answer = await service.http.post("/webhooks/stripe", content=body, headers=headers)
    assert answer.status_code == status
    assert one_line(answer.text)


async def test_a_body_that_is_too_large_is_refused(service: Service) -> None:
    """A body is bounded, whether its size is said before or not; at the bound it is read."""
    large = b" " * (MAX_BODY_BYTES + 1)

    async def in_pieces() -> object:
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]

    for content in (large, in_pieces()):
        answer = await service.http.post("/webhooks/stripe", content=content, headers=JSON)  # type: ignore[arg-type]
        assert answer.status_code == 413
        assert one_line(answer.text)
    body = stripe_body().ljust(MAX_BODY_BYTES)
    assert (await service.stripe(body)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/webhooks/stripe", 405), ("POST", "/webhooks/adyen", 404), ("GET", "/", 404), ("GET", "/health", 200)],
)
async def test_other_requests(service: Service, method: str, path: str, status: int) -> None:
    """There is nothing here but webhooks and a health check."""
    answer = await service.http.request(method, path, headers=JSON)
    assert answer.status_code == status
    assert "Traceback" not in answer.text
