"""Disputes and refunds of the dashboard: what they do to the payment, the balance and the truth, in Stripe's own shapes."""

from typing import Any

import pytest

from local.errors import LocalError
from local.simulators import SimulatorProcess
from tests.simulators.stripe.caller import Caller


def events(simulator: SimulatorProcess) -> list[str]:
    """The effects that no request asked for: kind, object, amount."""
    return [f"{each['kind']} {each['amount_minor']}" for each in simulator.truth()["effects"]]


async def kinds_of_events(caller: Caller) -> list[str]:
    """Types of the events about disputes, oldest first."""
    listed = (await caller.get("/v1/events", limit=100)).body["data"]
    return [each["type"] for each in reversed(listed) if "dispute" in each["type"]]


def moved(dispute: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Category, amount and fee of its balance transactions."""
    found = dispute["balance_transactions"]
    return [(each["reporting_category"], each["amount"], each["fee"]) for each in found]


async def test_chargeback(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A chargeback takes the money and a fee at once, is listed with its payment, and makes its charge disputed."""
    paid, other = await caller.confirmed(), await caller.confirmed()
    made = stripe_simulator.dispute(paid["id"])
    for query in ({"payment_intent": paid["id"]}, {"charge": paid["latest_charge"]}):
        (dispute,) = (await caller.get("/v1/disputes", **query)).body["data"]
        assert dispute["id"] == made
    assert (await caller.get("/v1/disputes", payment_intent=other["id"])).body["data"] == []
    dispute = (await caller.get(f"/v1/disputes/{made}", expand=["charge", "payment_intent"])).body
    assert (dispute["status"], dispute["amount"], dispute["is_charge_refundable"]) == ("needs_response", 2000, False)
    assert dispute["charge"]["disputed"] is True
    assert dispute["payment_intent"]["status"] == "succeeded"
    assert moved(dispute) == [("dispute", -2000, 1500)]
    (listed,) = (await caller.get("/v1/balance_transactions", source=made, expand=["data.source"])).body["data"]
    assert (listed["source"]["id"], listed["net"]) == (made, -3500)
    assert await kinds_of_events(caller) == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert events(stripe_simulator)[4:] == ["dispute 2000", "dispute_fee 1500"]


@pytest.mark.parametrize(
    ("ending", "status", "returned", "fee", "settings"),
    [
        ("won", "won", 2000, 0, {}),
        ("won", "won", 2000, -1500, {"dispute_fee": "returned"}),
        ("lost", "lost", None, 0, {}),
        ("in part", "lost", 500, 0, {"dispute_fee": "returned"}),
    ],
)
async def test_ending(
    caller: Caller,
    stripe_simulator: SimulatorProcess,
    ending: str,
    status: str,
    returned: int | None,
    fee: int,
    settings: dict[str, str],
) -> None:
    """A dispute that is won gives the money back, and its fee where that is agreed; a partial loss gives a part."""
    stripe_simulator.configure(**settings)
    made = stripe_simulator.dispute((await caller.confirmed())["id"])
    if ending == "won":
        stripe_simulator.win_dispute(made)
    else:
        stripe_simulator.lose_dispute(made, 500 if ending == "in part" else None)
    dispute = (await caller.get(f"/v1/disputes/{made}")).body
    assert (dispute["status"], dispute["is_charge_refundable"]) == (status, ending == "won")
    assert moved(dispute)[1:] == ([("dispute_reversal", returned, fee)] if returned else [])
    expected = ["charge.dispute.closed", *(["charge.dispute.funds_reinstated"] if returned else [])]
    assert (await kinds_of_events(caller))[2:] == expected
    later = [f"dispute_returned {returned}"] if returned else []
    assert events(stripe_simulator)[4:] == [*later, *([f"dispute_fee {fee}"] if fee else [])]


async def test_inquiry(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """An inquiry takes nothing, and its payment can be refunded; one that is lost takes the money after all."""
    stripe_simulator.configure(dispute_course="inquiry")
    first, second = await caller.confirmed(), await caller.confirmed()
    answered, escalated = stripe_simulator.dispute(first["id"]), stripe_simulator.dispute(second["id"])
    assert (await caller.get(f"/v1/disputes/{answered}")).body["status"] == "warning_needs_response"
    assert (await caller.post("/v1/refunds", payment_intent=first["id"])).status == 200
    stripe_simulator.win_dispute(answered)
    dispute = (await caller.get(f"/v1/disputes/{answered}")).body
    assert (dispute["status"], dispute["balance_transactions"]) == ("warning_closed", [])
    stripe_simulator.lose_dispute(escalated)
    assert moved((await caller.get(f"/v1/disputes/{escalated}")).body) == [("dispute", -2000, 1500)]


async def test_refund_of_a_disputed_payment(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A payment that was charged back cannot be refunded, by whomever, until the dispute is won."""
    paid = await caller.confirmed()
    made = stripe_simulator.dispute(paid["id"], 500)
    refused = await caller.post("/v1/refunds", payment_intent=paid["id"], amount=100)
    assert (refused.status, refused.error["code"]) == (400, "charge_disputed")
    with pytest.raises(LocalError, match="charged back"):
        stripe_simulator.refund_by_hand(paid["id"])
    with pytest.raises(LocalError, match="is disputed"):
        stripe_simulator.reverse(paid["id"])
    stripe_simulator.win_dispute(made)
    assert (await caller.post("/v1/refunds", payment_intent=paid["id"], amount=100)).status == 200


async def test_refund_of_the_dashboard(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A refund by hand is an ordinary one without metadata, and no operation's in the truth; it counts against the rest."""
    paid = await caller.confirmed(metadata={"operation_id": "c1:capture:1"})
    made = stripe_simulator.refund_by_hand(paid["id"], 500)
    refund = (await caller.get(f"/v1/refunds/{made}")).body
    assert (refund["status"], refund["amount"], refund["metadata"]) == ("succeeded", 500, {})
    effect = stripe_simulator.truth()["effects"][-1]
    assert (effect["kind"], effect["operation_id"], effect["object_id"]) == ("reversal", None, made)
    refused = await caller.post("/v1/refunds", payment_intent=paid["id"], amount=1501)
    assert (refused.status, refused.error["param"]) == (400, "amount")
    with pytest.raises(LocalError, match="greater than unrefunded"):
        stripe_simulator.refund_by_hand(paid["id"], 1501)


async def test_refund_of_the_dashboard_that_fails(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A refund by hand can fail as any other; the truth tells that the money came back."""
    paid = await caller.confirmed("pm_card_refundFail")
    made = stripe_simulator.refund_by_hand(paid["id"])
    stripe_simulator.advance_clock(120)
    paths = ["balance_transaction", "failure_balance_transaction"]
    refund = (await caller.get(f"/v1/refunds/{made}", expand=paths)).body
    assert refund["status"] == "failed"
    assert (refund["balance_transaction"]["amount"], refund["failure_balance_transaction"]["amount"]) == (-2000, 2000)
    assert events(stripe_simulator)[2:] == ["reversal 2000", "reversal_returned 2000"]


async def test_what_cannot_be(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """What was not captured is neither disputed nor refunded, nor more than was captured; no dispute is decided twice."""
    held, paid = await caller.authorized(), await caller.confirmed()
    for act in (stripe_simulator.dispute, stripe_simulator.refund_by_hand):
        with pytest.raises(LocalError, match=r"404.*no payment that succeeded"):
            act(held["id"])
    for amount_minor in (0, 2001):
        with pytest.raises(LocalError, match="no part"):
            stripe_simulator.dispute(paid["id"], amount_minor)
    with pytest.raises(LocalError, match=r"404.*no dispute"):
        stripe_simulator.win_dispute("dp_unknown")
    made = stripe_simulator.dispute(paid["id"])
    with pytest.raises(LocalError, match="no part"):
        stripe_simulator.lose_dispute(made, 2000)
    stripe_simulator.lose_dispute(made)
    with pytest.raises(LocalError, match="lost already"):
        stripe_simulator.win_dispute(made)
    assert (await caller.get("/v1/disputes/dp_unknown")).status == 404


async def test_dispute_after_a_refund(caller: Caller, stripe_simulator: SimulatorProcess) -> None:
    """A bank may contest the whole payment although a part was refunded; by itself a dispute is about what is left."""
    paid = await caller.confirmed()
    await caller.post("/v1/refunds", payment_intent=paid["id"], amount=500)
    rest, whole = stripe_simulator.dispute(paid["id"]), stripe_simulator.dispute(paid["id"], 2000)
    assert (await caller.get(f"/v1/disputes/{rest}")).body["amount"] == 1500
    assert (await caller.get(f"/v1/disputes/{whole}")).body["amount"] == 2000
