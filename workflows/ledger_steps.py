"""How a process runs a ledger step: a local activity, since it is one short and idempotent database transaction."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

Input = TypeVar("Input")
Result = TypeVar("Result")

STEP_TIMEOUT = timedelta(seconds=15)
"""One database transaction, with its waits for locks and for a connection."""
STEP_RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=100), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=10)
)
"""For as long as PostgreSQL is away: what the gateway did must come into the books."""


async def run(step: Callable[[Any, Input], Awaitable[Result]], message: Input, summary: str) -> Result:
    """Run a step to its end; what the books refuse comes back as an ApplicationError whose type is the refusal's name."""
    try:
        return await workflow.execute_local_activity_method(
            step,
            message,
            start_to_close_timeout=STEP_TIMEOUT,
            retry_policy=STEP_RETRIES,
            summary=summary,
        )
    except ActivityError as error:
        # A local activity fails with its own error; should the SDK wrap it one day, nothing here changes.
        raise (error.cause if isinstance(error.cause, ApplicationError) else error) from error
