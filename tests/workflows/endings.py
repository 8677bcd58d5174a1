"""Every way in which a charge, a refund or an adjustment can end, played on real parts; each returns the id of its process."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from temporalio.client import WorkflowUpdateFailedError
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from ledger.adjustment_requests import AdjustmentRequest
from ledger.charges import CaptureMode, ChargeStatus, ChargeView
from tests.workflows import adjustments, holds, splits
from tests.workflows.conftest import Processes
from workflows.adjustment import AdjustmentWorkflow
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CaptureCommand, VoidCommand

CONFIRM = "/v1/payment_intents/*/confirm"
MANY_SKIPS = TimeSkippingConfig(max_session_skip_count=10_000)
READ = "/v1/payment_intents/*"


async def skip(processes: Processes, workflow_id: str, **duration: float) -> None:
    """Let a workflow's clock run ahead."""
    handle = processes.client.get_workflow_handle(workflow_id)
    await TimeSkipper(processes.client, config=MANY_SKIPS).fast_forward(handle, timedelta(**duration))


async def taken(processes: Processes, gateway: str) -> None:
    """Wait until the money was taken at the gateway."""
    async with asyncio.timeout(30):
        while not processes.effects(gateway, "capture"):
            await asyncio.sleep(0.1)


async def _authorized(processes: Processes, token: str | None = None, gateway: str = "stripe") -> str:
    view = await processes.charge(processes.request(gateway, token, capture=CaptureMode.MANUAL))
    return view.charge_id


async def captured(processes: Processes) -> str:
    """Charged at once."""
    view = await processes.charge(processes.request("stripe"))
    return f"charge/{view.charge_id}"


async def captured_with_a_late_fee(processes: Processes) -> str:
    """The balance transaction comes a minute later."""
    processes.simulators["stripe"].configure(balance_transaction_delay_seconds=60)
    workflow_id = await captured(processes)
    processes.simulators["stripe"].advance_clock(61)
    await processes.client.get_workflow_handle(workflow_id).result()
    return workflow_id


async def partially_captured(processes: Processes) -> str:
    """Authorized, then captured in part."""
    charge_id = await _authorized(processes)
    command = CaptureCommand(amount_minor=1000, actor="person:tester")
    await processes.handle(charge_id).execute_update(ChargeWorkflow.capture, command)
    return f"charge/{charge_id}"


async def voided(processes: Processes) -> str:
    """Authorized, then released."""
    charge_id = await _authorized(processes)
    await processes.handle(charge_id).execute_update(ChargeWorkflow.void, VoidCommand(actor="person:tester"))
    return f"charge/{charge_id}"


async def declined(processes: Processes) -> str:
    """The issuer says no."""
    view = await processes.charge(processes.request("stripe", "pm_card_visa_chargeDeclined"))
    return f"charge/{view.charge_id}"


async def capture_declined_then_voided(processes: Processes) -> str:
    """The issuer lets the authorization stand and declines its capture."""
    charge_id = await _authorized(processes, "card/card_authorize_ok_capture_declined", "paypal")
    handle = processes.handle(charge_id)
    await handle.execute_update(ChargeWorkflow.capture, CaptureCommand(actor="person:tester"))
    await handle.execute_update(ChargeWorkflow.void, VoidCommand(actor="person:tester"))
    return f"charge/{charge_id}"


async def expired(processes: Processes) -> str:
    """Nobody captures, so it is voided before it lapses."""
    charge_id = await _authorized(processes)
    await skip(processes, f"charge/{charge_id}", days=30)
    await processes.handle(charge_id).result()
    return f"charge/{charge_id}"


async def authenticated(processes: Processes) -> str:
    """The customer passes the authentication step of an order that PayPal then waits for us to capture."""
    view = await processes.charge(processes.request("paypal", "wallet_payer_action"))
    (operation,) = await processes.operations(view.charge_id)
    processes.simulators["paypal"].complete_authentication(operation.payment_reference or "")
    await processes.handle(view.charge_id).result()
    return f"charge/{view.charge_id}"


async def abandoned(processes: Processes) -> str:
    """The customer never authenticates."""
    view = await processes.charge(processes.request("stripe", "pm_card_authenticationRequired"))
    await skip(processes, f"charge/{view.charge_id}", hours=2)
    await processes.handle(view.charge_id).result()
    return f"charge/{view.charge_id}"


async def pending_then_captured(processes: Processes) -> str:
    """PayPal reviews the payment first."""
    view = await processes.charge(processes.request("paypal", "wallet_pending_review"))
    processes.simulators["paypal"].advance_clock(61)
    await processes.handle(view.charge_id).result()
    return f"charge/{view.charge_id}"


async def _answer_lost(processes: Processes) -> tuple[str, asyncio.Task[ChargeView]]:
    """The payment takes effect, its answer is lost, and the gateway shows nothing from then on."""
    simulator = processes.simulators["stripe"]
    simulator.add_fault(method="POST", path=CONFIRM, when="after", action="drop", times=1)
    simulator.add_fault(method="GET", path=READ, when="before", action="status", status=503, times=100_000)
    request = processes.request("stripe")
    asking = asyncio.create_task(processes.charge(request))
    await taken(processes, "stripe")
    return f"charge/{request.charge_id}", asking


async def unknown_then_captured(processes: Processes) -> str:
    """The answer is lost, and the gateway is silent for a while."""
    workflow_id, asking = await _answer_lost(processes)
    await skip(processes, workflow_id, minutes=2)
    processes.simulators["stripe"].clear_faults()
    await skip(processes, workflow_id, minutes=30)
    await asking
    return workflow_id


async def settled_while_in_review(processes: Processes) -> str:
    """The gateway is silent for longer than it remembers the key; a person is asked, and then it speaks."""
    workflow_id, asking = await _answer_lost(processes)
    await skip(processes, workflow_id, days=1)
    assert (await asking).status is ChargeStatus.NEEDS_REVIEW
    processes.simulators["stripe"].clear_faults()
    await skip(processes, workflow_id, hours=2)
    await processes.client.get_workflow_handle(workflow_id).result()
    return workflow_id


async def refunded(processes: Processes) -> str:
    """Given back, and followed until it can no longer fail."""
    view = await processes.charge(processes.request("stripe"))
    refund = await processes.refund(view.charge_id, f"re_{view.charge_id}")
    await skip(processes, f"refund/{refund.refund_id}", days=31)
    await processes.client.get_workflow_handle(f"refund/{refund.refund_id}").result()
    return f"refund/{refund.refund_id}"


async def refund_failed_later(processes: Processes) -> str:
    """Given back, and returned by the bank."""
    view = await processes.charge(processes.request("stripe", "pm_card_refundFail"))
    refund = await processes.refund(view.charge_id, f"re_{view.charge_id}")
    processes.simulators["stripe"].advance_clock(86_400)
    await skip(processes, f"refund/{refund.refund_id}", days=2)
    await processes.client.get_workflow_handle(f"refund/{refund.refund_id}").result()
    return f"refund/{refund.refund_id}"


async def refund_refused(processes: Processes) -> str:
    """More than is left."""
    view = await processes.charge(processes.request("stripe"))
    refund = await processes.refund(view.charge_id, f"re_{view.charge_id}", 10**9)
    return f"refund/{refund.refund_id}"


async def split_captured(processes: Processes) -> str:
    """Two legs, reserved and then taken."""
    return await _split(processes, *splits.GOOD)


async def split_undone(processes: Processes) -> str:
    """The second leg is declined, and the first is released."""
    return await _split(processes, splits.GOOD[0], ("40", "stripe", "pm_card_visa_chargeDeclined"))


async def leg_released(processes: Processes) -> str:
    """A charge that is a leg: it tells its split where it stands, and hears that it is undone."""
    return (await split_undone(processes)).replace("split/", "charge/") + ".1"


async def _split(processes: Processes, *legs: splits.Asked) -> str:
    asked = splits.request(*legs)
    view = await splits.play(processes, asked)
    await splits.handle(processes, asked).result()
    await processes.handle(view.legs[0].charge_id).result()
    return f"split/{view.split_id}"


async def adjustment_posted(processes: Processes) -> str:
    """Asked for by one person, approved by two others, one of whom is refused at first, and posted."""
    adjustments.let_people_in(processes, "alice", "bob")
    asked = adjustments.request(amount_minor=adjustments.LARGE_MINOR)
    await adjustments.ask(processes, asked)
    await adjustments.say(processes, asked, "bob")
    await adjustments.refusal(processes, asked, "carol")
    adjustments.let_people_in(processes, "carol")
    await adjustments.say(processes, asked, "carol")
    return await _ended(processes, asked)


async def adjustment_rejected(processes: Processes) -> str:
    """Asked for, and rejected."""
    adjustments.let_people_in(processes)
    asked = adjustments.request()
    await adjustments.ask(processes, asked)
    await adjustments.say(processes, asked, "bob", AdjustmentWorkflow.reject)
    return await _ended(processes, asked)


async def adjustment_expired(processes: Processes) -> str:
    """Asked for, and decided by nobody."""
    adjustments.let_people_in(processes)
    asked = adjustments.request()
    await adjustments.ask(processes, asked)
    adjustments.pass_time(processes, asked, timedelta(days=2))
    await skip(processes, f"adjustment/{asked.adjustment_id}", days=2)
    return await _ended(processes, asked)


async def adjustment_refused(processes: Processes) -> str:
    """Asked for by somebody who may not."""
    asked = adjustments.request(requester="eve")
    with suppress(WorkflowUpdateFailedError):
        await adjustments.ask(processes, asked)
    return f"adjustment/{asked.adjustment_id}"


async def _ended(processes: Processes, asked: AdjustmentRequest) -> str:
    await adjustments.handle(processes, asked).result()
    return f"adjustment/{asked.adjustment_id}"


async def hold_posted(processes: Processes) -> str:
    """Held, and a part of it taken."""
    asked = await holds.asked(processes)
    await holds.place(processes, asked)
    await holds.post(processes, asked.hold_id, 250)
    await holds.handle(processes, asked.hold_id).result()
    return f"hold/{asked.hold_id}"


async def hold_voided(processes: Processes) -> str:
    """Held, and let go."""
    asked = await holds.asked(processes)
    await holds.place(processes, asked)
    await holds.void(processes, asked.hold_id)
    await holds.handle(processes, asked.hold_id).result()
    return f"hold/{asked.hold_id}"


async def hold_expired(processes: Processes) -> str:
    """Held until its time is over."""
    asked = await holds.asked(processes, expires_at=holds.soon(3))
    await holds.place(processes, asked)
    await holds.handle(processes, asked.hold_id).result()
    return f"hold/{asked.hold_id}"


async def hold_refused(processes: Processes) -> str:
    """More than is available."""
    asked = await holds.asked(processes, holds.FILLED + 1)
    await holds.place(processes, asked)
    await holds.handle(processes, asked.hold_id).result()
    return f"hold/{asked.hold_id}"


ENDINGS: dict[str, Callable[[Processes], Awaitable[str]]] = {
    story.__name__: story
    for story in (
        captured,
        captured_with_a_late_fee,
        partially_captured,
        voided,
        declined,
        capture_declined_then_voided,
        expired,
        authenticated,
        abandoned,
        pending_then_captured,
        unknown_then_captured,
        settled_while_in_review,
        refunded,
        refund_failed_later,
        refund_refused,
        split_captured,
        split_undone,
        leg_released,
        adjustment_posted,
        adjustment_rejected,
        adjustment_expired,
        adjustment_refused,
        hold_posted,
        hold_voided,
        hold_expired,
        hold_refused,
    )
}
