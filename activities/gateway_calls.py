"""The activities that call one gateway, on that gateway's task queue.

Each may run again with the same input, on another worker, while an older attempt still runs: the operation id is
the idempotency key, and whatever is asked again is first read from the gateway.
"""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from enum import StrEnum
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from gateways.errors import GatewayError, Misconfigured
from gateways.port import (
    ActionRequired,
    Gateway,
    OperationKind,
    OperationRequest,
    Outcome,
    Pending,
    Refused,
    Succeeded,
    Withdrawal,
)
from ledger import operations
from ledger.database import Database
from ledger.record import Record


class Watched(StrEnum):
    """What a watch waits for."""

    ACTION = "action"
    """The customer's authentication step."""
    DECISION = "decision"
    """The end of a pending outcome."""
    FEE = "fee"
    """The fee of a capture that succeeded."""
    REVIEW = "review"
    """The end of an outcome about which a person is asked."""


class Watch(Record):
    """An operation to look up until what is watched for has happened."""

    operation: OperationRequest
    watched: Watched


class Found(Record):
    """What a watch saw; no outcome means that the gateway is ready for the operation to be performed."""

    outcome: Outcome | None


class FoundWithdrawals(Record):
    """What a gateway took back of a capture by itself."""

    withdrawals: tuple[Withdrawal, ...]


class GatewayCalls:
    """Activities of one gateway; `engine` keeps the payment reference before money moves."""

    def __init__(self, gateway: Gateway, engine: Database) -> None:
        self._gateway = gateway
        self._engine = engine

    @activity.defn(name="authorize")
    async def authorize(self, request: OperationRequest) -> Outcome:
        """Reserve an amount on the customer's payment method."""
        return await _shielded(self._perform(request))

    @activity.defn(name="capture")
    async def capture(self, request: OperationRequest) -> Outcome:
        """Take an amount, from an authorization or at once."""
        return await _shielded(self._perform(request))

    @activity.defn(name="void")
    async def void(self, request: OperationRequest) -> Outcome:
        """Release an authorization, or abandon a payment that was never authorized."""
        return await _shielded(self._perform(request))

    @activity.defn(name="refund")
    async def refund(self, request: OperationRequest) -> Outcome:
        """Give back some or all of a capture."""
        return await _shielded(self._perform(request))

    @activity.defn(name="watch")
    async def watch(self, request: Watch) -> Found:
        """Look an operation up; fails with StillWaiting, to be retried, until what is watched for has happened.

        Whatever else is in the way is retried too: reading does no harm, and only the deadline ends a wait.
        """
        try:
            outcome = await self._gateway.look_up(request.operation)
        except GatewayError as error:
            raise ApplicationError(
                str(error), type=type(error).__name__, next_retry_delay=_asked_for_delay(error)
            ) from None
        if _still_waiting(request.watched, outcome):
            raise ApplicationError(
                f"waiting for the {request.watched}", type="StillWaiting", category=ApplicationErrorCategory.BENIGN
            )
        return Found(outcome=outcome)

    @activity.defn(name="look_up")
    async def look_up(self, request: OperationRequest) -> Found:
        """Read once what became of an operation."""
        try:
            return Found(outcome=await self._gateway.look_up(request))
        except GatewayError as error:
            raise _for_temporal(error) from None

    @activity.defn(name="read_withdrawals")
    async def read_withdrawals(self, capture: OperationRequest) -> FoundWithdrawals:
        """Read once what the gateway took back of a capture by itself."""
        try:
            return FoundWithdrawals(withdrawals=await self._gateway.withdrawals(capture))
        except GatewayError as error:
            raise _for_temporal(error) from None

    async def _perform(self, request: OperationRequest) -> Outcome:
        try:
            if activity.info().attempt > 1:
                request = await self._with_reference(request)
                known = await self._gateway.look_up(request)
                if known is not None:
                    return known
            if request.payment_reference is None:
                reference = await self._gateway.create_payment(request)
                if isinstance(reference, Refused):
                    return reference
                request = await self._remembered(request, reference)
            return await self._call(request)
        except GatewayError as error:
            activity.logger.warning("gateway.call_failed", extra={"operation_id": request.operation_id})
            raise _for_temporal(error) from None

    async def _with_reference(self, request: OperationRequest) -> OperationRequest:
        if request.payment_reference is not None:
            return request
        async with self._engine.connect() as connection:
            reference = await operations.payment_reference(connection, request.operation_id)
        return request.model_copy(update={"payment_reference": reference})

    async def _remembered(self, request: OperationRequest, reference: str) -> OperationRequest:
        """Keep the payment's reference before money moves.

        What can interleave here: an older attempt, still running after its timeout, may come to this line after the
        process has given the operation up. The row then refuses the reference, and nothing is sent.
        """
        async with self._engine.begin() as connection:
            kept = await operations.remember_payment(connection, request.operation_id, reference)
        if kept is None:
            message = f"operation {request.operation_id} is decided already, so nothing was sent"
            raise ApplicationError(message, type="Superseded", non_retryable=True)
        return request.model_copy(update={"payment_reference": kept})

    async def _call(self, request: OperationRequest) -> Outcome:
        match request.kind:
            case OperationKind.AUTHORIZE:
                return await self._gateway.authorize(request)
            case OperationKind.CAPTURE:
                return await self._gateway.capture(request)
            case OperationKind.VOID:
                return await self._gateway.void(request)
            case OperationKind.REFUND:
                return await self._gateway.refund(request)


def _still_waiting(watched: Watched, outcome: Outcome | None) -> bool:
    match watched:
        case Watched.ACTION:
            return isinstance(outcome, ActionRequired)
        case Watched.DECISION | Watched.REVIEW:
            return outcome is None or isinstance(outcome, Pending | ActionRequired)
        case Watched.FEE:
            return not isinstance(outcome, Succeeded) or outcome.fee_pending


def _for_temporal(error: GatewayError) -> ApplicationError:
    """Say to Temporal whether and when to try again; the type tells people which kind of failure it was.

    Raised without its cause: a chain of HTTP errors can be larger than Temporal takes, and then people see nothing.
    """
    return ApplicationError(
        str(error),
        type=type(error).__name__,
        non_retryable=isinstance(error, Misconfigured),
        next_retry_delay=_asked_for_delay(error),
    )


def _asked_for_delay(error: GatewayError) -> timedelta | None:
    wait = error.retry_after_seconds
    return timedelta(seconds=wait) if wait is not None else None


async def _shielded(call: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Money does not stop moving because a task was cancelled: once begun, a call runs to its answer."""
    return await asyncio.shield(call)
