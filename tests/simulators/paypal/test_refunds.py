"""Captures that are decided later, and refunds: in full, in part, pending, failing."""

import asyncio

import pytest

from local.simulators import SimulatorProcess
from tests.simulators.paypal.caller import Caller, dollars, wallet
from tests.simulators.paypal.test_authorizations import DAY, advance, kinds


@pytest.mark.parametrize(
    ("vault_id", "reason", "seconds", "outcome"),
    [
        ("wallet_pending_review", "PENDING_REVIEW", 60, "COMPLETED"),
        ("wallet_pending_denied", "PENDING_REVIEW", 60, "DECLINED"),
        ("wallet_echeck", "ECHECK", 5 * DAY, "COMPLETED"),
    ],
)
async def test_pending_capture(
    caller: Caller, paypal_simulator: SimulatorProcess, vault_id: str, reason: str, seconds: int, outcome: str
) -> None:
    """A pending capture has taken nothing and shows no fee; it completes or is declined by the clock."""
    capture = await caller.captured(wallet(vault_id), custom_id="c1:capture:1")
    assert (capture["status"], capture["status_details"]) == ("PENDING", {"reason": reason})
    assert "seller_receivable_breakdown" not in capture
    assert kinds(paypal_simulator) == []
    assert (await caller.refund(capture["id"])).issue == "PENDING_CAPTURE"
    await advance(caller, paypal_simulator, seconds - 5)
    assert (await caller.read("captures", capture["id"]))["status"] == "PENDING"
    await advance(caller, paypal_simulator, 6)
    settled = await caller.read("captures", capture["id"])
    assert (settled["status"], "status_details" in settled) == (outcome, False)
    assert ("seller_receivable_breakdown" in settled) is (outcome == "COMPLETED")
    assert [kind for kind, _ in kinds(paypal_simulator)] == (["capture", "fee"] if outcome == "COMPLETED" else [])


async def test_pending_capture_of_an_authorization_is_declined(
    caller: Caller, paypal_simulator: SimulatorProcess
) -> None:
    """What a declined capture had claimed is held again."""
    authorization = await caller.authorized(wallet("wallet_pending_denied"))
    assert (await caller.capture(authorization["id"])).body["status"] == "PENDING"
    assert (await caller.read("authorizations", authorization["id"]))["status"] == "CAPTURED"
    await advance(caller, paypal_simulator, 61)
    assert (await caller.read("authorizations", authorization["id"]))["status"] == "CREATED"


async def test_full_refund(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A refund with an empty body gives back all that was captured; the fee stays with PayPal."""
    capture = await caller.captured()
    refund = await caller.refund(capture["id"], "c1:refund:1", invoice_id="c1:refund:1")
    assert (refund.status, refund.body["status"], refund.body["amount"]) == (201, "COMPLETED", dollars("100.00"))
    breakdown = refund.body["seller_payable_breakdown"]
    assert (breakdown["paypal_fee"], breakdown["net_amount"]) == (dollars("0.00"), dollars("100.00"))
    assert (await caller.read("captures", capture["id"]))["status"] == "REFUNDED"
    assert (await caller.refund(capture["id"])).issue == "CAPTURE_FULLY_REFUNDED"
    effect = paypal_simulator.truth()["effects"][-1]
    assert (effect["kind"], effect["operation_id"], effect["object_id"]) == (
        "refund",
        "c1:refund:1",
        refund.body["id"],
    )


async def test_partial_refunds(caller: Caller) -> None:
    """The total of a refund's breakdown is cumulative; its amount is not."""
    capture = await caller.captured()
    first = (await caller.refund(capture["id"], value="30.00")).body
    second = (await caller.refund(capture["id"], value="20.00")).body
    assert second["amount"] == dollars("20.00")
    assert first["seller_payable_breakdown"]["total_refunded_amount"] == dollars("30.00")
    assert second["seller_payable_breakdown"]["total_refunded_amount"] == dollars("50.00")
    assert (await caller.read("captures", capture["id"]))["status"] == "PARTIALLY_REFUNDED"
    refused = await caller.refund(capture["id"], value="50.01")
    assert (refused.status, refused.issue) == (422, "REFUND_AMOUNT_EXCEEDED")
    assert (await caller.refund(capture["id"])).body["amount"] == dollars("50.00")


async def test_concurrent_refunds(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """Of many refunds of 60 at once on a capture of 100, one succeeds."""
    capture = await caller.captured()
    answers = await asyncio.gather(*(caller.refund(capture["id"], f"r{n}", value="60.00") for n in range(20)))
    assert sorted(answer.status for answer in answers) == [201] + [422] * 19
    assert kinds(paypal_simulator)[2:] == [("refund", 6000)]


async def test_refund_in_another_currency(caller: Caller) -> None:
    """A refund has the currency of its capture."""
    capture = await caller.captured()
    refused = await caller.refund(capture["id"], amount={"currency_code": "EUR", "value": "1.00"})
    assert refused.issue == "REFUND_CAPTURE_CURRENCY_MISMATCH"


async def test_pending_refund(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A pending refund gives nothing back yet, but what it claims cannot be refunded a second time."""
    capture = await caller.captured(wallet("wallet_refund_pending"))
    refund = (await caller.refund(capture["id"], value="60.00")).body
    assert refund["status"] == "PENDING"
    assert (await caller.read("captures", capture["id"]))["status"] == "COMPLETED"
    assert (await caller.refund(capture["id"], value="60.00")).issue == "REFUND_AMOUNT_EXCEEDED"
    assert [kind for kind, _ in kinds(paypal_simulator)] == ["capture", "fee"]
    await advance(caller, paypal_simulator, 61)
    assert (await caller.read("refunds", refund["id"]))["status"] == "COMPLETED"
    assert (await caller.read("captures", capture["id"]))["status"] == "PARTIALLY_REFUNDED"
    assert kinds(paypal_simulator)[2:] == [("refund", 6000)]


@pytest.mark.parametrize(
    ("starts", "effects"),
    [("PENDING", []), ("COMPLETED", [("refund", 6000), ("refund_failed", 6000)])],
)
async def test_refund_that_fails(
    caller: Caller, paypal_simulator: SimulatorProcess, starts: str, effects: list[tuple[str, int]]
) -> None:
    """A refund can fail later, also one that looked completed; its amount can then be refunded again."""
    paypal_simulator.configure(failing_refund_starts=starts)
    capture = await caller.captured(wallet("wallet_refund_fails"))
    refund = (await caller.refund(capture["id"], value="60.00")).body
    assert refund["status"] == starts
    await advance(caller, paypal_simulator, 61)
    assert (await caller.read("refunds", refund["id"]))["status"] == "FAILED"
    assert (await caller.read("captures", capture["id"]))["status"] == "COMPLETED"
    assert kinds(paypal_simulator)[2:] == effects
    assert (await caller.refund(capture["id"], value="100.00")).status == 201


async def test_refund_too_late(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A capture can be refunded for 180 days."""
    capture = await caller.captured()
    await advance(caller, paypal_simulator, 180 * DAY + 1)
    assert (await caller.refund(capture["id"])).issue == "REFUND_TIME_LIMIT_EXCEEDED"


async def test_no_money_to_refund(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A merchant without a balance cannot refund, and nothing is claimed by the attempt."""
    capture = await caller.captured()
    paypal_simulator.configure(merchant_balance="empty")
    assert (await caller.refund(capture["id"])).issue == "REFUND_FAILED_INSUFFICIENT_FUNDS"
    paypal_simulator.configure(merchant_balance="enough")
    assert (await caller.refund(capture["id"])).status == 201


async def test_fixed_fee_given_back(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """Where an account gets the fixed part of its fee back, it comes with the refund that completes the capture."""
    paypal_simulator.configure(refund_returns_fixed_fee=True)
    capture = await caller.captured()
    assert (await caller.refund(capture["id"], value="30.00")).body["seller_payable_breakdown"][
        "paypal_fee"
    ] == dollars("0.00")
    last = (await caller.refund(capture["id"])).body["seller_payable_breakdown"]
    assert (last["paypal_fee"], last["net_amount"]) == (dollars("0.49"), dollars("69.51"))
    assert kinds(paypal_simulator)[-2:] == [("refund", 7000), ("fee", -49)]
