"""Deployments and floods: workers that are replaced under load, and a process that hears of something a thousand times."""

import asyncio
from pathlib import Path

import pytest

from ledger.charges import CaptureMode, ChargeStatus
from tests.conftest import Database
from tests.faults import evidence, fleet, seeds
from tests.faults.crowd import Crowd
from tests.faults.final_read import final_read
from tests.faults.invariants import violations
from tests.faults.replays import unreplayable
from tests.workflows.conftest import Processes
from workflows.charge import ChargeWorkflow
from workflows.charge_commands import CaptureCommand
from workflows.hints import GatewayReported

pytestmark = [pytest.mark.system, pytest.mark.faults]

CHARGES = 300
AT_ONCE = 40
DEPLOYMENTS = 4
SIGNALS = 1000
MAX_EVENTS = 10_000
"""Where Temporal begins to warn."""


async def test_a_rolling_restart_under_load_fails_no_charge(
    callers: Processes, database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Who deploys at noon disturbs nobody: every wish is fulfilled, and every worker ends in good order."""
    with seeds.replayable(seeds.fresh(), request.node.nodeid) as chance:
        async with fleet.running(callers.settings, 3, tmp_path / "log") as workers:
            crowd = Crowd(callers, chance, AT_ONCE)
            playing = asyncio.create_task(crowd.play(CHARGES))
            for _ in range(DEPLOYMENTS):
                await workers.roll()
            await playing
        assert crowd.not_as_wished == []
        found = await final_read(callers, database.superuser_url, tuple(crowd.answers), tmp_path / "final")
        assert violations(found) == []
        assert await unreplayable(callers.client, callers.settings.task_queue) == []


async def test_a_thousand_signals_to_one_charge_lose_none_and_hinder_nothing(
    callers: Processes, database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Workers change meanwhile; the last signal is heeded like the first, and the merchant's command with them."""
    with seeds.replayable(seeds.fresh(), request.node.nodeid):
        async with fleet.running(callers.settings, 2, tmp_path / "log") as workers:
            pending = callers.request("paypal", "wallet_pending_review")
            assert (await callers.charge(pending)).status is ChargeStatus.PENDING
            held = await callers.charge(callers.request("paypal", capture=CaptureMode.MANUAL))
            ids = (pending.charge_id, held.charge_id)
            deploying = asyncio.create_task(workers.roll())
            await asyncio.gather(*(_flood(callers, charge_id, SIGNALS) for charge_id in ids))
            await deploying
            await asyncio.to_thread(callers.simulators["paypal"].advance_clock, 61)
            await _flood(callers, pending.charge_id, 1)
            async with asyncio.timeout(30):
                ended = await callers.handle(pending.charge_id).result()
            assert ended.status is ChargeStatus.CAPTURED
            command = CaptureCommand(actor="person:tester")
            view = await callers.handle(held.charge_id).execute_update(ChargeWorkflow.capture, command)
            assert view.status is ChargeStatus.CAPTURED
        for charge_id in ids:
            events = (await evidence.history(callers.client, f"charge/{charge_id}"))["events"]
            heard = [event for event in events if event["eventType"] == "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED"]
            assert len(heard) == SIGNALS + (charge_id == pending.charge_id)
            assert len(events) < MAX_EVENTS
        found = await final_read(callers, database.superuser_url, (), tmp_path / "final")
        assert violations(found) == []


async def _flood(callers: Processes, charge_id: str, signals: int) -> None:
    handle = callers.handle(charge_id)
    hints = [GatewayReported(gateway="paypal", event_id=f"WH-{n}", event_type="ANY") for n in range(signals)]
    places = asyncio.Semaphore(20)

    async def give(hint: GatewayReported) -> None:
        async with places:
            await handle.signal(ChargeWorkflow.gateway_reported, hint)

    await asyncio.gather(*(give(hint) for hint in hints))
