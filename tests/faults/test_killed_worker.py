"""A worker that is killed at any step of a charge or a refund loses nothing and repeats nothing."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger.charges import CaptureMode, ChargeStatus
from ledger.database import create_engine
from ledger.refunds import RefundStatus
from local.simulators import SimulatorProcess
from settings import Settings
from tests.conftest import Database
from tests.workflows.conftest import Processes, settings_for
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CaptureCommand, VoidCommand
from workflows.client import connect

pytestmark = pytest.mark.system

WORKER = Path(__file__).parent / "killable_worker.py"
AT_ONCE = 8
CASE_SECONDS = 240

STEPS_OF_MANUAL = [
    "open_charge:1",
    "authorize:1",
    "record_outcome:1",
    "open_operation:1",
    "capture:1",
    "record_outcome:2",
    "reserve_refund:1",
    "refund:1",
    "record_refund:1",
]
STEPS_OF_AUTOMATIC = ["capture:1", "record_outcome:1"]
STEPS_OF_VOID = ["open_operation:1", "void:1", "record_outcome:2"]


@asynccontextmanager
async def worker_process(settings: Settings, kill_at: str = "") -> AsyncIterator[Process]:
    """A worker with a process of its own, dead at the end of the block whatever happened."""
    names = ["database_url", "temporal_address", "stripe_api_base", "paypal_api_base", "task_queue"]
    environment = {name.upper(): str(getattr(settings, name)) for name in names}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), env={**os.environ, **environment, "KILL_AT": kill_at}
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def survive(settings: Settings, processes: Processes, story: Any, kill_at: str) -> None:
    """Play a story while the worker is killed at one point and another worker takes over."""
    async with asyncio.timeout(CASE_SECONDS), asyncio.TaskGroup() as group, worker_process(settings, kill_at) as doomed:
        playing = group.create_task(story(processes))
        assert await doomed.wait() == -signal.SIGKILL, f"the story never came to {kill_at}"
        async with worker_process(settings):
            await playing


async def manual(gateway: str, processes: Processes) -> None:
    """Authorize, capture a part, refund a part of that."""
    view = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
    command = CaptureCommand(amount_minor=3000, actor="person:tester")
    view = await processes.handle(view.charge_id).execute_update(ChargeWorkflow.capture, command)
    assert (view.status, view.captured_minor) == (ChargeStatus.PARTIALLY_CAPTURED, 3000)
    refunded = await processes.refund(view.charge_id, f"re_{view.charge_id}", 1000)
    assert refunded.status is RefundStatus.SUCCEEDED
    await exactly_once(processes, gateway, view.charge_id, ["authorize", "capture", "refund"])


async def automatic(gateway: str, processes: Processes) -> None:
    """Charge at once."""
    view = await processes.charge(processes.request(gateway))
    assert view.status is ChargeStatus.CAPTURED
    await exactly_once(processes, gateway, view.charge_id, ["capture"])


async def voided(gateway: str, processes: Processes) -> None:
    """Authorize and release."""
    view = await processes.charge(processes.request(gateway, capture=CaptureMode.MANUAL))
    handle = processes.handle(view.charge_id)
    view = await handle.execute_update(ChargeWorkflow.void, VoidCommand(actor="person:tester"))
    assert view.status is ChargeStatus.VOIDED
    await exactly_once(processes, gateway, view.charge_id, ["authorize", "void"])


async def exactly_once(processes: Processes, gateway: str, charge_id: str, kinds: list[str]) -> None:
    """One effect at the gateway and one main entry in the journal for each operation, and no other."""
    operations = await processes.operations(charge_id)
    assert [operation.kind for operation in operations] == kinds
    truth = processes.simulators[gateway].truth()["effects"]
    effects = Counter(effect["operation_id"] for effect in truth if effect["kind"] in kinds and effect["operation_id"])
    rules = Counter(await processes.rules(charge_id))
    assert set(rules.values()) == {1}
    for operation in operations:
        assert operation.outcome == "succeeded"
        if operation.kind != "void":
            assert effects[operation.operation_id] == 1


STORIES = {
    "manual": (manual, STEPS_OF_MANUAL),
    "automatic": (automatic, STEPS_OF_AUTOMATIC),
    "void": (voided, STEPS_OF_VOID),
}


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
async def test_a_worker_killed_before_or_after_any_step_loses_nothing_and_repeats_nothing(
    database: Database,
    temporal_server: Any,
    stripe_simulator: SimulatorProcess,
    paypal_simulator: SimulatorProcess,
    gateway: str,
) -> None:
    """The customer is charged and refunded once, and each effect is in the books once, wherever the machine failed."""
    simulators = {"stripe": stripe_simulator, "paypal": paypal_simulator}
    engine = create_engine(database.app_url, 10)
    places = asyncio.Semaphore(AT_ONCE)

    async def case(story: Any, kill_at: str) -> None:
        settings = settings_for(database, temporal_server.address, stripe_simulator, paypal_simulator)
        processes = Processes(settings, await connect(settings), engine, simulators)
        async with places:
            await survive(settings, processes, lambda running: story(gateway, running), kill_at)

    async with asyncio.TaskGroup() as group:
        for story, steps in STORIES.values():
            for step in steps:
                group.create_task(case(story, f"before:{step}"))
                group.create_task(case(story, f"after:{step}"))
    await engine.dispose()


FIRST_CALLS = {
    "stripe": ["/v1/payment_intents", "/v1/payment_intents/*/confirm"],
    "paypal": ["/v2/checkout/orders", "/v2/checkout/orders/*/capture"],
}
"""The two requests of a charge with automatic capture: make the payment addressable, then take the money."""


async def test_a_worker_killed_while_a_gateway_works_on_a_request_repeats_nothing(
    database: Database,
    temporal_server: Any,
    stripe_simulator: SimulatorProcess,
    paypal_simulator: SimulatorProcess,
) -> None:
    """The request is on its way when the machine fails: its answer is lost, its effect is not taken twice."""
    simulators = {"stripe": stripe_simulator, "paypal": paypal_simulator}
    engine = create_engine(database.app_url, 10)

    async def case(gateway: str, call: int, when: str) -> None:
        settings = settings_for(database, temporal_server.address, stripe_simulator, paypal_simulator)
        processes = Processes(settings, await connect(settings), engine, simulators)
        request = processes.request(gateway)
        key = f"{request.charge_id}:capture:1" + (":create" if call == 0 else "")
        path = FIRST_CALLS[gateway][call]
        simulators[gateway].add_fault(
            method="POST", path=path, when=when, action="delay", delay_seconds=4, times=1, operation=key
        )
        async with asyncio.timeout(CASE_SECONDS), asyncio.TaskGroup() as group, worker_process(settings) as doomed:
            playing = group.create_task(processes.charge(request))
            if when == "after":
                await seen(simulators[gateway], key)
            elif call == 1:
                await seen(simulators[gateway], f"{key}:create")
            else:
                await written(processes, request.charge_id)
            await asyncio.sleep(1)
            doomed.kill()
            await doomed.wait()
            async with worker_process(settings):
                assert (await playing).status is ChargeStatus.CAPTURED
        await exactly_once(processes, gateway, request.charge_id, ["capture"])

    async with asyncio.TaskGroup() as group:
        for gateway, calls in FIRST_CALLS.items():
            for call in range(len(calls)):
                for when in ("before", "after"):
                    group.create_task(case(gateway, call, when))
    await engine.dispose()


async def seen(simulator: SimulatorProcess, key: str) -> None:
    """Wait until a gateway has worked on the request with this key."""
    while not any(request["idempotency_key"] == key for request in simulator.truth()["requests"]):
        await asyncio.sleep(0.1)


async def written(processes: Processes, charge_id: str) -> None:
    """Wait until the charge's operation is written down, which is just before its first request is sent."""
    while not await processes.operations(charge_id):
        await asyncio.sleep(0.1)
