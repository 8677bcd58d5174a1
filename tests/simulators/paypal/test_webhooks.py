"""Webhook events: signed as PayPal signs them, listed, sent again, and checked by PayPal's own endpoint."""

import asyncio
import base64
import json
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from local import simulators
from local.ports import free_port
from local.simulators import SimulatorProcess
from tests.simulators.paypal.caller import WALLET, Caller, wallet

pytestmark = pytest.mark.simulator

WEBHOOK_ID = "1JE4291016473214C"
NAMES = ("transmission_id", "transmission_time", "transmission_sig", "cert_url", "auth_algo")


@dataclass
class Receiver:
    """A webhook address; keeps the headers and the raw body of what it takes."""

    port: int
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request and answer 200."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
        self.taken.append((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def wait_for(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        """What was taken, once it is so many."""
        async with asyncio.timeout(10):
            while len(self.taken) < count:
                await asyncio.sleep(0.02)
        return self.taken


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A webhook address of the test."""
    receiver = Receiver(free_port())
    async with await asyncio.start_server(receiver.take, "127.0.0.1", receiver.port):
        yield receiver


@pytest.fixture
async def sender(receiver: Receiver, tmp_path: Path) -> AsyncIterator[Caller]:
    """A caller of a simulator that sends its events to the receiver."""
    url = f"http://127.0.0.1:{receiver.port}/hooks/paypal"
    with simulators.start_paypal(
        free_port(), state=tmp_path / "state", log=tmp_path / "log", webhook_url=url, webhook_id=WEBHOOK_ID
    ) as simulator:
        async with httpx.AsyncClient(base_url=simulator.url, trust_env=False) as client:
            form = {"grant_type": "client_credentials"}
            token = (await client.post("/v1/oauth2/token", auth=("client", "secret"), data=form)).json()
            client.headers["Authorization"] = f"Bearer {token['access_token']}"
            yield Caller(client)


async def test_signature(sender: Caller, receiver: Receiver) -> None:
    """An event is signed over its id, time, webhook and the CRC of its bytes, by the certificate that it names."""
    await sender.captured()
    headers, body = (await receiver.wait_for(2))[0]
    pem = (await sender.client.get(headers["paypal-cert-url"])).content
    key = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    parts = [headers["paypal-transmission-id"], headers["paypal-transmission-time"], WEBHOOK_ID, str(zlib.crc32(body))]
    signature = base64.b64decode(headers["paypal-transmission-sig"])
    key.verify(signature, "|".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
    assert headers["paypal-auth-algo"] == "SHA256withRSA"
    event = json.loads(body)
    assert (event["event_type"], event["resource_type"]) == ("PAYMENT.CAPTURE.COMPLETED", "capture")
    assert event["id"].startswith("WH-")


async def test_verification(sender: Caller, receiver: Receiver) -> None:
    """PayPal confirms the exact bytes that it sent, and nothing else."""
    await sender.captured()
    headers, body = (await receiver.wait_for(1))[0]
    asked = {name: headers[f"paypal-{name.replace('_', '-')}"] for name in NAMES}
    altered = body.replace(b"100.00", b"900.00")
    reordered = json.dumps(json.loads(body), sort_keys=True).encode()
    for webhook_id, event, status in (
        (WEBHOOK_ID, body, "SUCCESS"),
        (WEBHOOK_ID, altered, "FAILURE"),
        (WEBHOOK_ID, reordered, "FAILURE"),
        ("0EH40505U7160970P", body, "FAILURE"),
    ):
        known = json.dumps({**asked, "webhook_id": webhook_id})
        spliced = known[:-1].encode() + b', "webhook_event" : ' + event + b" }"
        answer = await sender.client.post(
            "/v1/notifications/verify-webhook-signature",
            content=spliced,
            headers={"Content-Type": "application/json"},
        )
        assert answer.json() == {"verification_status": status}


async def test_events_are_listed_and_sent_again(sender: Caller, receiver: Receiver) -> None:
    """Events can be listed by type and object, read, and sent once more under their id."""
    capture = await sender.captured()
    await receiver.wait_for(2)
    listed = await sender.get("/v1/notifications/webhooks-events", event_type="PAYMENT.CAPTURE.COMPLETED")
    assert listed.body["count"] == 1
    by_object = await sender.get("/v1/notifications/webhooks-events", transaction_id=capture["id"])
    event = by_object.body["events"][0]
    assert event == listed.body["events"][0]
    path = f"/v1/notifications/webhooks-events/{event['id']}"
    assert (await sender.get(path)).body == event
    assert (await sender.post(f"{path}/resend")).status == 202
    bodies = [json.loads(body) for _, body in await receiver.wait_for(3)]
    assert [body["id"] for body in bodies].count(event["id"]) == 2


async def test_events_are_listed_page_by_page(caller: Caller) -> None:
    """Following the links gives each event within the time once, newest first, whatever the size of a page."""
    for _ in range(4):
        await caller.captured()
    path = "/v1/notifications/webhooks-events"
    everything = (await caller.get(path, page_size=300)).body
    assert {link["rel"] for link in everything["links"]} == {"self"}
    moments = [event["create_time"] for event in everything["events"]]
    query = {"start_time": min(moments), "end_time": max(moments), "page_size": "3"}
    found: list[str] = []
    while True:
        page = (await caller.get(path, **query)).body
        assert page["count"] == len(page["events"]) <= 3
        found += [event["id"] for event in page["events"]]
        following = [link["href"] for link in page["links"] if link["rel"] == "next"]
        if not following:
            break
        address = urlsplit(following[0])
        assert address.path == path
        query = dict(parse_qsl(address.query))
    assert found == [event["id"] for event in everything["events"]]
    assert len(found) == 8
    assert (await caller.get(path, end_time="2020-01-01T00:00:00Z")).body["events"] == []
    assert (await caller.get(path, page_token="unknown")).issue == "INVALID_PARAMETER_VALUE"


async def test_events_of_a_payment(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """Each thing that happens to a payment is told."""
    authorization = await caller.authorized()
    capture = await caller.capture(authorization["id"], value="40.00")
    await caller.refund(capture.body["id"])
    await caller.post(f"/v2/payments/authorizations/{authorization['id']}/void")
    await caller.captured(wallet("wallet_pending_denied"))
    failing = await caller.captured(wallet("wallet_refund_fails"))
    await caller.refund(failing["id"])
    approved = await caller.order()
    paypal_simulator.complete_authentication(approved)
    await caller.pay(approved, WALLET)
    paypal_simulator.advance_clock(61)
    events = (await caller.get("/v1/notifications/webhooks-events", page_size=100)).body["events"]
    assert [event["event_type"] for event in reversed(events)] == [
        "PAYMENT.AUTHORIZATION.CREATED",
        "CHECKOUT.ORDER.COMPLETED",
        "PAYMENT.CAPTURE.COMPLETED",
        "PAYMENT.CAPTURE.REFUNDED",
        "PAYMENT.AUTHORIZATION.VOIDED",
        "PAYMENT.CAPTURE.PENDING",
        "CHECKOUT.ORDER.COMPLETED",
        "PAYMENT.CAPTURE.COMPLETED",
        "CHECKOUT.ORDER.COMPLETED",
        "PAYMENT.REFUND.PENDING",
        "CHECKOUT.ORDER.APPROVED",
        "PAYMENT.CAPTURE.COMPLETED",
        "CHECKOUT.ORDER.COMPLETED",
        "PAYMENT.CAPTURE.DECLINED",
        "PAYMENT.REFUND.FAILED",
    ]
