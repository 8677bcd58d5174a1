"""A charge that is called off, at any moment: in the end nothing is taken and nothing held, and the books say how."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError

from ledger.charges import CaptureMode, ChargeStatus, ChargeView
from tests.workflows.conftest import Processes
from workflows import charge_taken
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CancelCommand, CaptureCommand
from workflows.hints import GatewayReported
from workflows.refund import RefundWorkflow

GATEWAYS = pytest.mark.parametrize("gateway", ["stripe", "paypal"])
TAKES = {"stripe": "/v1/payment_intents/*/confirm", "paypal": "/v2/checkout/orders/*/capture"}
CREATES = {"stripe": "/v1/payment_intents", "paypal": "/v2/checkout/orders"}
ACTION = {"stripe": "pm_card_authenticationRequired", "paypal": "wallet_payer_action"}
AMOUNT = 4999
SOMETHING_HAPPENED = GatewayReported(gateway="paypal", event_id="evt_1", event_type="something.happened")


async def cancel(processes: Processes, charge_id: str) -> ChargeView:
    command = CancelCommand(actor="person:tester")
    view: ChargeView = await processes.handle(charge_id).execute_update(ChargeWorkflow.cancel, command)
    return view


async def nothing_is_kept(processes: Processes, gateway: str) -> None:
    """No money is held, and what was taken was given back, at the gateway and in the books."""
    taken = sum(effect["amount_minor"] for effect in processes.effects(gateway, "capture"))
    given_back = sum(effect["amount_minor"] for effect in processes.effects(gateway, "refund"))
    assert taken == given_back
    balances = await processes.balances()
    assert not [code for code, _ in balances if code.startswith(("memo:", "liability:"))]
    assert balances.get(("revenue:sales", "USD"), 0) == balances.get(("revenue:refunds", "USD"), 0)


@GATEWAYS
@pytest.mark.parametrize(("path", "ended"), [(CREATES, "captured"), (TAKES, "captured")])
async def test_a_charge_that_is_called_off_while_its_gateway_works_is_given_back(
    processes: Processes, gateway: str, path: dict[str, str], ended: str
) -> None:
    """The answer is awaited first: money that was taken is given back, whoever was faster."""
    processes.simulators[gateway].add_fault(
        method="POST", path=path[gateway], when="before", action="delay", delay_seconds=1.5
    )
    request = processes.request(gateway)
    asking = asyncio.create_task(processes.charge(request))
    await asyncio.sleep(0.7)
    view = await cancel(processes, request.charge_id)
    assert view.status is ChargeStatus.REFUNDED, ended
    assert (view.captured_minor, view.refunded_minor, view.canceled_by) == (AMOUNT, AMOUNT, "person:tester")
    assert (await asking).charge_id == request.charge_id
    await nothing_is_kept(processes, gateway)


@GATEWAYS
async def test_an_authorization_that_is_called_off_is_voided(processes: Processes, gateway: str) -> None:
    """The customer's money is free again at once."""
    view = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
    assert (await cancel(processes, view.charge_id)).status is ChargeStatus.VOIDED
    assert [operation.purpose for operation in await processes.operations(view.charge_id)] == ["attempt:1", "cancel"]
    assert len(processes.effects(gateway, "void")) == 1
    await nothing_is_kept(processes, gateway)


@GATEWAYS
async def test_a_charge_whose_customer_has_to_act_is_fenced_off_when_it_is_called_off(
    processes: Processes, gateway: str
) -> None:
    """A customer who acts after all is not charged."""
    view = await processes.charge(processes.request(gateway, ACTION[gateway]))
    assert view.status is ChargeStatus.REQUIRES_ACTION
    ended = await cancel(processes, view.charge_id)
    assert (ended.status, ended.captured_minor) == (ChargeStatus.CANCELED, 0)
    assert processes.effects(gateway, "capture") == []
    await nothing_is_kept(processes, gateway)


async def test_a_capture_and_a_cancellation_that_race_end_in_one_of_two_ways(processes: Processes) -> None:
    """Captured and then refunded, or voided: never both, and never captured and kept."""
    for delay in (0.0, 0.05, 0.3):
        view = await processes.charge(processes.request("stripe", capture=CaptureMode.MANUAL))
        processes.simulators["stripe"].add_fault(
            method="POST", path="/v1/payment_intents/*/capture", when="before", action="delay", delay_seconds=0.5
        )
        handle = processes.handle(view.charge_id)
        capture = CaptureCommand(actor="person:tester")
        capturing = asyncio.create_task(_told(handle.execute_update(ChargeWorkflow.capture, capture)))
        await asyncio.sleep(delay)
        canceled = await _told(cancel(processes, view.charge_id))
        await capturing
        if isinstance(canceled, RPCError):  # the process had ended: the capture was first, and stands
            assert (await processes.row(view.charge_id)).status is ChargeStatus.CAPTURED
            continue
        kinds = [operation.kind for operation in await processes.operations(view.charge_id)]
        if canceled.status is ChargeStatus.REFUNDED:
            assert kinds == ["authorize", "capture", "refund"]
        else:
            assert canceled.status is ChargeStatus.VOIDED
            assert kinds[-1] == "void"
        processes.simulators["stripe"].clear_faults()


async def test_a_pending_charge_that_is_called_off_is_given_back_once_it_is_decided(processes: Processes) -> None:
    """A payment under review cannot be stopped; when it goes through, the customer gets the money back."""
    view = await processes.charge(processes.request("paypal", "wallet_pending_review"))
    pending = await cancel(processes, view.charge_id)
    assert (pending.status, pending.canceled_by) == (ChargeStatus.PENDING, "person:tester")
    processes.simulators["paypal"].advance_clock(3600)
    await processes.handle(view.charge_id).signal(ChargeWorkflow.gateway_reported, SOMETHING_HAPPENED)
    ended = await processes.handle(view.charge_id).result()
    assert ended.status is ChargeStatus.REFUNDED
    await nothing_is_kept(processes, "paypal")


async def test_a_declined_refund_of_a_charge_that_is_called_off_is_tried_again(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Giving back is never given up silently: another refund follows, and in the end a person is asked."""
    pauses = (timedelta(seconds=0.1), timedelta(seconds=0.1), None)
    monkeypatch.setattr(charge_taken, "REFUND_PAUSES", pauses)
    processes.simulators["paypal"].add_fault(
        method="POST", path=TAKES["paypal"], when="before", action="delay", delay_seconds=1.5
    )
    request = processes.request("paypal", "wallet_refund_fails")
    asking = asyncio.create_task(processes.charge(request))
    await asyncio.sleep(0.7)
    canceling = asyncio.create_task(cancel(processes, request.charge_id))
    while not canceling.done():
        processes.simulators["paypal"].advance_clock(3600)
        await asyncio.sleep(0.5)
        for number in range(1, len(pauses) + 1):
            refund = processes.client.get_workflow_handle(f"refund/{request.charge_id}.cancel.{number}")
            with suppress(RPCError):  # it has not begun yet, or has ended
                await refund.signal(RefundWorkflow.gateway_reported, SOMETHING_HAPPENED)
    await asking
    view = await canceling
    assert (view.status, view.canceled_by) == (ChargeStatus.NEEDS_REVIEW, "person:tester")
    refunds = [operation for operation in await processes.operations(request.charge_id) if operation.kind == "refund"]
    assert [refund.outcome for refund in refunds] == ["declined"] * len(pauses)


async def test_a_charge_that_has_ended_cannot_be_called_off_by_its_process(processes: Processes) -> None:
    """Whoever is too late is told so; the money is given back by a refund then."""
    view = await processes.charge(processes.request("stripe", "pm_card_visa_chargeDeclined"))
    await processes.handle(view.charge_id).result()
    with pytest.raises(Exception, match="already completed"):
        await cancel(processes, view.charge_id)


async def _told(awaitable: Any) -> Any:
    try:
        return await awaitable
    except (WorkflowUpdateFailedError, RPCError) as error:
        return error
