"""PayPal-Request-Ids: a repeat gets the same object in its latest state, until the id is forgotten."""

import asyncio
from typing import Any

import pytest

from local.simulators import SimulatorProcess
from tests.simulators.paypal.caller import WALLET, Caller, dollars, wallet
from tests.simulators.paypal.test_authorizations import DAY, advance, kinds

ORDER: dict[str, Any] = {"intent": "CAPTURE", "purchase_units": [{"amount": dollars("10.00")}]}


async def test_repeat_gets_the_latest_state(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """The first answer is 201, a repeat 200 with the object as it is now, and nothing happens twice."""
    first = await caller.post("/v2/checkout/orders", ORDER, "c1:create")
    paid = await caller.pay(first.body["id"], wallet("wallet_pending_review"), "c1:capture:1")
    repeated = await caller.post("/v2/checkout/orders", ORDER, "c1:create")
    assert (first.status, first.body["status"]) == (201, "CREATED")
    assert (repeated.status, repeated.body["id"], repeated.body["status"]) == (200, first.body["id"], "COMPLETED")
    await advance(caller, paypal_simulator, 61)
    again = await caller.pay(first.body["id"], wallet("wallet_pending_review"), "c1:capture:1")
    statuses = [answer.body["purchase_units"][0]["payments"]["captures"][0]["status"] for answer in (paid, again)]
    assert (again.status, statuses) == (200, ["PENDING", "COMPLETED"])
    assert [kind for kind, _ in kinds(paypal_simulator)] == ["capture", "fee"]
    replayed = [request["replayed"] for request in paypal_simulator.truth()["requests"] if request["idempotency_key"]]
    assert replayed == [False, False, True, True]


async def test_every_payment_call_repeats(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """Captures of authorizations, voids and refunds are answered again, and take effect once."""
    authorization = await caller.authorized()
    captures = [await caller.capture(authorization["id"], "c1:capture:1", value="40.00") for _ in range(2)]
    refunds = [await caller.refund(captures[0].body["id"], "c1:refund:1", value="15.00") for _ in range(2)]
    path = f"/v2/payments/authorizations/{authorization['id']}/void"
    voids = [await caller.post(path, request_id="c1:void:1") for _ in range(2)]
    assert [answer.status for answer in (*captures, *refunds, *voids)] == [201, 200, 201, 200, 200, 200]
    assert captures[0].body["id"] == captures[1].body["id"]
    assert refunds[0].body == refunds[1].body
    assert captures[1].body["status"] == "COMPLETED"
    assert [kind for kind, _ in kinds(paypal_simulator)] == ["authorize", "capture", "fee", "refund", "void"]


@pytest.mark.parametrize(("days", "status", "refunded"), [(44, 200, 1), (46, 201, 2)])
async def test_payment_id_is_forgotten(
    caller: Caller, paypal_simulator: SimulatorProcess, days: int, status: int, refunded: int
) -> None:
    """After 45 days a repeated refund is a second refund."""
    capture = await caller.captured()
    await caller.refund(capture["id"], "c1:refund:1", value="10.00")
    await advance(caller, paypal_simulator, days * DAY)
    assert (await caller.refund(capture["id"], "c1:refund:1", value="10.00")).status == status
    assert len(kinds(paypal_simulator)) == 2 + refunded


async def test_order_id_is_forgotten(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """After six hours a repeated order is a second order; a repeated capture meets the order that was captured."""
    first = await caller.post("/v2/checkout/orders", ORDER, "c1:create")
    await caller.pay(first.body["id"], WALLET, "c1:capture:1")
    await advance(caller, paypal_simulator, 6 * 3600 + 1)
    second = await caller.post("/v2/checkout/orders", ORDER, "c1:create")
    assert (second.status, second.body["id"] == first.body["id"]) == (201, False)
    assert (await caller.pay(first.body["id"], WALLET, "c1:capture:1")).issue == "ORDER_ALREADY_CAPTURED"


async def test_refused_request_is_not_remembered(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A repeat of a refused request is tried anew, and succeeds if what was in its way has gone."""
    capture = await caller.captured()
    paypal_simulator.configure(merchant_balance="empty")
    assert (await caller.refund(capture["id"], "c1:refund:1")).status == 422
    paypal_simulator.configure(merchant_balance="enough")
    assert (await caller.refund(capture["id"], "c1:refund:1")).status == 201


@pytest.mark.parametrize(("setting", "status"), [("refuse", 422), ("repeat", 200)])
async def test_used_id_with_other_content(
    caller: Caller, paypal_simulator: SimulatorProcess, setting: str, status: int
) -> None:
    """A used id with another amount is refused, or answered with the old refund, as configured; never a new effect."""
    paypal_simulator.configure(changed_repeat=setting)
    capture = await caller.captured()
    await caller.refund(capture["id"], "c1:refund:1", value="10.00")
    answer = await caller.refund(capture["id"], "c1:refund:1", value="20.00")
    assert answer.status == status
    assert (
        answer.issue == "PAYPAL_REQUEST_ID_PREVIOUSLY_USED"
        if status == 422
        else answer.body["amount"] == dollars("10.00")
    )
    assert kinds(paypal_simulator)[2:] == [("refund", 1000)]


async def test_request_in_progress(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """While a request is being worked on, a second one with its id is 409; afterwards it is a repeat."""
    capture = await caller.captured()
    paypal_simulator.add_fault(path="*/refund", when="before", action="delay", delay_seconds=0.5)
    slow = asyncio.create_task(caller.refund(capture["id"], "c1:refund:1"))
    await asyncio.sleep(0.2)
    conflict = await caller.refund(capture["id"], "c1:refund:1")
    assert (conflict.status, conflict.body["name"]) == (409, "RESOURCE_CONFLICT")
    assert conflict.issue == "PREVIOUS_REQUEST_IN_PROGRESS"
    assert (await slow).status == 201
    assert (await caller.refund(capture["id"], "c1:refund:1")).status == 200


async def test_same_id_at_another_endpoint(caller: Caller) -> None:
    """An id belongs to what it was sent to: an order and its capture may be made under one id."""
    order = await caller.post("/v2/checkout/orders", ORDER, "c1")
    assert (await caller.pay(order.body["id"], WALLET, "c1")).status == 201


async def test_overlong_id(caller: Caller) -> None:
    """An id of more than 108 characters is refused."""
    assert (await caller.post("/v2/checkout/orders", ORDER, "x" * 108)).status == 201
    refused = await caller.post("/v2/checkout/orders", ORDER, "x" * 109)
    assert (refused.status, refused.issue) == (400, "INVALID_STRING_LENGTH")


@pytest.mark.parametrize("unique", [True, False])
async def test_invoice_ids(caller: Caller, paypal_simulator: SimulatorProcess, *, unique: bool) -> None:
    """With the account setting on, an invoice id pays once and refunds once, whatever the request id."""
    paypal_simulator.configure(unique_invoice_ids=unique)
    authorization = await caller.authorized()
    capture = await caller.capture(authorization["id"], "a", value="10.00", invoice_id="c1:capture:1")
    await caller.refund(capture.body["id"], "b", value="1.00", invoice_id="c1:refund:1")
    answers = [
        await caller.capture(authorization["id"], "c", value="10.00", invoice_id="c1:capture:1"),
        await caller.refund(capture.body["id"], "d", value="1.00", invoice_id="c1:refund:1"),
        await caller.pay(await caller.order(invoice_id="c1:capture:1"), WALLET),
    ]
    assert [answer.status for answer in answers] == ([422] * 3 if unique else [201] * 3)
    if unique:
        assert {answer.issue for answer in answers} == {"DUPLICATE_INVOICE_ID"}
