"""How a process asks a gateway: one operation, its retries, and what to do until the answer is known.

An ordinary activity on the gateway's own task queue, so that one gateway that hangs cannot starve the other.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import TimeoutError as ActivityTimeout

from activities.gateway_calls import GatewayCalls, Watch, Watched
from gateways.port import ActionRequired, OperationKind, OperationRequest, Outcome, Withdrawal

Read = TypeVar("Read")

CALL_TIMEOUT = timedelta(seconds=30)
"""One call with its few requests; past it another attempt reads what became of it. It is also how long a killed worker is missed."""
ASKING_BUDGET = timedelta(seconds=60)
"""All retries of one call while a caller waits; past it the outcome is unknown and is asked for more slowly."""
READY_BUT_NOT_YET = timedelta(seconds=30)
"""A pause before watching again, where a gateway shows an operation as ready and then refuses to perform it."""
LONGEST_ACTION_POLL = timedelta(minutes=2)
"""A webhook that is lost delays what a customer has just done by no more than this."""
LONGEST_POLL = timedelta(hours=1)
"""A webhook that is lost delays a gateway's or a bank's decision by no more than this."""
POLLS = {
    Watched.ACTION: (timedelta(seconds=1), 1.5, LONGEST_ACTION_POLL),
    Watched.DECISION: (timedelta(seconds=5), 2.0, LONGEST_POLL),
    Watched.FEE: (timedelta(seconds=5), 2.0, LONGEST_POLL),
    Watched.REVIEW: (timedelta(minutes=10), 2.0, LONGEST_POLL),
}
"""First wait, factor and longest wait between two looks."""
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


class Woken:
    """A wait that was broken off, since something has happened that may change its answer."""


WOKEN = Woken()


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


async def read(operation: OperationRequest) -> Outcome | NotKnown | None:
    """Read what became of an operation, once: whoever asks comes again. None where the gateway shows no trace of it."""
    found = await _once(GatewayCalls.look_up, operation, f"read {operation.kind} at {operation.gateway}")
    return found if isinstance(found, NotKnown) else found.outcome


async def withdrawals(capture: OperationRequest) -> tuple[Withdrawal, ...] | NotKnown:
    """Read what the gateway took back of a capture by itself, once: whoever asks comes again."""
    found = await _once(GatewayCalls.read_withdrawals, capture, f"read what {capture.gateway} took back")
    return found if isinstance(found, NotKnown) else found.withdrawals


async def _once(
    reading: Callable[[Any, OperationRequest], Awaitable[Read]], operation: OperationRequest, summary: str
) -> Read | NotKnown:
    try:
        return await workflow.execute_activity_method(
            reading,
            operation,
            task_queue=gateway_queue(workflow.info().task_queue, operation.gateway),
            start_to_close_timeout=CALL_TIMEOUT,
            retry_policy=RetryPolicy(maximum_attempts=1),
            summary=summary,
        )
    except ActivityError as error:
        return NotKnown(failure_reason(error))


async def watch(
    operation: OperationRequest, watched: Watched, timeout: timedelta, summary: str, wake: Callable[[], bool]
) -> Outcome | NotKnown | Woken | None:
    """Wait, by looking it up, until what is `watched` for has happened; None where it has not within `timeout`.

    The activity's own retries are the poll, so a wait of days adds three events to the history, not thousands.
    Once `wake` says that something has happened it is broken off: whoever watches again reads at once.
    """
    first, factor, longest = POLLS[watched]
    looking = workflow.start_activity_method(
        GatewayCalls.watch,
        Watch(operation=operation, watched=watched),
        task_queue=gateway_queue(workflow.info().task_queue, operation.gateway),
        start_to_close_timeout=CALL_TIMEOUT,
        schedule_to_close_timeout=timeout,
        retry_policy=RetryPolicy(initial_interval=first, backoff_coefficient=factor, maximum_interval=longest),
        summary=summary,
    )
    await workflow.wait_condition(lambda: looking.done() or wake())
    if not looking.done():
        looking.cancel()
        with suppress(ActivityError):
            await looking
        return WOKEN
    try:
        found = await looking
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
