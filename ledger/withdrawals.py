"""Withdrawals: what a gateway took back of a capture by itself, as rows that follow what the gateway says of it.

Functions take a connection and never commit: the caller's transaction is the step.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import withdrawals
from ledger.money import Money
from ledger.record import Record


class TakenBack(Record):
    """A withdrawal's row: a reversal, or a dispute that is open, lost or won."""

    gateway: str
    reference: str
    """The gateway's object."""
    charge_id: str
    operation_id: str
    """The capture of which it was taken."""
    kind: str
    state: str
    currency: str
    amount_minor: int
    returned_minor: int = 0
    fee_minor: int = 0
    fee_currency: str
    changes: int = 0
    """How often it changed after it was first seen."""
    withdrawn_at: datetime
    closed_at: datetime | None = None
    read_at: datetime
    """When the gateway was asked that said so."""

    @property
    def amount(self) -> Money:
        """What left our balance."""
        return Money(amount_minor=self.amount_minor, currency=self.currency)

    @property
    def kept_minor(self) -> int:
        """What the gateway took and has not returned."""
        return self.amount_minor - self.returned_minor


_OF_CHARGE = (
    select(withdrawals)
    .where(withdrawals.c.charge_id == bindparam("id"))
    .order_by(withdrawals.c.withdrawn_at, withdrawals.c.reference)
)
_INSERT = insert(withdrawals)
_CHANGE = update(withdrawals).where(
    withdrawals.c.gateway == bindparam("of_gateway"), withdrawals.c.reference == bindparam("of_reference")
)
_MUTABLE = frozenset({"state", "returned_minor", "fee_minor", "changes", "closed_at", "read_at"})


async def of_charge(connection: AsyncConnection, charge_id: str) -> Sequence[TakenBack]:
    """List what was taken back of a charge, oldest first."""
    return [_row(each) for each in (await connection.execute(_OF_CHARGE, {"id": charge_id})).mappings()]


async def keep(connection: AsyncConnection, taken: TakenBack) -> None:
    """Write a withdrawal down when it is first seen, and later what came of it; the charge's row must be locked."""
    values: dict[str, Any] = taken.model_dump()
    if taken.changes == 0:
        await connection.execute(_INSERT, values)
        return
    changed = {name: value for name, value in values.items() if name in _MUTABLE}
    named = {"of_gateway": taken.gateway, "of_reference": taken.reference}
    await connection.execute(_CHANGE.values(**changed), named)


def _row(row: RowMapping) -> TakenBack:
    return TakenBack.model_validate({name: row[name] for name in TakenBack.model_fields})
