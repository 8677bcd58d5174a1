"""Who sends a notice: whoever claims its row, and nobody else, so that it goes out at most once.

A claim is committed before the message leaves. Whoever dies in between has lost the notice, and that shows: a claimed row
that is settled as failed afterwards, or that nobody settles. Functions take a connection and never commit; `now` is the caller's.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Column, Table, and_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from billing.dunning.history import SentNotice
from billing.dunning.notice_ladder import Channel, Template
from billing.dunning_tables import dunning_notices, method_notices
from ledger.record import Record

LOST_AFTER = timedelta(seconds=90)
"""After so long nobody is sending any more, who is at work."""
LOST = "whoever sent it ended on the way: it may have gone out, and is not sent again"


class NoticeRow(NamedTuple):
    """Which notice it is: of an invoice, or of a payment method."""

    table: Table
    kind: str
    """`invoice` or `method`."""
    of: str
    """The id of that."""
    key: str

    @property
    def subject(self) -> str:
        """What it is of, as events name it."""
        return f"{self.kind}/{self.of}"

    @property
    def name(self) -> str:
        """Its name among all notices, and among all events."""
        return f"notice/{self.subject}:{self.key}"

    @property
    def identity(self) -> dict[str, str]:
        """The columns that say which it is."""
        return {f"{self.kind}_id": self.of, "key": self.key}

    @property
    def is_it(self) -> ColumnElement[bool]:
        """The condition for its row."""
        return and_(*(self.table.c[name] == value for name, value in self.identity.items()))


class Claim(StrEnum):
    """What became of the wish to send it."""

    GRANTED = "granted"
    """Ours to send."""
    SETTLED = "settled"
    """It was sent, or will never be."""
    UNDER_WAY = "under_way"
    """Another one has it."""
    LOST = "lost"
    """Another one had it, and ended on the way."""


class NoticeState(StrEnum):
    """How a notice stands, for people."""

    WAITING = "waiting"
    """A try to send it failed, and it is tried again."""
    UNDER_WAY = "under_way"
    SENT = "sent"
    FAILED = "failed"
    LOST = "lost"


class NoticeStanding(Record):
    """A notice's row."""

    key: str
    template: Template
    channel: Channel
    due_at: datetime
    claimed_at: datetime | None
    sent_at: datetime | None
    failed_at: datetime | None
    failed_because: str | None

    def state_at(self, now: datetime) -> NoticeState:
        """Say how it stands."""
        if self.sent_at is not None:
            return NoticeState.SENT
        if self.failed_at is not None:
            return NoticeState.FAILED
        if self.claimed_at is None:
            return NoticeState.WAITING
        return NoticeState.LOST if now - self.claimed_at >= LOST_AFTER else NoticeState.UNDER_WAY

    @property
    def as_sent(self) -> SentNotice:
        """It, as the ladder takes it: nobody sends again what is claimed."""
        return SentNotice(key=self.key, at=self.sent_at or self.claimed_at or self.due_at)


def of_invoice(invoice_id: str, key: str) -> NoticeRow:
    """Name a notice of an invoice."""
    return NoticeRow(dunning_notices, "invoice", invoice_id, key)


def of_method(method_id: str, key: str) -> NoticeRow:
    """Name a notice of a payment method."""
    return NoticeRow(method_notices, "method", method_id, key)


async def claim(
    connection: AsyncConnection,
    row: NoticeRow,
    *,
    template: Template,
    channel: Channel,
    due_at: datetime,
    now: datetime,
) -> Claim:
    """Take a notice, if nobody has it."""
    values: dict[str, Any] = {"template": template, "channel": channel, "due_at": due_at, "claimed_at": now}
    statement = insert(row.table).values(row.identity | values)
    claimed = statement.on_conflict_do_update(
        index_elements=list(row.identity),
        set_={"claimed_at": statement.excluded.claimed_at},
        where=row.table.c.claimed_at.is_(None),
    ).returning(row.table.c.key)
    if (await connection.execute(claimed)).first() is not None:
        return Claim.GRANTED
    standing = await standing_of(connection, row)
    match None if standing is None else standing.state_at(now):
        case NoticeState.LOST:
            return Claim.LOST
        case NoticeState.SENT | NoticeState.FAILED:
            return Claim.SETTLED
        case _:
            return Claim.UNDER_WAY


async def release(connection: AsyncConnection, row: NoticeRow) -> None:
    """Give it back: nothing has left the house."""
    await _settle(connection, row, {"claimed_at": None})


async def sent(connection: AsyncConnection, row: NoticeRow, *, now: datetime) -> bool:
    """Note that it went out; False where it was settled before."""
    return await _settle(connection, row, {"sent_at": now})


async def failed(connection: AsyncConnection, row: NoticeRow, *, because: str, now: datetime) -> bool:
    """Note that it will never go out, or that nobody knows whether it did; False where it was settled before."""
    return await _settle(connection, row, {"failed_at": now, "failed_because": because})


async def standing_of(connection: AsyncConnection, row: NoticeRow) -> NoticeStanding | None:
    """Read how a notice stands; None where nobody has claimed it yet."""
    found = (await connection.execute(select(*_columns(row.table)).where(row.is_it))).mappings().first()
    return None if found is None else NoticeStanding.model_validate(dict(found))


async def claimed_of(connection: AsyncConnection, invoice_id: str) -> Sequence[NoticeStanding]:
    """List the notices of an invoice that somebody sends, sent, or could not send, in the order of time."""
    table = dunning_notices
    statement = select(*_columns(table)).where(table.c.invoice_id == invoice_id, table.c.claimed_at.is_not(None))
    rows = (await connection.execute(statement.order_by(table.c.claimed_at, table.c.key))).mappings()
    return [NoticeStanding.model_validate(dict(row)) for row in rows]


def _columns(table: Table) -> list[Column[Any]]:
    return [table.c[name] for name in NoticeStanding.model_fields]


async def _settle(connection: AsyncConnection, row: NoticeRow, changes: dict[str, Any]) -> bool:
    table = row.table
    mine = and_(row.is_it, table.c.claimed_at.is_not(None), table.c.sent_at.is_(None), table.c.failed_at.is_(None))
    changed = update(table).where(mine).values(changes).returning(table.c.key)
    return (await connection.execute(changed)).first() is not None
