"""What a customer was told to have access to: one row and one event for each change."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing import dunning_books, events
from billing.dunning.entitlement import Access, Entitlement
from billing.dunning_tables import dunning_access as table
from ledger.record import Record


class ToldAccess(Record):
    """A change that was told."""

    invoice_id: str
    number: int
    access: Access
    since: datetime
    why: str
    told_at: datetime


async def tell_access(
    connection: AsyncConnection, invoice_id: str, changes: Sequence[Entitlement]
) -> Sequence[ToldAccess]:
    """Tell of the changes up to now that were not told, and return them; the last one is always what is in force.

    `changes` are all of `entitlement_changes` that have begun. Steps on the way that were passed over are told too.
    """
    dunning = await dunning_books.known(connection, invoice_id, lock=True)
    told = list(await told_of(connection, invoice_id))
    before = len(told)
    for change in changes:
        last = told[-1] if told else None
        is_passed = last is not None and change.since <= last.since and change is not changes[-1]
        if is_passed or (last is not None and change.access is last.access):
            continue
        values = {"invoice_id": invoice_id, "number": len(told) + 1, **change._asdict()}
        row = (await connection.execute(insert(table).values(values).returning(table))).mappings().one()
        told.append(ToldAccess.model_validate(dict(row)))
        body: dict[str, object] = {"access": change.access, "since": change.since.isoformat(), "why": change.why}
        name = f"access:{len(told)}"
        await events.tell(
            connection, dunning_books.event_of(dunning, f"access.{change.access}", name, change.since, body)
        )
    return told[before:]


async def told_of(connection: AsyncConnection, invoice_id: str) -> Sequence[ToldAccess]:
    """List what was told, in order."""
    statement = select(table).where(table.c.invoice_id == invoice_id).order_by(table.c.number)
    return [ToldAccess.model_validate(dict(row)) for row in (await connection.execute(statement)).mappings()]
