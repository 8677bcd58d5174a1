"""Holds on real parts: how a test fills a wallet, asks for a hold of it, and ends that."""

import os
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from temporalio.client import WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from ledger import account_standing, holds, journal
from ledger.account_standing import Standing
from ledger.holds import Hold, HoldRequest
from tests.ledger.samples import usd
from tests.ledger.wallets import filled, wallet
from tests.workflows.conftest import Processes
from workflows import hold
from workflows.hold import HoldWorkflow
from workflows.hold_messages import AwaitHold, HoldView, PostHold, VoidHold

FILLED = 1000
SAID: dict[str, Any] = {"because": "the seats are taken", "actor": "person:tester"}
_numbers = count(1)


async def asked(
    processes: Processes, amount_minor: int = 600, hold_id: str | None = None, **changes: Any
) -> HoldRequest:
    """Fill a wallet of its own with 10.00, and ask for 6.00 of it to be held for an hour; nobody has placed it yet."""
    name = hold_id or f"h_{os.getpid()}_{next(_numbers)}"
    async with processes.engine.begin() as connection:
        await journal.post(connection, [filled(f"filled-{name}", FILLED, name)])
    fields = {"hold_id": name, "account": wallet(name).code, "amount": usd(amount_minor), **SAID}
    fields["expires_at"] = datetime.now(UTC) + timedelta(hours=1)
    return HoldRequest.model_validate(fields | changes)


async def place(processes: Processes, request: HoldRequest, *, update_id: str | None = None) -> HoldView:
    """Start the process of a hold, or join it, and wait until it is placed."""
    start = WithStartWorkflowOperation(
        HoldWorkflow.run,
        request,
        id=hold.workflow_id(request.hold_id),
        task_queue=processes.settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
    )
    question = AwaitHold(content_hash=request.content_hash())
    return await processes.client.execute_update_with_start_workflow(
        HoldWorkflow.await_placed, question, start_workflow_operation=start, id=update_id
    )


def handle(processes: Processes, hold_id: str) -> Any:
    """The process of a hold."""
    return processes.client.get_workflow_handle_for(HoldWorkflow.run, hold.workflow_id(hold_id))


async def post(
    processes: Processes, hold_id: str, amount_minor: int | None = None, to: str = "revenue:sales"
) -> HoldView:
    """Take what is held, or a part of it."""
    command = PostHold(amount_minor=amount_minor, to=to, **SAID)
    view: HoldView = await handle(processes, hold_id).execute_update(HoldWorkflow.post, command, id=f"{hold_id}-post")
    return view


async def void(processes: Processes, hold_id: str) -> HoldView:
    """Let go of what is held."""
    view: HoldView = await handle(processes, hold_id).execute_update(
        HoldWorkflow.void, VoidHold(**SAID), id=f"{hold_id}-void"
    )
    return view


async def row(processes: Processes, hold_id: str) -> Hold:
    """The hold in the books."""
    async with processes.engine.connect() as connection:
        return await holds.known(connection, hold_id)


async def standing(processes: Processes, request: HoldRequest) -> Standing:
    """How the wallet stands."""
    async with processes.engine.connect() as connection:
        return (await account_standing.standings(connection, request.account))[0]


def three(found: Standing) -> tuple[int, int, int]:
    """What is posted, pending and available."""
    return found.posted_minor, found.pending_minor, found.available_minor


def soon(seconds: float = 2.0) -> datetime:
    """A moment that comes while the test looks on: the database's clock is nobody's to move."""
    return datetime.now(UTC) + timedelta(seconds=seconds)
