"""Speaks with the process of a hold: starts or joins it, and has it posted or voided.

The row in PostgreSQL is asked first and last, so the answer is the same when Temporal has forgotten the process.
"""

import uuid
from typing import Any, NoReturn

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from commands import connections, hold_documents, waiting
from commands.errors import AnswerIsNo, OutOfReach, WrongUse
from commands.hold_documents import HoldDocument
from ledger import holds
from ledger.hold_errors import HoldConflict, HoldNotPending, UnknownHold
from ledger.holds import Hold, HoldRequest, HoldState
from settings import Settings
from workflows.hold import HoldWorkflow, workflow_id
from workflows.hold_messages import AwaitHold, HoldStatus, HoldView, PostHold, VoidHold


async def place(settings: Settings, request: HoldRequest, timeout_seconds: float) -> HoldDocument:
    """Place a hold, or find the one of this id and content, wherever it stands."""
    present = await _row(settings, request.hold_id)
    if present is not None:
        if not present.is_as_asked(request):
            raise AnswerIsNo(str(HoldConflict(request.hold_id)))
        return _of_row(settings, present)
    client = await connections.temporal(settings)
    await connections.require_worker(client, settings)
    question = AwaitHold(content_hash=request.content_hash())
    asking = waiting.start_and_ask(client, _start(settings, request), HoldWorkflow.await_placed, question)
    try:
        view: HoldView = await waiting.within(timeout_seconds, asking)
    except waiting.NoAnswerInTime:
        await _explain(client, settings, request.hold_id, timeout_seconds)
    except (WorkflowAlreadyStartedError, waiting.EndedWithoutAnswer):
        handle = _handle(client, request.hold_id)
        view = await waiting.within(timeout_seconds, handle.result())
    if view.status is HoldStatus.REFUSED:
        return hold_documents.of_refused(view, web_ui(settings, request.hold_id))
    return await whole(settings, request.hold_id)


async def post(settings: Settings, hold_id: str, command: PostHold, timeout_seconds: float) -> HoldDocument:
    """Take what is held; where it is posted already as it is wished now, that is the answer."""
    hold = await known(settings, hold_id)
    wanted = hold.amount_minor if command.amount_minor is None else command.amount_minor
    if hold.state is HoldState.POSTED and hold.posted_minor == wanted:
        return _of_row(settings, hold)
    return await _end(settings, hold, HoldWorkflow.post, command, timeout_seconds)


async def void(settings: Settings, hold_id: str, command: VoidHold, timeout_seconds: float) -> HoldDocument:
    """Let go of what is held; where that is done already, that is the answer."""
    hold = await known(settings, hold_id)
    if hold.state is HoldState.VOIDED:
        return _of_row(settings, hold)
    return await _end(settings, hold, HoldWorkflow.void, command, timeout_seconds)


async def whole(settings: Settings, hold_id: str) -> HoldDocument:
    """Read a hold as it is shown; raises WrongUse where there is none."""
    return _of_row(settings, await known(settings, hold_id))


async def known(settings: Settings, hold_id: str) -> Hold:
    """Read a hold that must exist; raises WrongUse."""
    hold = await _row(settings, hold_id)
    if hold is None:
        raise WrongUse(str(UnknownHold(hold_id)))
    return hold


async def listed(settings: Settings, account: str | None, state: HoldState | None, limit: int) -> list[HoldDocument]:
    """List holds, the last placed first."""
    async with connections.books(settings) as connection:
        found = await holds.listed(connection, account=account, state=state, limit=limit)
    return [_of_row(settings, hold) for hold in found]


def web_ui(settings: Settings, hold_id: str) -> str:
    """Return the address of a hold's process in the Temporal Web UI."""
    return connections.web_ui(settings, workflow_id(hold_id))


async def _end(
    settings: Settings, hold: Hold, update: Any, command: PostHold | VoidHold, timeout_seconds: float
) -> HoldDocument:
    if hold.state is not HoldState.PENDING:
        raise AnswerIsNo(str(HoldNotPending(hold.hold_id, hold.state)))
    client = await connections.temporal(settings)
    await connections.require_worker(client, settings)
    handle = _handle(client, hold.hold_id)
    identity = str(uuid.uuid4())
    try:
        asking = waiting.until_taken(lambda: handle.execute_update(update, command, id=identity))
        await waiting.within(timeout_seconds, asking)
    except waiting.NoAnswerInTime:
        await _explain(client, settings, hold.hold_id, timeout_seconds)
    except WorkflowUpdateFailedError as error:
        raise waiting.refusal(error) from None
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise OutOfReach(
            f"the process of hold {hold.hold_id} is not running in Temporal at {settings.temporal_address}, "
            f"namespace {settings.temporal_namespace!r}: look at `holds show {hold.hold_id}`"
        ) from None
    return await whole(settings, hold.hold_id)


def _start(settings: Settings, request: HoldRequest) -> waiting.Start:
    return lambda: WithStartWorkflowOperation(
        HoldWorkflow.run,
        request,
        id=workflow_id(request.hold_id),
        task_queue=settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        static_summary=f"{request.amount} of {request.account}",
    )


async def _row(settings: Settings, hold_id: str) -> Hold | None:
    async with connections.books(settings) as connection:
        return await holds.get(connection, hold_id)


def _of_row(settings: Settings, hold: Hold) -> HoldDocument:
    return hold_documents.of_hold(hold, web_ui(settings, hold.hold_id))


async def _explain(client: Client, settings: Settings, hold_id: str, timeout_seconds: float) -> NoReturn:
    why = await waiting.reason(client, settings, workflow_id(hold_id))
    raise OutOfReach(
        f"hold {hold_id} has no answer after {timeout_seconds:g} s: {why or 'it is under way'}; "
        f"it goes on by itself: look with `holds show {hold_id}`, or give the same command again with this id"
    )


def _handle(client: Client, hold_id: str) -> WorkflowHandle[HoldWorkflow, HoldView]:
    handle: WorkflowHandle[HoldWorkflow, HoldView] = client.get_workflow_handle_for(
        HoldWorkflow.run, workflow_id(hold_id)
    )
    return handle
