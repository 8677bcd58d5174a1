"""Operations: each call that can move money, written down before it is sent and decided once.

Functions take a connection and never commit: the caller's transaction is the step.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.answers import GatewayAnswer
from ledger.database import operations
from ledger.errors import OperationConflict, UnknownOperation
from ledger.money import Money
from ledger.record import Record

UNDECIDED = ("unknown", "action_required", "pending")
"""Outcomes that a later answer may replace."""


def operation_id(charge_id: str, kind: str, number: int) -> str:
    """Name an operation: at once the step, the gateway's idempotency key, the journal reference and the event id."""
    return f"{charge_id}:{kind}:{number}"


class NewOperation(Record):
    """An operation as it is written down before the first byte goes to the gateway."""

    charge_id: str
    kind: str
    number: int
    attempt: int = 1
    gateway: str
    payment_method: str | None = None
    amount: Money
    payment_reference: str | None = None
    target_reference: str | None = None
    final: bool = True
    refund_id: str | None = None
    reason: str | None = None
    actor: str
    purpose: str
    """Why there is this operation, in terms of the business: what serves the same purpose is the same operation."""
    compensates: str | None = None
    """The operation in excess that this one undoes."""
    authenticate: bool = False
    """Whether the gateway is to authenticate the customer, whatever it thinks of the risk."""
    routing: dict[str, Any] | None = None
    """The decision that chose the gateway of an attempt."""
    customer_present: bool = True
    """An attempt: whether the customer is there to act."""
    gateway_customer: str | None = None
    """An attempt: the gateway's own reference of the customer."""
    mandate: str | None = None
    """An attempt: the customer's mandate at the gateway."""

    @property
    def operation_id(self) -> str:
        """The name that it has everywhere."""
        return operation_id(self.charge_id, self.kind, self.number)


class Operation(Record):
    """An operation's row; `outcome` is None until the gateway's answer is known."""

    operation_id: str
    charge_id: str
    kind: str
    number: int
    attempt: int
    gateway: str
    payment_method: str | None
    amount_minor: int
    currency: str
    payment_reference: str | None
    target_reference: str | None
    gateway_reference: str | None
    outcome: str | None
    decline_code: str | None
    message: str | None
    fee_minor: int | None
    fee_currency: str | None
    fee_status: str
    refund_id: str | None
    reason: str | None
    actor: str
    final: bool
    requested_at: datetime
    decided_at: datetime | None
    purpose: str
    compensates: str | None
    excess: bool
    """It took effect after the charge had moved on; it is undone, and does not count for the charge."""
    authenticate: bool
    times_unknown: int
    """How often its outcome became unknown: each time has entries of its own."""
    routing: dict[str, Any] | None
    advice: str | None = None
    """What the issuer or the network advised beside a decline."""
    customer_present: bool = True
    gateway_customer: str | None = None
    mandate: str | None = None
    answer: GatewayAnswer | None = None
    """What the gateway told beside the outcome; None where it told nothing."""

    @property
    def amount(self) -> Money:
        """What the operation moves."""
        return Money(amount_minor=self.amount_minor, currency=self.currency)

    @property
    def is_decided(self) -> bool:
        """Whether the answer is known for good."""
        return self.outcome is not None and self.outcome not in UNDECIDED

    @property
    def is_attempt(self) -> bool:
        """Whether it takes or reserves money by itself: an authorization, or a capture without one."""
        return self.kind == "authorize" or (self.kind == "capture" and self.target_reference is None)


_FIXED = ("kind", "gateway", "payment_method", "amount_minor", "currency", "target_reference", "final", "refund_id")
"""What an operation stands for: it never changes."""


# Built once: building a statement costs more than sending it.
_UNDECIDED = or_(operations.c.outcome.is_(None), *(operations.c.outcome == outcome for outcome in UNDECIDED))
_ONE = select(operations).where(operations.c.operation_id == bindparam("id"))
_OF_PURPOSE = select(operations).where(
    operations.c.charge_id == bindparam("charge"), operations.c.purpose == bindparam("purpose")
)
_OF_REFUND = select(operations).where(operations.c.refund_id == bindparam("id"))
_OF_CHARGE = (
    select(operations)
    .where(operations.c.charge_id == bindparam("id"))
    .order_by(operations.c.requested_at, operations.c.operation_id)
)
_OF_CHARGE_LOCKED = _OF_CHARGE.with_for_update()
_INSERT = insert(operations).on_conflict_do_nothing().returning(operations)
_REMEMBER = (
    update(operations)
    .where(operations.c.operation_id == bindparam("id"), _UNDECIDED)
    .values(payment_reference=func.coalesce(operations.c.payment_reference, bindparam("reference")))
    .returning(operations.c.payment_reference)
)
_DECIDE = (
    update(operations)
    .where(operations.c.operation_id == bindparam("id"), _UNDECIDED)
    .values(decided_at=func.clock_timestamp())
    .returning(operations)
)
_CHANGE = update(operations).where(operations.c.operation_id == bindparam("id"))


async def intend(connection: AsyncConnection, new: NewOperation) -> tuple[Operation, bool]:
    """Write the intent down, or return the operation that serves this purpose, and whether it is new.

    Raises OperationConflict where the purpose is served by another operation.
    """
    values = new.model_dump(exclude={"amount"}) | {
        "operation_id": new.operation_id,
        "amount_minor": new.amount.amount_minor,
        "currency": new.amount.currency,
    }
    row = (await connection.execute(_INSERT, values)).mappings().first()
    if row is not None:
        return _operation(row), True
    found = await connection.execute(_OF_PURPOSE, {"charge": new.charge_id, "purpose": new.purpose})
    served_by = found.mappings().first()
    present = None if served_by is None else _operation(served_by)
    if present is None or any(getattr(present, name) != values[name] for name in _FIXED):
        raise OperationConflict(new.operation_id)
    return present, False


async def get(connection: AsyncConnection, operation_id: str) -> Operation | None:
    """Read one operation, or None."""
    return await _one(connection, _ONE, operation_id)


async def known(connection: AsyncConnection, operation_id: str) -> Operation:
    """Read an operation that must exist; raises UnknownOperation."""
    found = await get(connection, operation_id)
    if found is None:
        raise UnknownOperation(operation_id)
    return found


async def of_refund(connection: AsyncConnection, refund_id: str) -> Operation | None:
    """Read the operation of a refund, or None."""
    return await _one(connection, _OF_REFUND, refund_id)


async def of_charge(connection: AsyncConnection, charge_id: str, *, lock: bool = False) -> Sequence[Operation]:
    """List the operations of a charge, oldest first, with their rows locked if asked.

    Locked, so that a late attempt of a gateway call cannot keep a payment's reference while its operation is decided.
    """
    statement = _OF_CHARGE_LOCKED if lock else _OF_CHARGE
    return [_operation(row) for row in (await connection.execute(statement, {"id": charge_id})).mappings()]


async def payment_reference(connection: AsyncConnection, operation_id: str) -> str | None:
    """Read the gateway's object of the payment, if it was kept."""
    statement = select(operations.c.payment_reference).where(operations.c.operation_id == operation_id)
    found: str | None = await connection.scalar(statement)
    return found


async def remember_payment(connection: AsyncConnection, operation_id: str, reference: str) -> str | None:
    """Keep the gateway's object of the payment before money moves; None where the operation is decided already.

    The first reference stays: asked again under one key, a gateway names the same object.
    """
    kept: str | None = await connection.scalar(_REMEMBER, {"id": operation_id, "reference": reference})
    return kept


async def decide(connection: AsyncConnection, operation_id: str, changes: dict[str, Any]) -> Operation | None:
    """Write an operation's outcome; None where an outcome that is final stands already and nothing was written."""
    row = (await connection.execute(_DECIDE, changes | {"id": operation_id})).mappings().first()
    return None if row is None else _operation(row)


async def change(connection: AsyncConnection, operation_id: str, changes: dict[str, Any]) -> None:
    """Write a later fact about a decided operation: its fee, or a refund that failed after it had succeeded."""
    await connection.execute(_CHANGE, changes | {"id": operation_id})


async def _one(connection: AsyncConnection, statement: Select[Any], identity: str) -> Operation | None:
    row = (await connection.execute(statement, {"id": identity})).mappings().first()
    return None if row is None else _operation(row)


def _operation(row: RowMapping) -> Operation:
    return Operation.model_validate(dict(row))
