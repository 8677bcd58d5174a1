"""What a failed ledger step means to Temporal: an outage is tried again, a refusal is not."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from billing.errors import BillingError
from gateways.routing.errors import NoGateway
from ledger.database import OUTAGES, outage_reason
from ledger.errors import LedgerError

Input = ParamSpec("Input")
Result = TypeVar("Result")


def translated(step: Callable[Input, Awaitable[Result]]) -> Callable[Input, Awaitable[Result]]:
    """Raise refusals as errors that are not retried, and outages of PostgreSQL as one clear line that is."""

    @wraps(step)
    async def run(*args: Input.args, **kwargs: Input.kwargs) -> Result:
        try:
            return await step(*args, **kwargs)
        except (LedgerError, BillingError, NoGateway) as error:
            raise ApplicationError(
                str(error),
                type=type(error).__name__,
                non_retryable=True,
                category=ApplicationErrorCategory.BENIGN,
            ) from None
        except OUTAGES as error:
            raise ApplicationError(
                f"PostgreSQL could not do it: {outage_reason(error)}", type="DatabaseUnavailable"
            ) from None

    return run
