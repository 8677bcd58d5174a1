"""Outages of gateways in the database: what is known of them, and what the rule finds new, written down once.

Times are PostgreSQL's, as those of the attempts are. Functions take a connection and never commit.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Select, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.dunning.outages import Begins, Ends, Fails, Lasting
from billing.dunning_tables import gateway_outages as table
from ledger.record import Record

MAX_LISTED = 1000
LOCK = 5_481_902_337_641
"""Advisory lock that lets one process look at a time; the number means nothing else."""
_TURN = text("SELECT clock_timestamp() WHERE pg_try_advisory_xact_lock(:lock)")


class GatewayOutage(Record):
    """An outage's row."""

    outage_id: int
    gateway: str
    began_at: datetime
    noticed_at: datetime
    last_failed_at: datetime
    why: str
    ended_at: datetime | None
    """None while it lasts."""
    ended_because: str | None

    @property
    def as_lasting(self) -> Lasting:
        """It, as the rule is asked about it."""
        return Lasting(self.began_at, self.last_failed_at)


async def take_turn(connection: AsyncConnection) -> datetime | None:
    """Return the time, and keep others from looking until the transaction ends; None where another one does."""
    now: datetime | None = await connection.scalar(_TURN, {"lock": LOCK})
    return now


async def lasting(connection: AsyncConnection) -> dict[str, GatewayOutage]:
    """Return the outages that are not over, by gateway."""
    found = await _read(connection, select(table).where(table.c.ended_at.is_(None)).order_by(table.c.gateway))
    return {outage.gateway: outage for outage in found}


async def of_gateways(
    connection: AsyncConnection, gateways: Collection[str], since: datetime
) -> Sequence[GatewayOutage]:
    """List the outages of gateways that last, or ended after a moment, the oldest first; of very many the newest."""
    statement = select(table).where(
        table.c.gateway.in_(gateways), or_(table.c.ended_at.is_(None), table.c.ended_at > since)
    )
    found = await _read(connection, statement.order_by(table.c.outage_id.desc()).limit(MAX_LISTED))
    return found[::-1]


async def newest(connection: AsyncConnection, limit: int) -> Sequence[GatewayOutage]:
    """List outages of all gateways, the newest first."""
    return await _read(connection, select(table).order_by(table.c.outage_id.desc()).limit(limit))


async def write(connection: AsyncConnection, gateway: str, news: Begins | Fails | Ends) -> bool:
    """Write down what is new of a gateway, and say whether it was; somebody else may have done it before."""
    ours = update(table).where(table.c.gateway == gateway, table.c.ended_at.is_(None)).returning(table.c.outage_id)
    match news:
        case Begins():
            begun = insert(table).values(gateway=gateway, **news._asdict()).on_conflict_do_nothing()
            return await connection.scalar(begun.returning(table.c.outage_id)) is not None
        case Fails(last_failed_at=failed_at):
            later = ours.where(table.c.last_failed_at < failed_at).values(last_failed_at=failed_at)
            return await connection.scalar(later) is not None
        case Ends(because=because):
            ended = ours.values(ended_at=func.clock_timestamp(), ended_because=because)
            return await connection.scalar(ended) is not None


async def _read(connection: AsyncConnection, statement: Select[tuple[object, ...]]) -> list[GatewayOutage]:
    rows = (await connection.execute(statement)).mappings()
    return [GatewayOutage.model_validate(dict(row)) for row in rows]
