"""Refunds: what is asked for, and the reservation that keeps two of them from giving the same money back twice."""

import hashlib
from enum import StrEnum
from typing import Annotated

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import charges, operations
from ledger.charges import Charge
from ledger.database import operations as operations_table
from ledger.errors import RefundConflict, RefundExceedsCapture
from ledger.money import MAX_AMOUNT_MINOR, Money
from ledger.operations import NewOperation, Operation
from ledger.record import Identifier, Record, Text, content_hash

MAX_ID_LENGTH = 64


class RefundStatus(StrEnum):
    """Where a refund stands."""

    PROCESSING = "processing"
    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    NEEDS_REVIEW = "needs_review"

    @property
    def is_decided(self) -> bool:
        """Whether the caller has its answer; a refund that succeeded may still fail days later."""
        return self not in {RefundStatus.PROCESSING, RefundStatus.UNKNOWN}


class RefundRequest(Record):
    """The wish to give back some or all of what a charge captured, once."""

    refund_id: Identifier
    charge_id: Identifier
    amount_minor: int | None = Field(default=None, gt=0, le=MAX_AMOUNT_MINOR)
    """In minor units of the charge's currency; None for all that is left."""
    reason: Annotated[Text, Field(max_length=500)] | None = None
    actor: Annotated[Text, Field(min_length=1, max_length=200)]

    def content_hash(self) -> str:
        """Identify what is asked, whoever asks: the same id may come again with the same content only."""
        return content_hash(self)


class RefundView(Record):
    """A refund as callers see it; the amount in minor units of `currency`."""

    refund_id: str
    charge_id: str
    status: RefundStatus
    amount_minor: int | None = None
    currency: str | None = None
    operation_id: str | None = None
    gateway_reference: str | None = None
    message: str | None = None


def undoing_refund_id(charge_id: str, why: str, number: int) -> str:
    """Name a refund that gives back all of a charge that was called off or not confirmed; at most 64 characters."""
    name = f"{charge_id}.{why}.{number}"
    if len(name) <= MAX_ID_LENGTH:
        return name
    return f"undo.{hashlib.sha256(name.encode()).hexdigest()[:48]}"


async def reserve(connection: AsyncConnection, request: RefundRequest) -> tuple[Charge, Operation, bool]:
    """Set the money aside under the lock of the charge's row, or return what this refund reserved before.

    Raises UnknownCharge; RefundConflict where the id stands for another refund; RefundExceedsCapture where less is left.
    """
    charge = await charges.known(connection, request.charge_id, lock=True)
    present = await operations.of_refund(connection, request.refund_id)
    if present is not None:
        _same_refund(request, present)
        return charge, present, False
    amount = _amount(request, charge)
    capture = await _capture(connection, charge)
    charge = await charges.change(
        connection, charge.charge_id, {"refund_reserved_minor": charge.refund_reserved_minor + amount.amount_minor}
    )
    new = NewOperation(
        charge_id=charge.charge_id,
        kind="refund",
        number=await _next_number(connection, charge.charge_id),
        attempt=capture.attempt,
        gateway=capture.gateway,
        amount=amount,
        payment_reference=capture.payment_reference,
        target_reference=capture.gateway_reference,
        refund_id=request.refund_id,
        reason=request.reason,
        actor=request.actor,
        purpose=f"refund:{request.refund_id}",
    )
    operation, _ = await operations.intend(connection, new)
    return charge, operation, True


def _same_refund(request: RefundRequest, present: Operation) -> None:
    same_amount = request.amount_minor is None or request.amount_minor == present.amount_minor
    if present.charge_id != request.charge_id or not same_amount:
        raise RefundConflict(request.refund_id)


def _amount(request: RefundRequest, charge: Charge) -> Money:
    left = charge.refundable
    asked = left if request.amount_minor is None else charge.money(request.amount_minor)
    if asked.amount_minor == 0 or left < asked:
        raise RefundExceedsCapture(charge.charge_id, asked=asked, left=left)
    return asked


async def _capture(connection: AsyncConnection, charge: Charge) -> Operation:
    done = [
        operation
        for operation in await operations.of_charge(connection, charge.charge_id)
        if operation.kind == "capture" and operation.outcome == "succeeded" and not operation.excess
    ]
    return done[-1]


async def _next_number(connection: AsyncConnection, charge_id: str) -> int:
    statement = select(func.count()).where(
        operations_table.c.charge_id == charge_id, operations_table.c.kind == "refund"
    )
    return 1 + (await connection.scalar(statement) or 0)
