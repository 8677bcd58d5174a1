"""The notices of a dunning: each is claimed by whoever sends it, so that it goes out at most once, and settled after.

Functions take a connection and never commit: the caller's transaction is the step. A claim is committed before the message
leaves; a crash in between loses the notice rather than doubling it.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.dunning.history import SentNotice
from billing.dunning.notices import Notice
from billing.dunning_tables import dunning_notices as table
from billing.errors import ChangeRefused
from billing.refusals import said_of
from ledger.record import Record

KIND = "notice"


class NoticeRow(Record):
    """A notice's row."""

    invoice_id: str
    key: str
    template: str
    channel: str
    due_at: datetime
    claimed_at: datetime | None
    """When somebody took it upon themselves to send it; None where that failed, so that another may."""
    sent_at: datetime | None
    failed_at: datetime | None
    failed_because: str | None

    @property
    def as_sent(self) -> SentNotice:
        """It, as the ladder takes it: nobody sends again what is claimed."""
        return SentNotice(key=self.key, at=self.sent_at or self.claimed_at or self.due_at)


async def claim_notice(connection: AsyncConnection, invoice_id: str, notice: Notice, *, now: datetime) -> bool:
    """Take it upon oneself to send a notice; False where somebody did before, whatever became of it."""
    values = {"invoice_id": invoice_id, "key": notice.key, "template": notice.template, "channel": notice.channel}
    made = insert(table).values(values | {"due_at": notice.at, "claimed_at": now})
    statement = made.on_conflict_do_update(
        index_elements=["invoice_id", "key"], set_={"claimed_at": now}, where=table.c.claimed_at.is_(None)
    )
    return (await connection.execute(statement.returning(table.c.key))).first() is not None


async def release_notice(connection: AsyncConnection, invoice_id: str, key: str) -> None:
    """Give a claim back, since nothing has left the house: it may be claimed again."""
    await _settle(connection, invoice_id, key, {"claimed_at": None})


async def notice_sent(connection: AsyncConnection, invoice_id: str, key: str, *, now: datetime) -> None:
    """Write down that it went out."""
    await _settle(connection, invoice_id, key, {"sent_at": now})


async def notice_failed(connection: AsyncConnection, invoice_id: str, key: str, because: str, *, now: datetime) -> None:
    """Write down why it never went out, and will not."""
    await _settle(connection, invoice_id, key, {"failed_at": now, "failed_because": because})


async def claimed_of(connection: AsyncConnection, invoice_id: str) -> Sequence[NoticeRow]:
    """List the notices of an invoice that somebody sends, sent, or could not send, in the order of time."""
    statement = select(table).where(table.c.invoice_id == invoice_id, table.c.claimed_at.is_not(None))
    rows = (await connection.execute(statement.order_by(table.c.claimed_at, table.c.key))).mappings()
    return [NoticeRow.model_validate(dict(row)) for row in rows]


async def _settle(connection: AsyncConnection, invoice_id: str, key: str, values: dict[str, object]) -> None:
    statement = update(table).where(
        table.c.invoice_id == invoice_id, table.c.key == key, table.c.claimed_at.is_not(None)
    )
    with said_of(KIND, f"{invoice_id} {key}"):
        row = (await connection.execute(statement.values(values).returning(table.c.key))).first()
    if row is None:
        raise ChangeRefused(KIND, f"{invoice_id} {key}", "nobody has claimed it: claim it before it is sent")
