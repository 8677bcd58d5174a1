"""Waits for a process to answer, for a limited time; and says, when it does not, which part is missing."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from temporalio.api.enums.v1 import PendingActivityState, TaskQueueType
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
)
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.service import RPCError, RPCStatusCode

from commands.connections import has_worker
from commands.errors import AnswerIsNo
from settings import Settings
from workflows.gateway_steps import gateway_queue

Result = TypeVar("Result")
Start = Callable[[], "WithStartWorkflowOperation[Any, Any]"]
"""Makes the start of a process; each can be used once."""

NOT_TAKEN_PAUSE_SECONDS = 1.0
FAILURES = {
    "GatewayUnreachable": "cannot be reached",
    "OutcomeUnknown": "gives no usable answer",
    "RateLimited": "takes no more requests for now",
    "KeyInUse": "still works on an earlier request",
}
"""What each failure of a gateway call says of the gateway."""
STILL_WAITING = "StillWaiting"
"""Type of the failure by which a watch says that nothing has happened yet: no outage."""


_ENDED_FIRST = "AcceptedUpdateCompletedWorkflow"
"""Type of the server's failure of an update whose process ended before it answered."""


class NoAnswerInTime(Exception):
    """The process has not answered; it goes on."""


class EndedWithoutAnswer(Exception):
    """The process ended before it answered."""


async def within(timeout_seconds: float, answer: Coroutine[Any, Any, Result]) -> Result:
    """Wait for an answer; raises NoAnswerInTime. Giving up ends the waiting, not the process."""
    task = asyncio.ensure_future(answer)
    try:
        await asyncio.wait({task}, timeout=timeout_seconds)
        if task.done():
            return task.result()
        raise NoAnswerInTime
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def start_and_ask(client: Client, start: Start, update: Any, message: Any) -> Any:
    """Start the process or find it running, and ask it, in one request: it cannot end between the two.

    Raises AnswerIsNo where it refuses, EndedWithoutAnswer, and WorkflowAlreadyStartedError where it is over already.
    """

    async def ask() -> Any:
        starting = start()
        # The operation keeps an error for whoever asks it for the process; asyncio reports an error that nobody takes.
        process = asyncio.ensure_future(starting.workflow_handle())
        process.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await client.execute_update_with_start_workflow(update, message, start_workflow_operation=starting)

    try:
        return await until_taken(ask)
    except WorkflowUpdateFailedError as error:
        raise refusal(error) from None


async def until_taken(ask: Callable[[], Awaitable[Result]]) -> Result:
    """Ask a process until Temporal takes the question, which it does not while the process's workers fail or die one after another.

    What is refused so is not kept, so that asking again asks once. It ends with whoever waits: see `within`.
    """
    while True:
        try:
            return await ask()
        except RPCError as error:
            if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                raise
        await asyncio.sleep(NOT_TAKEN_PAUSE_SECONDS)


def ended_while_asked(error: RPCError) -> bool:
    """Whether the process ended between being found and being asked."""
    return error.status is RPCStatusCode.NOT_FOUND and "workflow" in error.message


def refusal(error: WorkflowUpdateFailedError) -> Exception:
    """Translate what an update failed with: the process said no, or has ended."""
    if isinstance(error.cause, ApplicationError) and error.cause.type == _ENDED_FIRST:
        return EndedWithoutAnswer()
    return AnswerIsNo(failure_message(error))


def failure_message(error: WorkflowUpdateFailedError | WorkflowFailureError) -> str:
    """Return the innermost message: what happened, without the layers through which it came."""
    cause: BaseException = error
    while isinstance(cause.__cause__, FailureError):
        cause = cause.__cause__
    return cause.message if isinstance(cause, FailureError) else str(cause)


async def reason(client: Client, settings: Settings, workflow_id: str) -> str | None:
    """Say what the process is waiting for, in a clause; None where nothing is amiss."""
    try:
        description = await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return "its process is not there"
    if description.status is not WorkflowExecutionStatus.RUNNING:
        return f"its process has ended ({description.status.name.lower() if description.status else 'unknown'})"
    raw = description.raw_description
    for pending in raw.pending_activities:
        said = await _activity_reason(client, settings, pending)
        if said is not None:
            return said
    if raw.HasField("pending_workflow_task"):
        return await _task_reason(client, settings, attempt=raw.pending_workflow_task.attempt)
    return None


async def _activity_reason(client: Client, settings: Settings, pending: PendingActivityInfo) -> str | None:
    queue = pending.activity_options.task_queue.name
    gateway = queue.removeprefix(gateway_queue(settings.task_queue, ""))
    if pending.HasField("last_failure"):
        return _failure_reason(gateway, pending.last_failure)
    if pending.state != PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED:
        return f"{gateway} has not answered yet"
    if await has_worker(client, queue, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        return f"the {pending.activity_type.name} waits for a free worker on task queue {queue!r}"
    return f"no worker is running on task queue {queue!r}: start one with `python worker.py`"


def _failure_reason(gateway: str, failure: Failure) -> str | None:
    while failure.HasField("server_failure_info") and failure.HasField("cause"):
        failure = failure.cause  # The server puts a failure that it had to shorten into one of its own.
    if failure.HasField("timeout_failure_info"):
        return f"{gateway} cannot be reached (no answer in time)"
    kind = failure.application_failure_info.type
    if kind == STILL_WAITING:
        return None
    said = failure.message.partition("\n")[0].removeprefix(f"{gateway}: ")
    return f"{gateway} {FAILURES[kind]} ({said})" if kind in FAILURES else said


async def _task_reason(client: Client, settings: Settings, *, attempt: int) -> str:
    queue = settings.task_queue
    if attempt > 1:
        return f"the worker on task queue {queue!r} fails at it or has died: look at its log"
    if not await has_worker(client, queue, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW):
        return f"no worker is running on task queue {queue!r}: start one with `python worker.py`"
    return f"a worker on task queue {queue!r} has not taken it up, or cannot reach PostgreSQL: look at the worker's log"
