"""A Stripe that contradicts itself: what was refused succeeds later, what succeeded fails later; the truth log has it all."""

from typing import Any

import pytest

from local.errors import LocalError
from local.simulators import SimulatorProcess
from tests.simulators.stripe.caller import Caller

KEY = "c1:capture:1"
CONFIRM = "/v1/payment_intents/*/confirm"


async def _path(caller: Caller, **form: Any) -> str:
    created = await caller.payment_intent(**{"capture_method": "automatic", **form})
    return f"/v1/payment_intents/{created['id']}"


def _kinds(simulator: SimulatorProcess) -> list[str]:
    return [effect["kind"] for effect in simulator.truth()["effects"]]


async def test_success_after_a_decline(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A declined confirmation that succeeds later has its effect under its key, and its events; the decline stays kept."""
    path = await _path(caller, metadata={"operation_id": KEY})
    stripe_simulator.add_fault(path=CONFIRM, action="late_success", delay_seconds=60)
    declined = await caller.post(f"{path}/confirm", KEY, payment_method="pm_card_visa")
    assert (declined.status, declined.error["decline_code"]) == (402, "generic_decline")
    assert (await caller.get(path)).body["status"] == "requires_payment_method"
    assert _kinds(stripe_simulator) == []
    stripe_simulator.advance_clock(60)
    assert (await caller.get(path)).body["status"] == "succeeded"
    effects = stripe_simulator.truth()["effects"]
    assert [(effect["kind"], effect["operation_id"], effect["idempotency_key"]) for effect in effects] == [
        ("capture", KEY, KEY),
        ("fee", KEY, KEY),
    ]
    events = (await caller.get("/v1/events")).body["data"]
    assert [event["type"] for event in reversed(events)][1:] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]
    again = await caller.post(f"{path}/confirm", KEY, payment_method="pm_card_visa")
    assert (again.status, again.headers["idempotent-replayed"]) == (402, "true")


async def test_success_of_what_cannot_be_any_more(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A payment that was canceled meanwhile does not succeed late: what is canceled stays so."""
    path = await _path(caller)
    stripe_simulator.add_fault(path=CONFIRM, action="late_success", told="status", stored=True, delay_seconds=60)
    assert (await caller.post(f"{path}/confirm", KEY)).status == 500
    again = await caller.post(f"{path}/confirm", KEY)
    assert (again.status, again.headers["idempotent-replayed"]) == (500, "true")
    assert (await caller.post(f"{path}/cancel")).status == 200
    stripe_simulator.advance_clock(60)
    assert _kinds(stripe_simulator) == ["cancel"]


async def test_kept_answer_is_never_replaced(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A request that was done is not undone by a fault that would keep an error: a repeat gets what was kept first."""
    path = await _path(caller)
    first = await caller.post(f"{path}/confirm", KEY)
    for fault in ({"action": "status", "stored": True}, {"action": "late_success"}):
        stripe_simulator.add_fault(path=CONFIRM, **fault)
        assert (await caller.post(f"{path}/confirm", KEY)).raw == first.raw
    stripe_simulator.advance_clock(60)
    assert _kinds(stripe_simulator) == ["capture", "fee"]


async def test_payment_that_fails_after_it_succeeded(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A payment that fails later leaves the balance as a charge failure; its fee stays with Stripe."""
    payment = await caller.confirmed()
    stripe_simulator.reverse(payment["id"])
    assert (await caller.get(f"/v1/payment_intents/{payment['id']}")).body["status"] == "requires_payment_method"
    charge = await caller.charge_of(payment)
    assert charge["status"] == "failed"
    returned = (await caller.get(f"/v1/balance_transactions/{charge['failure_balance_transaction']}")).body
    assert (returned["reporting_category"], returned["amount"], returned["fee"]) == ("charge_failure", -2000, 0)
    assert _kinds(stripe_simulator) == ["capture", "fee", "reversal"]


async def test_impossible_reversals(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """What was not captured, or was refunded, cannot fail; nor can a part of a payment."""
    held = await caller.authorized()
    with pytest.raises(LocalError, match=r"404.*no payment that succeeded"):
        stripe_simulator.reverse(held["id"])
    paid = await caller.confirmed()
    with pytest.raises(LocalError, match="as a whole"):
        stripe_simulator.reverse(paid["id"], 100)
    await caller.post("/v1/refunds", payment_intent=paid["id"], amount=500)
    with pytest.raises(LocalError, match="was refunded"):
        stripe_simulator.reverse(paid["id"])


@pytest.mark.parametrize("asked", ["any", "challenge", "automatic"])
async def test_authentication_that_is_asked_for(caller: Caller, stripe_simulator: SimulatorProcess, asked: str) -> None:
    """A card that asks for nothing is authenticated where its merchant wants it, and charged after that only."""
    path = await _path(caller)
    options = {"card": {"request_three_d_secure": asked}}
    answer = await caller.post(f"{path}/confirm", payment_method_options=options)
    assert answer.body["status"] == ("succeeded" if asked == "automatic" else "requires_action")
    if asked != "automatic":
        stripe_simulator.complete_authentication(answer.body["id"])
    charge = await caller.charge_of((await caller.get(path)).body)
    assert (charge["payment_method_details"]["card"]["three_d_secure"] is None) == (asked == "automatic")
