"""How a process asks a gateway: one operation, its retries, and what to do until the answer is known.

An ordinary activity on the gateway's own task queue, so that one gateway that hangs cannot starve the other.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import TimeoutError as ActivityTimeout

with workflow.unsafe.imports_passed_through():
    from activities.gateway_calls import GatewayCalls, Watch, Watched
    from gateways.port import ActionRequired, OperationKind, OperationRequest, Outcome

CALL_TIMEOUT = timedelta(seconds=30)
"""One call with its few requests; past it another attempt reads what became of it. It is also how long a killed worker is missed."""
ASKING_BUDGET = timedelta(seconds=60)
"""All retries of one call while a caller waits; past it the outcome is unknown and is asked for more slowly."""
READY_BUT_NOT_YET = timedelta(seconds=30)
"""A pause before watching again, where a gateway shows an operation as ready and then refuses to perform it."""
CALL_RETRIES = RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=15))

ACTIVITIES = {
    OperationKind.AUTHORIZE: GatewayCalls.authorize,
    OperationKind.CAPTURE: GatewayCalls.capture,
    OperationKind.VOID: GatewayCalls.void,
    OperationKind.REFUND: GatewayCalls.refund,
}


class NotKnown:
    """No answer within the budget; `reason` is the last failure in words."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def gateway_queue(task_queue: str, gateway: str) -> str:
    """Name the task queue of one gateway's calls."""
    return f"{task_queue}-{gateway}"


async def ask(operation: OperationRequest) -> Outcome | NotKnown:
    """Perform an operation at its gateway, again and again under the same key, until an answer or the end of the budget."""
    try:
        return await workflow.execute_activity_method(
            ACTIVITIES[operation.kind],
            operation,
            task_queue=gateway_queue(workflow.info().task_queue, operation.gateway),
            start_to_close_timeout=CALL_TIMEOUT,
            schedule_to_close_timeout=ASKING_BUDGET,
            retry_policy=CALL_RETRIES,
            summary=f"{operation.kind} {operation.amount} at {operation.gateway}",
        )
    except ActivityError as error:
        return NotKnown(failure_reason(error))


async def ask_again(operation: OperationRequest) -> Outcome | NotKnown:
    """Ask for an operation that may have been sent before: read first, and send it again only if it left no trace."""
    seen = await read(operation)
    return seen if seen is not None else await ask(operation)


async def read(operation: OperationRequest) -> Outcome | NotKnown | None:
    """Read what became of an operation, once: whoever asks comes again. None where the gateway shows no trace of it."""
    try:
        found = await workflow.execute_activity_method(
            GatewayCalls.look_up,
            operation,
            task_queue=gateway_queue(workflow.info().task_queue, operation.gateway),
            start_to_close_timeout=CALL_TIMEOUT,
            retry_policy=RetryPolicy(maximum_attempts=1),
            summary=f"read {operation.kind} at {operation.gateway}",
        )
    except ActivityError as error:
        return NotKnown(failure_reason(error))
    return found.outcome


async def ask_until_known(operation: OperationRequest, until: datetime) -> Outcome | None:
    """Ask for an unknown outcome more and more slowly; None where it is still unknown at `until`."""
    for delay in _slower_and_slower():
        if workflow.now() + delay > until:
            return None
        await workflow.sleep(delay, summary=f"ask {operation.gateway} again")
        answer = await ask_again(operation)
        if not isinstance(answer, NotKnown):
            return answer
    raise AssertionError("the delays never end")


async def watch(
    operation: OperationRequest, watched: Watched, timeout: timedelta, summary: str
) -> Outcome | NotKnown | None:
    """Wait, by looking it up, until what is `watched` for has happened; None where it has not within `timeout`.

    The activity's own retries are the poll, so a wait of days adds three events to the history, not thousands.
    """
    quick = watched is Watched.ACTION
    try:
        found = await workflow.execute_activity_method(
            GatewayCalls.watch,
            Watch(operation=operation, watched=watched),
            task_queue=gateway_queue(workflow.info().task_queue, operation.gateway),
            start_to_close_timeout=CALL_TIMEOUT,
            schedule_to_close_timeout=timeout,
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=1 if quick else 5),
                backoff_coefficient=1.5 if quick else 2.0,
                maximum_interval=timedelta(minutes=2) if quick else timedelta(hours=1),
            ),
            summary=summary,
        )
    except ActivityError:
        return None
    if found.outcome is not None:
        return found.outcome
    # The customer has done their part and the gateway waits for ours: a PayPal order that was approved.
    answer = await ask(operation)
    if isinstance(answer, ActionRequired):
        await workflow.sleep(READY_BUT_NOT_YET, summary="the gateway asks for the customer again")
    return answer


def failure_reason(error: ActivityError) -> str:
    """Say in one line why an activity failed."""
    cause: BaseException | None = error.cause
    while isinstance(cause, ActivityTimeout) and cause.cause is not None:
        cause = cause.cause
    if isinstance(cause, ApplicationError):
        return cause.message
    return str(cause or error)


def _slower_and_slower() -> Iterator[timedelta]:
    delay = timedelta(seconds=5)
    while True:
        yield delay
        delay = min(delay * 2, timedelta(hours=1))
