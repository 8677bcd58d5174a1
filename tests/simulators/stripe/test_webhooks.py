"""Webhooks: signed as the SDK wants it, retried for three days, and everything that can go wrong with them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from local.errors import LocalError
from local.ports import free_port
from local.simulators import SimulatorProcess, start_stripe
from tests.simulators.stripe.caller import VERSION, Caller
from tests.simulators.stripe.receiver import Receiver

SECRET = "whsec_of_the_test"
PAYMENT = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]

pytestmark = pytest.mark.simulator


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where the events go."""
    running = Receiver()
    yield running
    running.close()


@pytest.fixture
def sender(receiver: Receiver, tmp_path: Path) -> Iterator[SimulatorProcess]:
    """A simulator that sends its events there."""
    with start_stripe(
        free_port(), state=tmp_path / "state", log=tmp_path / "log", webhook_url=receiver.url, webhook_secret=SECRET
    ) as simulator:
        yield simulator


@pytest.fixture
async def buyer(sender: SimulatorProcess) -> AsyncIterator[Caller]:
    """A caller of that simulator."""
    headers = {"Authorization": "Bearer sk_test_1", "Stripe-Version": VERSION}
    async with httpx.AsyncClient(base_url=sender.url, headers=headers, trust_env=False) as client:
        yield Caller(client)


def _events(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for body, _ in receiver.deliveries]


def _kinds(receiver: Receiver) -> list[str]:
    return [event["type"] for event in _events(receiver)]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.02)


async def test_signed_delivery(buyer: Caller, receiver: Receiver) -> None:
    """Every event arrives once, with a signature that the SDK accepts for this secret and no other."""
    await buyer.confirmed()
    await _until(lambda: len(receiver.deliveries) == 3)
    assert sorted(_kinds(receiver)) == sorted(PAYMENT)
    for body, signature in receiver.deliveries:
        event = stripe.Webhook.construct_event(body, signature, SECRET)
        assert event.api_version == VERSION
        assert event.pending_webhooks == 1
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body + b" ", signature, SECRET)
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body, signature, "whsec_other")


async def test_retries_for_three_days(
    buyer: Caller, http: httpx.AsyncClient, sender: SimulatorProcess, receiver: Receiver
) -> None:
    """A refused event comes again, later each time, until three days are over."""
    receiver.status = 500
    await buyer.post("/v1/customers")
    await _until(lambda: len(receiver.deliveries) == 1)
    await asyncio.sleep(0.5)
    assert len(receiver.deliveries) == 1
    sender.advance_clock(61)
    await _until(lambda: len(receiver.deliveries) == 2)
    receiver.status = 200
    sender.advance_clock(301)
    await _until(lambda: len(receiver.deliveries) == 3)
    assert len({body for body, _ in receiver.deliveries}) == 1

    receiver.status = 500
    await buyer.post("/v1/customers")
    for _ in range(40):
        sender.advance_clock(12 * 3600)
        await asyncio.sleep(0.25)
        if (await http.get(f"{sender.url}/_control/webhooks")).json()["waiting"] == 0:
            break
    assert len(receiver.deliveries) == 3 + 12


async def test_held_back_and_dropped(buyer: Caller, sender: SimulatorProcess, receiver: Receiver) -> None:
    """Held events come when they are let go; dropped ones never, but can still be listed."""
    sender.configure(webhooks="hold")
    await buyer.confirmed()
    await asyncio.sleep(0.5)
    assert receiver.deliveries == []
    sender.configure(webhooks="deliver")
    await _until(lambda: len(receiver.deliveries) == 3)
    sender.configure(webhooks="drop")
    await buyer.post("/v1/customers")
    await asyncio.sleep(0.5)
    assert len(receiver.deliveries) == 3
    assert (await buyer.get("/v1/events", limit=1)).body["data"][0]["type"] == "customer.created"


async def test_duplicates(buyer: Caller, sender: SimulatorProcess, receiver: Receiver) -> None:
    """A duplicated event is the same event twice."""
    sender.configure(webhooks="duplicate")
    await buyer.post("/v1/customers")
    await _until(lambda: len(receiver.deliveries) == 2)
    first, second = _events(receiver)
    assert first == second


async def test_two_events_for_one_change(buyer: Caller, sender: SimulatorProcess, receiver: Receiver) -> None:
    """Twin events have ids of their own and tell the same; an endpoint's older version is rendered as such."""
    sender.configure(twin_events=True, event_api_version="2024-06-20")
    await buyer.post("/v1/customers")
    await _until(lambda: len(receiver.deliveries) == 2)
    first, second = _events(receiver)
    assert first["id"] != second["id"]
    assert first["data"] == second["data"]
    assert first["api_version"] == "2024-06-20"


async def test_out_of_order(buyer: Caller, sender: SimulatorProcess, receiver: Receiver) -> None:
    """Reordered events arrive last first."""
    sender.configure(webhooks="reorder")
    await buyer.confirmed()
    await _until(lambda: len(receiver.deliveries) == 3)
    assert _kinds(receiver) == PAYMENT[::-1]


async def test_before_the_response(buyer: Caller, sender: SimulatorProcess, receiver: Receiver) -> None:
    """An event can arrive before the answer of the request that caused it, and names its key."""
    sender.configure(webhooks="before_response")
    await buyer.post("/v1/customers", "the-key")
    (event,) = _events(receiver)
    assert event["request"]["idempotency_key"] == "the-key"
    await asyncio.sleep(0.4)
    assert len(receiver.deliveries) == 1


async def test_delivered_by_hand(buyer: Caller, sender: SimulatorProcess, receiver: Receiver) -> None:
    """Any event can be delivered in any order, so many times, also one that was lost; what was taken does not come again."""
    sender.configure(webhooks="hold")
    await buyer.confirmed()
    events = {event["type"]: event["event_id"] for event in sender.webhooks()}
    assert list(events) == PAYMENT
    assert [event["waiting"] for event in sender.webhooks()] == [1, 1, 1]
    sender.discard_webhook(events["payment_intent.created"])
    assert sender.deliver_webhook(events["payment_intent.succeeded"], 3) == [200] * 3
    assert sender.deliver_webhook(events["charge.succeeded"], 20, at_once=True) == [200] * 20
    sender.configure(webhooks="deliver")
    await asyncio.sleep(0.5)
    assert _kinds(receiver) == ["payment_intent.succeeded"] * 3 + ["charge.succeeded"] * 20
    assert sender.deliver_webhook(events["payment_intent.created"]) == [200]
    receiver.status = 500
    assert sender.deliver_webhook(events["charge.succeeded"]) == [500]


def test_impossible_deliveries(sender: SimulatorProcess) -> None:
    """An unknown event, or a number of copies that makes no sense, is refused."""
    with pytest.raises(LocalError, match=r"404.*no event evt_1"):
        sender.deliver_webhook("evt_1")
    with pytest.raises(LocalError, match=r"404.*no event evt_1"):
        sender.discard_webhook("evt_1")
    with pytest.raises(LocalError, match="from 1 to 1000"):
        sender.deliver_webhook("evt_1", 0)
