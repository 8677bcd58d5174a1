"""A worker that is killed while a gateway works on its request: the answer is lost, the effect is not taken twice."""

import asyncio
from collections import Counter

import pytest

from ledger.charges import ChargeStatus
from local.simulators import SimulatorProcess
from tests.conftest import Database
from tests.faults.nursery import worker_process
from tests.workflows.conftest import Processes, settings_for
from workflows.client import connect

pytestmark = pytest.mark.system

CASE_SECONDS = 240

FIRST_CALLS = {
    "stripe": ["/v1/payment_intents", "/v1/payment_intents/*/confirm"],
    "paypal": ["/v2/checkout/orders", "/v2/checkout/orders/*/capture"],
}
"""The two requests of a charge with automatic capture: make the payment addressable, then take the money."""


async def test_a_worker_killed_while_a_gateway_works_on_a_request_repeats_nothing(
    callers: Processes, database: Database
) -> None:
    """The request is on its way when the machine fails: its answer is lost, its effect is not taken twice."""
    simulators = callers.simulators

    async def case(gateway: str, call: int, when: str) -> None:
        stripe, paypal = simulators["stripe"], simulators["paypal"]
        settings = settings_for(database, callers.settings.temporal_address, stripe, paypal)
        processes = Processes(settings, await connect(settings), callers.engine, simulators)
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
            await doomed.kill()
            async with worker_process(settings):
                assert (await playing).status is ChargeStatus.CAPTURED
        await exactly_once(processes, gateway, request.charge_id)

    async with asyncio.TaskGroup() as group:
        for gateway, calls in FIRST_CALLS.items():
            for call in range(len(calls)):
                for when in ("before", "after"):
                    group.create_task(case(gateway, call, when))


async def exactly_once(processes: Processes, gateway: str, charge_id: str) -> None:
    """One effect at the gateway, and each entry once."""
    (operation,) = await processes.operations(charge_id)
    captured = [effect["operation_id"] for effect in processes.effects(gateway, "capture")]
    assert captured.count(operation.operation_id) == 1
    assert set(Counter(await processes.rules(charge_id)).values()) == {1}


async def seen(simulator: SimulatorProcess, key: str) -> None:
    """Wait until a gateway has worked on the request with this key."""
    while not any(request["idempotency_key"] == key for request in simulator.truth()["requests"]):
        await asyncio.sleep(0.1)


async def written(processes: Processes, charge_id: str) -> None:
    """Wait until the charge's operation is written down, which is just before its first request is sent."""
    while not await processes.operations(charge_id):
        await asyncio.sleep(0.1)
