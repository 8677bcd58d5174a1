"""Periods: which months are open, closing or closed, and the way from one to the other.

The rules are the database's (migrations 0019 and 0020): what it refuses is translated here, and nothing decided.
Nothing is committed here: the caller's transaction is the step.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum

import psycopg
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.database import entries
from ledger.errors import LedgerError
from ledger.period_errors import NotInThisRole, PeriodHasWarnings, PeriodRefused, UnknownPeriod
from ledger.period_tables import period_changes, periods

LOCK_TIMEOUT = "55P03"
MAX_LISTED = 1000
CHECKING_SECONDS = 600
"""How long the checks of a period may take: they sum up every line of the books."""


class PeriodState(StrEnum):
    """Whom a period lets post into it."""

    OPEN = "open"
    """Everybody."""
    CLOSING = "closing"
    """Closers only, for the last adjustments; all others post to the next period."""
    CLOSED = "closed"
    """Nobody."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Period(_Row):
    """A period; `ends_on` is its last day, and days are those of UTC."""

    name: str
    starts_on: date
    ends_on: date
    state: PeriodState


class PeriodChange(_Row):
    """How a period came from one state to another, and by whose word."""

    changed_at: datetime
    from_state: PeriodState
    to_state: PeriodState
    changed_by: str
    because: str | None
    approved_by: str | None
    warnings: tuple[str, ...]
    """What was open in it when it was closed all the same."""


class PeriodFinding(_Row):
    """A `fault` stands in the way of closing a period; a `warning` is open, and wants a reason."""

    severity: str
    subject: str | None
    finding: str


class PeriodSheet(_Row):
    """All that is to be known of a period."""

    period: Period
    entry_count: int
    late_count: int
    """How many of its entries happened before it began, and came when their own period was closed."""
    changes: tuple[PeriodChange, ...]
    findings: tuple[PeriodFinding, ...]


_COLUMNS = (periods.c.name, periods.c.starts_on, periods.c.ends_on, periods.c.state)


async def listed(connection: AsyncConnection, *, limit: int = MAX_LISTED) -> Sequence[Period]:
    """List the last periods, oldest first."""
    statement = select(*_COLUMNS).order_by(periods.c.starts_on.desc()).limit(min(limit, MAX_LISTED))
    rows = (await connection.execute(statement)).mappings().all()
    return [Period(**row) for row in rows[::-1]]


async def sheet(connection: AsyncConnection, name: str) -> PeriodSheet:
    """Read a period with its changes and what its closing would meet; raises UnknownPeriod."""
    await allow_time_for_checks(connection)
    row = (await connection.execute(select(*_COLUMNS).where(periods.c.name == name))).mappings().first()
    if row is None:
        raise UnknownPeriod(name)
    changes = (
        select(*(period_changes.c[field] for field in PeriodChange.model_fields))
        .where(period_changes.c.period == name)
        .order_by(period_changes.c.change_id)
    )
    started = func.timezone("UTC", entries.c.event_at) < row["starts_on"]
    counts = select(func.count(), func.count().filter(started)).where(entries.c.period == name)
    entry_count, late_count = (await connection.execute(counts)).one()
    return PeriodSheet(
        period=Period(**row),
        entry_count=entry_count,
        late_count=late_count,
        changes=tuple(PeriodChange(**change) for change in (await connection.execute(changes)).mappings()),
        findings=tuple(await findings(connection, name)),
    )


async def findings(connection: AsyncConnection, name: str) -> Sequence[PeriodFinding]:
    """Say what stands in the way of closing the period, and what is open in it."""
    rows = await connection.execute(
        text("SELECT * FROM period_checks(:name) ORDER BY severity, finding"), {"name": name}
    )
    return [PeriodFinding(**row) for row in rows.mappings()]


async def begin_close(connection: AsyncConnection, name: str, *, by: str) -> None:
    """Let only closers post into the period from now on."""
    await _change(connection, "SELECT begin_close(:name, :by)", {"name": name, "by": by})


async def close(connection: AsyncConnection, name: str, *, by: str, despite: str | None = None) -> None:
    """Close the period, and those before it in which nothing happened; `despite` says why, where something is open.

    Waits for the postings that are under way. Raises UnknownPeriod, NotInThisRole, PeriodHasWarnings, PeriodRefused.
    """
    await allow_time_for_checks(connection)
    given = {"name": name, "by": by, "despite": despite}
    await _change(connection, "SELECT close_period(:name, :by, :despite)", given)


async def reopen(connection: AsyncConnection, name: str, *, by: str, approved_by: str, because: str) -> None:
    """Open the period again, for everybody; the approver is a closer, and another person than who asks."""
    given = {"name": name, "by": by, "approver": approved_by, "because": because}
    await _change(connection, "SELECT reopen_period(:name, :by, :approver, :because)", given)


async def allow_time_for_checks(connection: AsyncConnection) -> None:
    """Let this transaction's statements take as long as a sum over all lines does."""
    await connection.execute(text(f"SET LOCAL statement_timeout = '{CHECKING_SECONDS}s'"))


async def _change(connection: AsyncConnection, statement: str, given: Mapping[str, str | None]) -> None:
    try:
        await connection.execute(text(statement), given)
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.Error):
            raise
        refusal = _refusal(error.orig, str(given["name"]))
        if refusal is None:
            raise
        raise refusal from error


def _refusal(error: psycopg.Error, name: str) -> LedgerError | None:
    """Read what a function of the database raised; None where it is some other trouble."""
    why = error.diag.message_primary or str(error)
    match error.sqlstate, error.diag.constraint_name:
        case "QT404", _:
            return UnknownPeriod(name)
        case "QT403", _:
            return NotInThisRole(why)
        case "QT409", "warnings_are_answered":
            return PeriodHasWarnings(why, json.loads(error.diag.message_detail or "[]"))
        case "QT409", _:
            return PeriodRefused(why)
    if error.sqlstate == LOCK_TIMEOUT:
        return PeriodRefused(f"postings are under way and do not end, so period {name} was left as it is: try again")
    return None
