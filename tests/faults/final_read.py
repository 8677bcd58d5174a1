"""The end of every run: faults end, clocks run, and everything ambiguous is resolved before anything is judged."""

import asyncio
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psycopg
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from local.simulators import SimulatorProcess
from tests.faults import evidence
from tests.faults.evidence import Acknowledged, Evidence
from tests.faults.nursery import worker_process
from tests.workflows.conftest import Processes

MANY_SKIPS = TimeSkippingConfig(max_session_skip_count=10_000)
PATIENCE_SECONDS = 60
"""How long things are given to settle by themselves; then the clocks are moved."""
SKIP_SECONDS = 20
STEPS = (timedelta(minutes=10), timedelta(hours=2), timedelta(days=2), timedelta(days=30))
AMBIGUOUS = """
SELECT DISTINCT c.charge_id FROM charges c LEFT JOIN operations o USING (charge_id)
WHERE c.status IN ('processing', 'requires_action', 'pending', 'unknown')
    OR (c.status <> 'needs_review' AND (o.outcome IS NULL OR o.outcome IN ('unknown', 'pending', 'action_required')))
    OR o.fee_status = 'pending'
"""


async def final_read(
    processes: Processes,
    database_url: str,
    acknowledged: tuple[Acknowledged, ...],
    log: Path | None = None,
    late: Collection[str] = (),
) -> Evidence:
    """Resolve everything with a worker that works, then read what there is; addresses are without any proxy.

    The clocks of charges that may learn a `late` fact are moved in any case.
    """
    simulators: Mapping[str, SimulatorProcess] = processes.simulators
    for simulator in simulators.values():
        simulator.clear_faults()
    async with worker_process(processes.settings, log=log):
        await resolve(processes, database_url, late)
    addresses = {name: simulator.url for name, simulator in simulators.items()}
    running = await evidence.running(processes.client)
    return evidence.read(database_url, addresses, running, acknowledged)


async def resolve(processes: Processes, database_url: str, late: Collection[str] = ()) -> None:
    """Wait until nothing is ambiguous, and move the clocks of what stays so; somebody else runs the workers."""
    await _until_none(database_url, PATIENCE_SECONDS)
    for step in STEPS:
        left = {*ambiguous(database_url), *late}
        if left:
            await _skip(processes, left, step)
        await _until_none(database_url, 10)


async def _until_none(database_url: str, seconds: float) -> None:
    for _ in range(int(seconds * 2)):
        if not ambiguous(database_url):
            return
        await asyncio.sleep(0.5)


async def _skip(processes: Processes, charge_ids: Iterable[str], step: timedelta) -> None:
    """Move the clocks of all processes of these charges; one that cannot be moved, as it works, is left as it is."""
    named = re.compile("|".join(rf"{re.escape(charge_id)}(?!\w)" for charge_id in charge_ids))
    meant = [workflow_id for workflow_id in await evidence.running(processes.client) if named.search(workflow_id)]
    skipper = TimeSkipper(processes.client, config=MANY_SKIPS)

    async def skip(workflow_id: str) -> None:
        with suppress(TimeoutError, RPCError):
            async with asyncio.timeout(SKIP_SECONDS):
                await skipper.fast_forward(processes.client.get_workflow_handle(workflow_id), step)

    await asyncio.gather(*(skip(workflow_id) for workflow_id in meant))


def ambiguous(database_url: str) -> list[str]:
    """The charges of which something is not decided yet."""
    with psycopg.connect(database_url) as connection:
        return [row[0] for row in connection.execute(AMBIGUOUS)]
