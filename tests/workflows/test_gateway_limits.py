"""What a gateway's calls are limited by: its own rate and its own slots, at the expense of no other gateway."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest

from ledger.charges import ChargeStatus
from local.simulators import SimulatorProcess
from tests.conftest import Database
from tests.workflows.conftest import Processes, run_processes, settings_for

CHARGES = 12
PER_SECOND = 4.0


async def test_calls_per_second(
    database: Database, temporal_server: Any, stripe_simulator: SimulatorProcess, paypal_simulator: SimulatorProcess
) -> None:
    """A gateway that is asked for more than its rate is asked later, and the other one is not slowed down."""
    settings = settings_for(database, temporal_server.address, stripe_simulator, paypal_simulator)
    settings = settings.model_copy(update={"stripe_calls_per_second": PER_SECOND})
    async with AsyncExitStack() as stack:
        processes = await run_processes(stack, settings, {"stripe": stripe_simulator, "paypal": paypal_simulator})
        at_stripe, at_paypal = await asyncio.gather(_seconds(processes, "stripe"), _seconds(processes, "paypal"))
    # The first few may go at once: the server hands out a second's share in advance.
    assert at_stripe > (CHARGES - 2 * PER_SECOND) / PER_SECOND
    assert at_paypal < at_stripe


@pytest.mark.parametrize(("hanging", "other"), [("paypal", "stripe"), ("stripe", "paypal")])
async def test_gateway_that_hangs(
    database: Database,
    temporal_server: Any,
    stripe_simulator: SimulatorProcess,
    paypal_simulator: SimulatorProcess,
    hanging: str,
    other: str,
) -> None:
    """A gateway whose every slot is taken by calls that hang leaves the other one its own."""
    settings = settings_for(database, temporal_server.address, stripe_simulator, paypal_simulator)
    settings = settings.model_copy(update={"gateway_concurrency": 2, "gateway_timeout_seconds": 20.0})
    simulators = {"stripe": stripe_simulator, "paypal": paypal_simulator}
    simulators[hanging].add_fault(action="delay", when="before", delay_seconds=15.0, times=None)
    async with AsyncExitStack() as stack:
        processes = await run_processes(stack, settings, simulators)
        async with asyncio.TaskGroup() as group:
            swallowed = [group.create_task(processes.charge(processes.request(hanging))) for _ in range(4)]
            await asyncio.sleep(0.5)
            await _seconds(processes, other)
            assert not any(task.done() for task in swallowed)
            simulators[hanging].clear_faults()


async def _seconds(processes: Processes, gateway: str) -> float:
    began = time.monotonic()
    views = await asyncio.gather(*(processes.charge(processes.request(gateway)) for _ in range(CHARGES)))
    assert all(view.status is ChargeStatus.CAPTURED for view in views)
    return time.monotonic() - began
