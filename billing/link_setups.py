"""What was begun at a gateway by a pay link: one setup at a time, under an id that is part of the key there.

So a double click, a crash and a repeated request lead to the same page, and what comes of it is kept once.
Functions take a connection and never commit. `now` is the caller's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.errors import ChangeRefused
from billing.link_tables import pay_setups
from billing.links import INVOICE, Situation
from ledger.record import Record

MOST: Final = 20
"""Setups of one link at one gateway."""


class Setup(Record):
    """A setup's row."""

    setup_id: str
    link_id: str
    gateway: str
    number: int
    asked_at: datetime
    recorded_at: datetime
    reference: str | None
    """The gateway's object; None until it is known to have been made."""
    page: str | None
    """Where the customer gives the method."""
    ended_at: datetime | None
    failed_because: str | None


async def present(connection: AsyncConnection, found: Situation, gateway: str, *, now: datetime) -> Setup:
    """Return the setup of a locked link that is under way at this gateway, or a new one.

    Raises ChangeRefused where enough of them came to nothing.
    """
    last = await _last(connection, found.link.link_id, gateway)
    if last is not None and last.ended_at is None:
        return last
    number = 1 if last is None else last.number + 1
    if number > MOST:
        raise ChangeRefused(INVOICE, found.invoice.invoice_id, "too many payment methods were begun by this link")
    values: dict[str, Any] = {"link_id": found.link.link_id, "gateway": gateway, "number": number, "asked_at": now}
    values["setup_id"] = f"{found.link.link_id}.{gateway}.{number}"
    row = (await connection.execute(insert(pay_setups).values(values).returning(pay_setups))).mappings().one()
    return Setup.model_validate(dict(row))


async def open_of(connection: AsyncConnection, link_id: str) -> Sequence[Setup]:
    """List the setups of a link that were started and have not ended."""
    statement = select(pay_setups).where(
        pay_setups.c.link_id == link_id, pay_setups.c.ended_at.is_(None), pay_setups.c.reference.is_not(None)
    )
    rows = (await connection.execute(statement.order_by(pay_setups.c.asked_at))).mappings()
    return [Setup.model_validate(dict(row)) for row in rows]


async def started(connection: AsyncConnection, setup_id: str, *, reference: str, page: str) -> None:
    """Note what the gateway made of it; again: nothing."""
    await _change(connection, setup_id, {"reference": reference, "page": page}, pay_setups.c.reference.is_(None))


async def failed(connection: AsyncConnection, setup_id: str, *, because: str, now: datetime) -> None:
    """Note that nothing comes of it; again: nothing."""
    await _change(connection, setup_id, {"ended_at": now, "failed_because": because[:200]})


async def done(connection: AsyncConnection, setup_id: str, *, now: datetime) -> None:
    """Note that the customer gave what is kept; again: nothing."""
    await _change(connection, setup_id, {"ended_at": now})


async def _last(connection: AsyncConnection, link_id: str, gateway: str) -> Setup | None:
    statement = select(pay_setups).where(pay_setups.c.link_id == link_id, pay_setups.c.gateway == gateway)
    row = (await connection.execute(statement.order_by(pay_setups.c.number.desc()).limit(1))).mappings().first()
    return None if row is None else Setup.model_validate(dict(row))


async def _change(connection: AsyncConnection, setup_id: str, changes: dict[str, Any], *further: Any) -> None:
    condition = pay_setups.c.setup_id == setup_id, pay_setups.c.ended_at.is_(None), *further
    await connection.execute(update(pay_setups).where(*condition).values(changes))
