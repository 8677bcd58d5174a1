"""Adjustments on real parts: how a test asks for one, says a person's word, lets its time pass, and reads what is booked."""

import asyncio
import os
from datetime import timedelta
from itertools import count
from typing import Any

import psycopg
import pytest
from temporalio.client import WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError

from ledger import adjustments, reports
from ledger.adjustment_requests import AdjustmentRequest, entry_reference
from ledger.adjustments import Adjustment, AdjustmentState
from tests.ledger import adjustment_samples
from tests.ledger.adjustment_samples import THRESHOLD_MINOR
from tests.workflows.conftest import Processes
from workflows import adjustment
from workflows.adjustment import AdjustmentWorkflow
from workflows.adjustment_messages import AdjustmentView, AdjustmentWord, AwaitRequest

ACCOUNTANTS = ("alice", "bob", "carol")
LARGE_MINOR = THRESHOLD_MINOR + 1
WITH_PATIENCE = 60
ANSWER_SECONDS = 200
"""Longer than a worker that has died keeps anybody waiting."""
_numbers = count(1)


def as_superuser(processes: Processes) -> "psycopg.Connection[Any]":
    """Speak to the database as an operator who has all rights."""
    return psycopg.connect(processes.settings.migration_database_url, autocommit=True)


def let_people_in(processes: Processes, *persons: str) -> None:
    """Let persons be accountants, alice, bob and carol where none is named, and 1,000.00 USD need one approval."""
    with as_superuser(processes) as superuser:
        adjustment_samples.hold_role(superuser, *(persons or ACCOUNTANTS))
        superuser.execute("SELECT pg_advisory_lock(1)")  # many stories do so at once
        if superuser.execute("SELECT FROM adjustment_tiers LIMIT 1").fetchone() is None:
            adjustment_samples.set_tier(superuser)


def request(**changes: Any) -> AdjustmentRequest:
    """Ask to write 50.00 USD off, under a fresh id."""
    return adjustment_samples.asked(**{"adjustment_id": f"adj_{os.getpid()}_{next(_numbers)}", **changes})


def _operation(processes: Processes, asked: AdjustmentRequest) -> "WithStartWorkflowOperation[Any, Any]":
    starting = WithStartWorkflowOperation(
        AdjustmentWorkflow.run,
        asked,
        id=adjustment.workflow_id(asked.adjustment_id),
        task_queue=processes.settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    )
    # It keeps an error for whoever asks it for the process; nobody does, and asyncio reports that.
    process = asyncio.ensure_future(starting.workflow_handle())
    process.add_done_callback(lambda task: task.cancelled() or task.exception())
    return starting


async def ask(processes: Processes, asked: AdjustmentRequest, update_id: str | None = None) -> AdjustmentView:
    """Start an adjustment, or join it, and wait until it is in the books."""
    question = AwaitRequest(content_hash=asked.content_hash())
    async with asyncio.timeout(ANSWER_SECONDS):
        return await processes.client.execute_update_with_start_workflow(
            AdjustmentWorkflow.await_request,
            question,
            start_workflow_operation=_operation(processes, asked),
            id=update_id,
        )


def handle(processes: Processes, asked: AdjustmentRequest) -> Any:
    """The process of an adjustment."""
    return processes.client.get_workflow_handle_for(AdjustmentWorkflow.run, adjustment.workflow_id(asked.adjustment_id))


async def say(
    processes: Processes, asked: AdjustmentRequest, by: str, update: Any = AdjustmentWorkflow.approve, **options: Any
) -> AdjustmentView:
    """Say a person's word; it is approval where nothing else is said."""
    entry_hash = options.pop("entry_hash", None) or asked.entry_hash()
    word = AdjustmentWord(by=by, because="looked at it", entry_hash=entry_hash)
    async with asyncio.timeout(ANSWER_SECONDS):
        view: AdjustmentView = await handle(processes, asked).execute_update(update, word, **options)
    return view


async def refusal(processes: Processes, asked: AdjustmentRequest, by: str, *how: Any, **options: Any) -> str:
    """Say a word that is not taken, and return why."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await say(processes, asked, by, *how, **options)
    assert isinstance(refused.value.cause, ApplicationError)
    return refused.value.cause.message


async def row(processes: Processes, asked: AdjustmentRequest) -> Adjustment:
    """What the books have of it."""
    async with processes.engine.connect() as connection:
        return await adjustments.known(connection, asked.adjustment_id)


async def until(processes: Processes, asked: AdjustmentRequest, state: AdjustmentState) -> Adjustment:
    """Wait until the books have it in a state."""
    async with asyncio.timeout(WITH_PATIENCE):
        while (found := await row(processes, asked)).state is not state:
            await asyncio.sleep(0.1)
    return found


async def entries(processes: Processes, asked: AdjustmentRequest) -> int:
    """How many entries it has, by its reference."""
    async with processes.engine.connect() as connection:
        found = await reports.entries(connection)
    return sum(entry.reference == entry_reference(asked.adjustment_id) for entry in found)


def pass_time(processes: Processes, asked: AdjustmentRequest, passed: timedelta) -> None:
    """Let it be older than it is by the clock of the books."""
    with as_superuser(processes) as superuser:
        adjustment_samples.pass_time(superuser, asked.adjustment_id, passed)
