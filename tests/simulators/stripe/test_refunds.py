"""Refunds: how much is left, pending ones, ones that fail later, and their balance transactions."""

import asyncio

import pytest

from local.simulators import SimulatorProcess
from tests.simulators.stripe.caller import Caller


async def test_full_refund(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A refund without an amount gives back all that was captured; the fee stays with Stripe."""
    paid = await caller.confirmed()
    refund = await caller.post(
        "/v1/refunds",
        "c1:refund:1",
        payment_intent=paid["id"],
        reason="requested_by_customer",
        metadata={"operation_id": "c1:refund:1"},
        expand=["balance_transaction"],
    )
    assert (refund.body["status"], refund.body["amount"]) == ("succeeded", 2000)
    assert refund.body["balance_transaction"]["amount"] == -2000
    assert refund.body["balance_transaction"]["fee"] == 0
    assert refund.body["balance_transaction"]["reporting_category"] == "refund"
    charge = await caller.charge_of(paid)
    assert (charge["refunded"], charge["amount_refunded"]) == (True, 2000)
    effect = stripe_simulator.truth()["effects"][-1]
    assert (effect["kind"], effect["operation_id"], effect["object_id"]) == ("refund", "c1:refund:1", refund.body["id"])


async def test_partial_refunds_up_to_what_was_captured(caller: Caller) -> None:
    """Partial refunds never exceed the captured part, whatever `amount_refunded` of the charge says."""
    authorized = await caller.authorized()
    await caller.post(f"/v1/payment_intents/{authorized['id']}/capture", amount_to_capture=1000)
    assert (await caller.post("/v1/refunds", payment_intent=authorized["id"], amount=300)).status == 200
    refused = await caller.post("/v1/refunds", payment_intent=authorized["id"], amount=1000)
    assert refused.status == 400
    assert refused.error["param"] == "amount"
    assert "code" not in refused.error
    assert refused.error["message"] == ("Refund amount ($10.00) is greater than unrefunded amount on charge ($7.00)")
    assert (await caller.post("/v1/refunds", charge=authorized["latest_charge"], amount=700)).status == 200
    refused = await caller.post("/v1/refunds", payment_intent=authorized["id"], amount=1)
    assert refused.error["code"] == "charge_already_refunded"


@pytest.mark.parametrize("capture_method", ["manual", "automatic"])
async def test_nothing_captured_nothing_refunded(caller: Caller, capture_method: str) -> None:
    """An uncaptured payment cannot be refunded: 400 without a code."""
    payment_intent = (
        await caller.authorized()
        if capture_method == "manual"
        else await caller.payment_intent(capture_method="automatic")
    )
    refused = await caller.post("/v1/refunds", payment_intent=payment_intent["id"])
    assert refused.status == 400
    assert not {"code", "param"} & set(refused.error)


async def test_concurrent_refunds(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """Of many refunds of 60 at once on a charge of 100, one succeeds."""
    paid = await caller.confirmed(amount=10000)
    answers = await asyncio.gather(
        *(caller.post("/v1/refunds", f"refund-{n}", payment_intent=paid["id"], amount=6000) for n in range(20))
    )
    assert sorted(answer.status for answer in answers) == [200] + [400] * 19
    refunds = [effect for effect in stripe_simulator.truth()["effects"] if effect["kind"] == "refund"]
    assert [effect["amount_minor"] for effect in refunds] == [6000]


async def test_pending_refund_succeeds_later(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A pending refund succeeds by the clock, and an event tells it."""
    paid = await caller.confirmed("pm_card_pendingRefund")
    refund = (await caller.post("/v1/refunds", payment_intent=paid["id"])).body
    assert (refund["status"], refund["pending_reason"]) == ("pending", "processing")
    stripe_simulator.advance_clock(50)
    assert (await caller.get(f"/v1/refunds/{refund['id']}")).body["status"] == "pending"
    stripe_simulator.advance_clock(11)
    settled = (await caller.get(f"/v1/refunds/{refund['id']}")).body
    assert (settled["status"], settled["pending_reason"]) == ("succeeded", None)
    assert (await caller.get("/v1/events", limit=1)).body["data"][0]["type"] == "refund.updated"


async def test_refund_fails_after_it_succeeded(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A refund can fail after it succeeded: the money is back on the balance and can be refunded again."""
    paid = await caller.confirmed("pm_card_refundFail")
    refund = (await caller.post("/v1/refunds", "r1", payment_intent=paid["id"], amount=500)).body
    assert refund["status"] == "succeeded"
    stripe_simulator.advance_clock(61)
    failed = (await caller.get(f"/v1/refunds/{refund['id']}", expand=["failure_balance_transaction"])).body
    assert (failed["status"], failed["failure_reason"]) == ("failed", "expired_or_canceled_card")
    assert failed["failure_balance_transaction"]["amount"] == 500
    assert failed["failure_balance_transaction"]["reporting_category"] == "refund_failure"
    assert (await caller.charge_of(paid))["amount_refunded"] == 0
    effect = stripe_simulator.truth()["effects"][-1]
    assert (effect["kind"], effect["amount_minor"], effect["idempotency_key"]) == ("refund_failed", 500, "r1")
    assert (await caller.post("/v1/refunds", payment_intent=paid["id"])).body["amount"] == 2000


async def test_refunds_of_a_payment_are_listed(caller: Caller) -> None:
    """The refunds of one payment can be listed without those of others."""
    paid, other = await caller.confirmed(), await caller.confirmed()
    for payment_intent in (paid, other, paid):
        await caller.post("/v1/refunds", payment_intent=payment_intent["id"], amount=100)
    listed = await caller.get("/v1/refunds", payment_intent=paid["id"])
    assert [refund["payment_intent"] for refund in listed.body["data"]] == [paid["id"]] * 2


async def test_refund_of_a_card_cannot_be_canceled(caller: Caller) -> None:
    """Only a refund that waits for the customer can be canceled."""
    paid = await caller.confirmed()
    refund = (await caller.post("/v1/refunds", payment_intent=paid["id"])).body
    assert (await caller.post(f"/v1/refunds/{refund['id']}/cancel")).status == 400
