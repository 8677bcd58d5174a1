"""The audit trail: who did what to the books, when, and why. Entries, accounts, holds, reviews, adjustments, periods. Read only."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import streams
from ledger.moments import Span
from ledger.record import Record

MAX_LISTED = 1000


class AuditEvent(Record):
    """One thing that somebody did, with what an entry comes from and which entries undo each other."""

    at: datetime
    """When it was written down."""
    actor: str
    what: str
    """Such as `entry_posted` or `period_changed`: docs/cli.md lists them."""
    subject: str
    """The entry's reference, the account, the hold, the operation in review, the adjustment or the period."""
    detail: str
    reason: str | None
    rule: str | None
    event_at: datetime | None
    charge_id: str | None
    operation_id: str | None
    gateway: str | None
    gateway_reference: str | None
    reverses: str | None
    reversed_by: tuple[str, ...]
    left_to_undo: dict[str, int] | None
    """Of an entry that others undo, what of its debits they have left, by currency in minor units."""


# The newest are chosen first, and what they come from is looked up for them alone. Without `most`, all of them.
_EVENTS = text(
    "SELECT v.at, v.actor, v.what, v.subject, v.detail, v.reason, v.rule, v.event_at, v.charge_id, v.operation_id,"
    " g.gateway, g.gateway_reference, g.reverses, coalesce(g.reversed_by, ARRAY[]::text[]) AS reversed_by, g.left_to_undo"
    " FROM ("
    "  SELECT e.* FROM audit_events e"
    "  WHERE e.at >= CAST(:first AS timestamptz) AND e.at <= CAST(:last AS timestamptz)"
    "  AND (CAST(:actor AS text) IS NULL OR e.actor = :actor)"
    "  ORDER BY e.at DESC, e.what DESC, e.subject DESC LIMIT CAST(:most AS bigint)"
    " ) v LEFT JOIN entry_origins g ON g.entry_id = v.entry_id"
    " ORDER BY v.at, v.what, v.subject"
)


async def events(
    connection: AsyncConnection, span: Span, *, actor: str | None = None, limit: int = 100
) -> tuple[list[AuditEvent], bool]:
    """List the last events of a time, oldest first, and say whether there are earlier ones."""
    most = min(limit, MAX_LISTED)
    rows = (await connection.execute(_EVENTS, span.values() | {"actor": actor, "most": most + 1})).mappings().all()
    return [AuditEvent.model_validate(dict(row)) for row in rows[-most:]], len(rows) > most


async def stream(connection: AsyncConnection, span: Span, *, actor: str | None = None) -> AsyncGenerator[AuditEvent]:
    """Read all events of a time, oldest first, in bounded memory; close it where you do not read to its end."""
    values = span.values() | {"actor": actor, "most": None}
    async with aclosing(streams.stream(connection, _EVENTS, values)) as rows:
        async for row in rows:
            yield AuditEvent.model_validate(dict(row))
