"""What became of first operations, newest first: what routing learns from. Reads only, and never commits."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import charges, operations

MAX_READ = 100_000

# Written out, so that every plan can use the index on just these rows.
IS_FIRST = "operations.kind IN ('authorize', 'capture') AND operations.target_reference IS NULL"
"""An operation that opens an attempt; those that follow say nothing of whether a gateway approves."""


class AttemptOutcome(NamedTuple):
    """One attempt with its latest outcome, and what is known of the card."""

    operation_id: str
    gateway: str
    currency: str
    brand: str | None
    card_country: str | None
    outcome: str
    code: str | None
    decided_at: datetime


_METHOD = func.jsonb_path_query_first(
    charges.c.payment_methods,
    text("'$[*] ? (@.gateway == $gateway)'"),
    func.jsonb_build_object("gateway", operations.c.gateway),
)
_SINCE = (
    select(
        operations.c.operation_id,
        operations.c.gateway,
        operations.c.currency,
        _METHOD.op("->>")("brand").label("brand"),
        _METHOD.op("->>")("country").label("card_country"),
        operations.c.outcome,
        operations.c.decline_code,
        operations.c.decided_at,
    )
    .join(charges, charges.c.charge_id == operations.c.charge_id)
    .where(text(IS_FIRST), operations.c.decided_at >= bindparam("since"), operations.c.outcome.is_not(None))
    .order_by(operations.c.decided_at.desc(), operations.c.operation_id)
    .limit(bindparam("most"))
)


class Decided(NamedTuple):
    """What became of an attempt, and when."""

    outcome: str
    code: str | None
    at: datetime


_NEWEST = (
    select(operations.c.outcome, operations.c.decline_code, operations.c.decided_at)
    .where(
        text(IS_FIRST),
        operations.c.gateway == bindparam("gateway"),
        operations.c.decided_at >= bindparam("since"),
        operations.c.outcome.is_not(None),
    )
    .order_by(operations.c.decided_at.desc())
    .limit(bindparam("most"))
)


async def since(connection: AsyncConnection, moment: datetime, limit: int) -> list[AttemptOutcome]:
    """List the outcomes written since a moment, newest first, at most `limit` and never more than 100,000 of them.

    An operation is decided before its transaction is committed, so a later reading may find an earlier one: read again
    from some seconds before what was read last.
    """
    rows = await connection.execute(_SINCE, {"since": moment, "most": min(limit, MAX_READ)})
    return [AttemptOutcome(*row) for row in rows]


async def newest(connection: AsyncConnection, gateway: str, moment: datetime, limit: int) -> list[Decided]:
    """List the outcomes of one gateway's attempts from a moment on, newest first, at most `limit`."""
    rows = await connection.execute(_NEWEST, {"gateway": gateway, "since": moment, "most": min(limit, MAX_READ)})
    return [Decided(*row) for row in rows]
