"""What merchants' systems are told: rows that are only added, in the transaction of the fact, each once by its key.

Ids follow the statements, and not the transactions: a smaller one may be committed after a larger one was read. So events are
read in the order of their transactions, and only those before which nothing is still open: whoever reads on misses none.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import cast, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.dunning_tables import events
from billing.errors import UnknownId
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


async def of_key(connection: AsyncConnection, key: str) -> ToldEvent | None:
    """Read the event of a key, or None."""
    row = (await connection.execute(select(*_COLUMNS).where(events.c.key == key))).mappings().first()
    return None if row is None else ToldEvent.model_validate(dict(row))


async def read(connection: AsyncConnection, *, after: int = 0, limit: int = 100) -> Sequence[ToldEvent]:
    """Read the events after one, at most `limit` and never more than 1,000; none comes in before them later.

    `after` is the id of the last one that was read, and 0 for all; raises UnknownId where it is none.
    """
    order = events.c.written_in, events.c.event_id
    statement = select(*_COLUMNS).where(_IS_SETTLED).order_by(*order).limit(min(limit, MAX_READ))
    if after:
        place = (await connection.execute(select(*order).where(events.c.event_id == after))).first()
        if place is None:
            raise UnknownId("event", str(after))
        written_in = cast(place.written_in, events.c.written_in.type)
        statement = statement.where(tuple_(*order) > tuple_(written_in, place.event_id))
    return [ToldEvent.model_validate(dict(row)) for row in (await connection.execute(statement)).mappings()]
