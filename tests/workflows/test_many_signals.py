"""A process that is told a thousand things begins anew, and loses neither a signal nor a command on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ledger.charges import CaptureMode, ChargeStatus
from local import temporal
from local.ports import free_port
from local.simulators import SimulatorProcess
from tests.conftest import Database
from tests.workflows.conftest import Processes, run_processes, settings_for
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CaptureCommand
from workflows.hints import GatewayReported
from workflows.search_attributes import ALL

SIGNALS = 1000
SUGGESTED_AFTER = 300


@pytest.fixture
async def forgetful(
    database: Database, tmp_path: Path, stripe_simulator: SimulatorProcess, paypal_simulator: SimulatorProcess
) -> AsyncIterator[Processes]:
    """Processes on a server that asks them to begin anew after few events."""
    attributes = {key.name: key.indexed_value_type.name.title().replace("_", "") for key in ALL}
    server = temporal.start(
        free_port(),
        log=tmp_path / "temporal.log",
        search_attributes=attributes,
        dynamic={"limit.historyCount.suggestContinueAsNew": str(SUGGESTED_AFTER)},
    )
    with server:
        settings = settings_for(database, server.address, stripe_simulator, paypal_simulator)
        simulators = {"stripe": stripe_simulator, "paypal": paypal_simulator}
        async with AsyncExitStack() as stack:
            yield await run_processes(stack, settings, simulators)


async def test_a_thousand_hints_and_a_command_among_them_are_all_taken(forgetful: Processes) -> None:
    """The authorization is captured once, by the run that happens to be there."""
    view = await forgetful.charge(forgetful.request("stripe", capture=CaptureMode.MANUAL))
    handle = forgetful.handle(view.charge_id)
    first_run = (await handle.describe()).run_id
    places = asyncio.Semaphore(20)

    async def tell(number: int) -> None:
        hint = GatewayReported(gateway="stripe", event_id=f"evt_{number}", event_type="payment_intent.updated")
        async with places:
            await handle.signal(ChargeWorkflow.gateway_reported, hint)

    async with asyncio.TaskGroup() as group:
        for number in range(SIGNALS):
            group.create_task(tell(number))
    command = CaptureCommand(actor="person:tester")
    captured = await handle.execute_update(ChargeWorkflow.capture, command, id="capture-me")
    assert captured.status is ChargeStatus.CAPTURED
    last = await handle.describe()
    assert last.run_id != first_run
    assert last.history_length < SIGNALS
    again = await handle.execute_update(ChargeWorkflow.capture, command, id="capture-me")
    assert again.status is ChargeStatus.CAPTURED
    assert len(forgetful.effects("stripe", "capture")) == 1
    purposes = [operation.purpose for operation in await forgetful.operations(view.charge_id)]
    assert purposes == ["attempt:1", "command:capture:capture-me"]
