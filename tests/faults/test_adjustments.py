"""Adjustments when workers die around the posting, and when a crowd decides at once: no entry without its approvals, none twice."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from ledger.adjustment_requests import AdjustmentRequest
from ledger.adjustments import AdjustmentState
from tests.conftest import Database
from tests.faults.failpoints import Plan
from tests.faults.nursery import worker_process
from tests.faults.patience import PatientProcesses, as_patient
from tests.workflows import adjustments
from tests.workflows.conftest import Processes, settings_for
from workflows.adjustment import AdjustmentWorkflow

pytestmark = pytest.mark.system

POSTING = ("before", "committing", "committed", "after")
AT_ONCE = 10
"""Temporal takes ten messages at a time to one process."""
CROWD, LARGE_CROWD = 40, 1000
POSTED_WITHOUT_APPROVAL = """
SELECT e.reference FROM entries e LEFT JOIN adjustments a ON e.reference = 'adjustment/' || a.adjustment_id
WHERE e.rule = 'adjustment' AND (a.posted_entry_id IS DISTINCT FROM e.entry_id OR a.approvals_needed > (
    SELECT count(DISTINCT lower(d.person)) FROM adjustment_decisions d WHERE d.adjustment_id = a.adjustment_id
        AND d.decision = 'approve' AND d.seen_hash = a.entry_hash AND lower(d.person) <> lower(a.requester)
        AND d.decided_at < a.expires_at
))
"""
DECIDED_WRONGLY = """
SELECT d.adjustment_id, d.person FROM adjustment_decisions d JOIN adjustments a USING (adjustment_id)
WHERE lower(d.person) IN (lower(a.requester), 'eve') OR d.decided_at >= a.expires_at OR EXISTS (
    SELECT FROM adjustment_decisions o WHERE o.adjustment_id = d.adjustment_id AND lower(o.person) = lower(d.person)
        AND o.ctid <> d.ctid
)
"""


@pytest.fixture
async def served(callers: Processes, tmp_path: Path) -> AsyncIterator[Processes]:
    """Callers with two workers, and three accountants."""
    adjustments.let_people_in(callers)
    log = tmp_path / "log"
    async with worker_process(callers.settings, log=log), worker_process(callers.settings, log=log):
        yield callers


async def killed_at(callers: Processes, database: Database, point: str, directory: Path) -> AdjustmentRequest:
    """Approve an adjustment whose worker dies at a point of its posting; another one takes over."""
    stripe, paypal = (callers.simulators[gateway] for gateway in ("stripe", "paypal"))
    settings = settings_for(database, callers.settings.temporal_address, stripe, paypal)
    processes = PatientProcesses(settings, callers.client, callers.engine, callers.simulators)
    asked = adjustments.request()
    async with worker_process(settings, Plan(f"{point}:post_adjustment:1"), directory / "log") as doomed:
        await as_patient(processes, lambda: adjustments.ask(processes, asked, f"{asked.adjustment_id}-asked"))
        saying = asyncio.create_task(
            as_patient(processes, lambda: adjustments.say(processes, asked, "bob", id=f"{asked.adjustment_id}-said"))
        )
        assert await doomed.ended() == -signal.SIGKILL
    async with worker_process(settings, log=directory / "log"):
        assert (await saying).state is AdjustmentState.POSTED
        done = await adjustments.handle(processes, asked).result()
    assert (done.state, done.entry_reference) == ("posted", f"adjustment/{asked.adjustment_id}")
    return asked


async def test_a_worker_that_dies_around_the_posting_leaves_one_entry(
    callers: Processes, database: Database, tmp_path: Path
) -> None:
    """Before it, at its COMMIT, after that and before Temporal knows: it is posted once, and its approver is told so."""
    adjustments.let_people_in(callers)
    played = await asyncio.gather(*(killed_at(callers, database, point, tmp_path) for point in POSTING))
    for asked in played:
        assert await adjustments.entries(callers, asked) == 1
    nothing_wrong(database)


async def crowd(served: Processes, database: Database, size: int) -> None:
    """Self-, double-, late and other decisions, ten at a time on each adjustment, all adjustments at once."""
    chance = random.Random(size)
    adjustments.let_people_in(served, "Alice", "BOB", "dave")

    async def one(number: int) -> int:
        large = chance.random() < 0.5
        is_late = number % 4 == 0
        asked = adjustments.request(
            amount_minor=adjustments.LARGE_MINOR if large else 5000, valid_seconds=1 if is_late else 3600
        )
        await adjustments.ask(served, asked)
        if is_late:
            await asyncio.sleep(chance.choice([0.9, 1.0, 1.1]))
        people = chance.choices(["alice", "Alice", "bob", "bob", "BOB", "carol", "dave", "eve"], k=AT_ONCE)
        told = await asyncio.gather(*(decide(asked, person) for person in people), return_exceptions=True)
        unexpected = [each for each in told if isinstance(each, BaseException) and not _is_refusal(each)]
        assert unexpected == []
        return sum(isinstance(each, BaseException) for each in told)

    async def decide(asked: AdjustmentRequest, person: str) -> object:
        update = AdjustmentWorkflow.reject if chance.random() < 0.1 else AdjustmentWorkflow.approve
        return await adjustments.say(served, asked, person, update)

    refused = sum(await asyncio.gather(*(one(number) for number in range(size // AT_ONCE))))
    assert refused > size // 4
    nothing_wrong(database)


def _is_refusal(error: BaseException) -> bool:
    """Whether a word was refused, or came when the process had ended."""
    has_ended = isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND
    return isinstance(error, WorkflowUpdateFailedError) or has_ended


def nothing_wrong(database: Database) -> None:
    """Read by SQL of the test's own: every entry has its approvals, and no decision is one that may not be."""
    with psycopg.connect(database.superuser_url) as connection:
        assert connection.execute(POSTED_WITHOUT_APPROVAL.encode()).fetchall() == []
        assert connection.execute(DECIDED_WRONGLY.encode()).fetchall() == []
        posted = connection.execute("SELECT count(*) FROM entries WHERE rule = 'adjustment'").fetchall()
        states = connection.execute("SELECT count(*) FROM adjustments WHERE state = 'posted'").fetchall()
        assert posted == states != [(0,)]


async def test_a_crowd_that_decides_at_once_moves_nothing_wrongly(served: Processes, database: Database) -> None:
    """Through the processes: nobody for themselves, nobody twice, nobody late, nobody without the role."""
    await crowd(served, database, CROWD)


@pytest.mark.faults
async def test_a_crowd_of_a_thousand_moves_nothing_wrongly(served: Processes, database: Database) -> None:
    """The same, a thousand words over a hundred adjustments."""
    await crowd(served, database, LARGE_CROWD)
