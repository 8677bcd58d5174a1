"""What happens when nobody does anything: authorizations lapse, customers walk away, gateways are silent, refunds bounce.

The workflow's clock is moved by Temporal's time skipping, the gateway's by the simulator's control interface.
"""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from ledger.charges import AtExpiry, CaptureMode, ChargeStatus
from ledger.refunds import RefundStatus
from local.ports import free_port
from local.simulators import SimulatorProcess
from tests.conftest import Database
from tests.workflows.conftest import Processes, run_processes, settings_for
from tests.workflows.endings import taken
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CaptureCommand

GATEWAYS = pytest.mark.parametrize("gateway", ["stripe", "paypal"])
AMOUNT = 4999
ENDS_SECONDS = 90.0
"""Within which a process ends once its time has come, where a mistake would leave it open."""
CONFIRM = {"stripe": "/v1/payment_intents/*/confirm", "paypal": "/v2/checkout/orders/*/capture"}
MANY_SKIPS = TimeSkippingConfig(max_session_skip_count=10_000)
READ = {"stripe": "/v1/payment_intents/*", "paypal": "/v2/checkout/orders/*"}


async def pass_time(processes: Processes, workflow_id: str, **duration: float) -> None:
    """Let a workflow's clock run ahead."""
    handle = processes.client.get_workflow_handle(workflow_id)
    await TimeSkipper(processes.client, config=MANY_SKIPS).fast_forward(handle, timedelta(**duration))


async def until_status(processes: Processes, charge_id: str, status: ChargeStatus) -> Any:
    """Wait until the charge's row shows a status."""
    async with asyncio.timeout(30):
        while True:
            row = await processes.row(charge_id)
            if row.status is status:
                return row
            await asyncio.sleep(0.1)


@GATEWAYS
async def test_an_authorization_that_nobody_captures_is_voided_before_it_lapses(
    processes: Processes, gateway: str
) -> None:
    """The customer's money is not held for nothing."""
    view = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
    await pass_time(processes, f"charge/{view.charge_id}", days=30)
    ended = await processes.handle(view.charge_id).result()
    assert ended.status is ChargeStatus.EXPIRED
    assert len(processes.effects(gateway, "void")) == 1
    assert await processes.balances() == {}


@GATEWAYS
async def test_an_authorization_is_captured_before_it_lapses_where_the_request_says_so(
    processes: Processes, gateway: str
) -> None:
    """The merchant who ships late still gets the money."""
    request = processes.request(gateway, capture=CaptureMode.MANUAL, at_expiry=AtExpiry.CAPTURE)
    view = await processes.charge(request)
    await pass_time(processes, f"charge/{view.charge_id}", days=30)
    ended = await processes.handle(view.charge_id).result()
    assert (ended.status, ended.captured_minor) == (ChargeStatus.CAPTURED, AMOUNT)


async def test_a_capture_that_meets_the_lapse_is_told_how_it_ended(processes: Processes) -> None:
    """Whoever captures while the authorization is being voided neither waits for ever nor gets the money."""
    view = await processes.charge(processes.request("stripe", capture=CaptureMode.MANUAL))
    cancel = "/v1/payment_intents/*/cancel"
    processes.simulators["stripe"].add_fault(
        method="POST", path=cancel, when="before", action="delay", delay_seconds=1.5
    )
    lapsing = asyncio.create_task(pass_time(processes, f"charge/{view.charge_id}", days=30))
    async with asyncio.timeout(30):
        while len(await processes.operations(view.charge_id)) < 2:
            await asyncio.sleep(0.05)
        command = CaptureCommand(actor="person:tester")
        told = await processes.handle(view.charge_id).execute_update(ChargeWorkflow.capture, command)
        assert (told.status, told.captured_minor) == (ChargeStatus.EXPIRED, 0)
        assert (await processes.handle(view.charge_id).result()).status is ChargeStatus.EXPIRED
    await lapsing
    assert processes.effects("stripe", "capture") == []


@GATEWAYS
async def test_a_capture_that_comes_too_late_ends_the_charge_as_expired(processes: Processes, gateway: str) -> None:
    """The gateway let the authorization go; the books do the same."""
    view = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
    processes.simulators[gateway].advance_clock(31 * 86_400)
    command = CaptureCommand(actor="person:tester")
    ended = await processes.handle(view.charge_id).execute_update(ChargeWorkflow.capture, command)
    assert ended.status is ChargeStatus.EXPIRED
    assert await processes.balances() == {}


async def test_a_customer_who_never_authenticates_cannot_be_charged_later(processes: Processes) -> None:
    """The payment is fenced off at the gateway, so that a late click takes no money."""
    view = await processes.charge(processes.request("stripe", "pm_card_authenticationRequired"))
    (operation,) = await processes.operations(view.charge_id)
    await pass_time(processes, f"charge/{view.charge_id}", hours=2)
    async with asyncio.timeout(ENDS_SECONDS):
        ended = await processes.handle(view.charge_id).result()
    assert ended.status is ChargeStatus.EXPIRED
    given_up, fence = await processes.operations(view.charge_id)
    assert (given_up.outcome, given_up.decline_code) == ("declined", "not_authenticated")
    assert (fence.kind, fence.outcome) == ("void", "succeeded")
    with pytest.raises(Exception, match="refused"):
        processes.simulators["stripe"].complete_authentication(operation.payment_reference or "")
    assert processes.effects("stripe", "capture") == []


async def test_a_refund_that_fails_days_later_is_taken_back_in_the_books(processes: Processes) -> None:
    """The gateway owes us the money again, and it can be refunded in another way."""
    charged = await processes.charge(processes.request("stripe", "pm_card_refundFail"))
    view = await processes.refund(charged.charge_id, f"re_{charged.charge_id}")
    assert view.status is RefundStatus.SUCCEEDED
    processes.simulators["stripe"].advance_clock(2 * 86_400)
    workflow_id = f"refund/{view.refund_id}"
    await pass_time(processes, workflow_id, days=2)
    async with asyncio.timeout(ENDS_SECONDS):
        ended = await processes.client.get_workflow_handle(workflow_id).result()
    assert ended["status"] == "failed"
    row = await processes.row(charged.charge_id)
    assert (row.refunded_minor, row.refund_reserved_minor) == (0, 0)
    assert (await processes.rules(charged.charge_id))[-1] == "refund_failed"


@GATEWAYS
async def test_an_unknown_outcome_shows_its_exposure_until_it_is_known(processes: Processes, gateway: str) -> None:
    """Nobody takes a timeout for a no: the money is shown as unresolved, and then as what it was."""
    simulator = processes.simulators[gateway]
    simulator.add_fault(method="POST", path=CONFIRM[gateway], when="after", action="drop", times=1)
    simulator.add_fault(method="GET", path=READ[gateway], when="before", action="status", status=503, times=1000)
    request = processes.request(gateway)
    asking = asyncio.create_task(processes.charge(request))
    await taken(processes, gateway)
    await pass_time(processes, f"charge/{request.charge_id}", minutes=2)
    await until_status(processes, request.charge_id, ChargeStatus.UNKNOWN)
    assert (await processes.balances())[(f"memo:unresolved:{gateway}", "USD")] == AMOUNT
    simulator.clear_faults()
    await pass_time(processes, f"charge/{request.charge_id}", minutes=30)
    assert (await asking).status is ChargeStatus.CAPTURED
    assert not [code for code, _ in await processes.balances() if code.startswith("memo:")]
    assert len(processes.effects(gateway, "capture")) == 1


async def test_an_outcome_that_stays_unknown_is_handed_to_a_person(processes: Processes) -> None:
    """Before the gateway forgets the key, a person gets the charge, with the reason."""
    simulator = processes.simulators["stripe"]
    simulator.add_fault(method="POST", path=CONFIRM["stripe"], when="after", action="drop", times=1)
    simulator.add_fault(method="GET", path=READ["stripe"], when="before", action="status", status=503, times=100_000)
    request = processes.request("stripe")
    asking = asyncio.create_task(processes.charge(request))
    await taken(processes, "stripe")
    await pass_time(processes, f"charge/{request.charge_id}", days=1)
    view = await asking
    assert view.status is ChargeStatus.NEEDS_REVIEW
    assert view.message is not None
    assert f"{request.charge_id}:capture:1" in view.message


async def test_a_gateway_that_cannot_be_reached_is_a_no_and_nothing_is_owed(
    database: Database, temporal_server: Any, paypal_simulator: SimulatorProcess, stripe_simulator: SimulatorProcess
) -> None:
    """Nothing was sent, so nothing can have been taken: the caller gets a final answer."""
    settings = settings_for(database, temporal_server.address, stripe_simulator, paypal_simulator)
    nobody = {"stripe_api_base": f"http://127.0.0.1:{free_port()}"}
    async with AsyncExitStack() as stack:
        running = await run_processes(
            stack, settings.model_copy(update=nobody), {"stripe": stripe_simulator, "paypal": paypal_simulator}
        )
        request = running.request("stripe")
        asking = asyncio.create_task(running.charge(request))
        await asyncio.sleep(2)
        await pass_time(running, f"charge/{request.charge_id}", minutes=2)
        view = await asking
    assert (view.status, view.decline_code) == (ChargeStatus.DECLINED, "gateway_unreachable")
