"""What merchants' systems are told: rows that are only added, in the transaction of the fact, each once by its key.

Ids are given before their transaction ends, so a later reader may find a smaller one: only rows before which nothing is still
open are read, and whoever reads on from the last id that it saw misses none.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.dunning_tables import events
from ledger.record import Identifier, Record

MAX_READ = 1000
Name = Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]


class Event(Record):
    """Something to tell; the same key again is the same event."""

    key: Name
    """Made from what happened, such as `dunning/in_1:ended`."""
    kind: str = Field(pattern=r"^[a-z][a-z_]*\.[a-z][a-z_]*$", max_length=100)
    """Dotted: what it is of, and what happened, such as `dunning.ended`."""
    subject: Name
    """What it is of, such as `invoice/in_1`."""
    customer_id: Identifier | None = None
    occurred_at: datetime
    body: dict[str, Any]
    """The details, as JSON; it names nobody."""


class ToldEvent(Event):
    """An event's row. Read on from its id."""

    event_id: int
    recorded_at: datetime


_COLUMNS = [events.c[name] for name in ToldEvent.model_fields]
# Whatever wrote before the oldest transaction that is open is committed, or never will be.
_IS_SETTLED = text("events.written_in < pg_snapshot_xmin(pg_current_snapshot())")


async def tell(connection: AsyncConnection, event: Event) -> None:
    """Write an event down with the fact that it tells of; the same key again changes nothing."""
    await connection.execute(insert(events).values(event.model_dump()).on_conflict_do_nothing(index_elements=["key"]))


async def read(connection: AsyncConnection, *, after: int = 0, limit: int = 100) -> Sequence[ToldEvent]:
    """Read the events after an id, in order, at most `limit` and never more than 1,000; none comes in before them later."""
    statement = select(*_COLUMNS).where(events.c.event_id > after, _IS_SETTLED).order_by(events.c.event_id)
    rows = (await connection.execute(statement.limit(min(limit, MAX_READ)))).mappings()
    return [ToldEvent.model_validate(dict(row)) for row in rows]
