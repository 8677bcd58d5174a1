"""A PayPal that contradicts itself: what was refused succeeds later, what was captured is taken back; the truth log has it."""

import pytest

from local.errors import LocalError
from local.simulators import SimulatorProcess
from tests.simulators.paypal.caller import WALLET, Caller, card

DAY = 24 * 3600


def _kinds(simulator: SimulatorProcess) -> list[str]:
    return [effect["kind"] for effect in simulator.truth()["effects"]]


async def test_success_after_a_decline(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """A declined order that is paid later has one effect, under the id of the request that was declined."""
    order = await caller.order()
    paypal_simulator.add_fault(path="/v2/checkout/orders/*/capture", action="late_success", delay_seconds=60)
    declined = await caller.pay(order, WALLET, "c1:capture:1")
    assert (declined.status, declined.issue) == (422, "INSTRUMENT_DECLINED")
    assert (await caller.get(f"/v2/checkout/orders/{order}")).body["status"] == "CREATED"
    paypal_simulator.advance_clock(60)
    assert (await caller.get(f"/v2/checkout/orders/{order}")).body["status"] == "COMPLETED"
    assert (await caller.pay(order, WALLET, "c1:capture:1")).status == 200
    (effect, _fee) = paypal_simulator.truth()["effects"]
    assert (effect["kind"], effect["idempotency_key"]) == ("capture", "c1:capture:1")


@pytest.mark.parametrize(("amount_minor", "status"), [(None, "REFUNDED"), (4000, "PARTIALLY_REFUNDED")])
async def test_reversal(
    caller: Caller, paypal_simulator: SimulatorProcess, amount_minor: int | None, status: str
) -> None:
    """A capture that PayPal takes back looks refunded, without a refund of the merchant's, and is announced as reversed."""
    capture = await caller.captured()
    reversal = paypal_simulator.reverse(capture["id"], amount_minor)
    assert (await caller.read("captures", capture["id"]))["status"] == status
    assert (await caller.read("refunds", reversal))["amount"]["value"] == ("40.00" if amount_minor else "100.00")
    (event, *_) = (await caller.get("/v1/notifications/webhooks-events")).body["events"]
    assert (event["event_type"], event["resource"]["id"]) == ("PAYMENT.CAPTURE.REVERSED", reversal)
    last = paypal_simulator.truth()["effects"][-1]
    assert (last["kind"], last["operation_id"], last["amount_minor"]) == ("reversal", None, amount_minor or 10_000)


async def test_impossible_reversals(caller: Caller, paypal_simulator: SimulatorProcess) -> None:
    """What was not captured cannot be taken back, nor more than what is left of it."""
    with pytest.raises(LocalError, match=r"404.*no capture that was paid"):
        paypal_simulator.reverse(await caller.order())
    capture = await caller.captured()
    with pytest.raises(LocalError, match=r"100\.00 USD left"):
        paypal_simulator.reverse(capture["id"], 10_001)


@pytest.mark.parametrize("setting", ["gone", "kept"])
async def test_order_left_unpaid(caller: Caller, paypal_simulator: SimulatorProcess, setting: str) -> None:
    """An order that stayed unpaid is deleted after some hours, or kept, as the setting says; a paid one stays."""
    paypal_simulator.configure(expired_orders=setting)
    unpaid, paid = await caller.order(), await caller.order()
    await caller.pay(paid, WALLET)
    paypal_simulator.advance_clock(7 * 3600)
    assert (await caller.get(f"/v2/checkout/orders/{unpaid}")).status == (404 if setting == "gone" else 200)
    assert (await caller.get(f"/v2/checkout/orders/{paid}")).status == 200


@pytest.mark.parametrize("method", ["SCA_ALWAYS", "3D_SECURE", "SCA_WHEN_REQUIRED"])
async def test_verification_that_is_asked_for(caller: Caller, paypal_simulator: SimulatorProcess, method: str) -> None:
    """A card is verified by its holder where its merchant always wants that, and paid with after that only."""
    order = await caller.order()
    source = card("card_ok")
    source["card"]["attributes"] = {"verification": {"method": method}}
    answer = await caller.pay(order, source, "c1:capture:1")
    if method == "SCA_WHEN_REQUIRED":
        assert answer.status == 201
        return
    assert (answer.status, answer.issue) == (422, "PAYER_ACTION_REQUIRED")
    paypal_simulator.complete_authentication(order)
    assert (await caller.post(f"/v2/checkout/orders/{order}/capture", {}, "c1:capture:1:approved")).status == 201
    assert _kinds(paypal_simulator) == ["capture", "fee"]
