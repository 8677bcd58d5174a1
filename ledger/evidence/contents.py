"""What a pack says of its period: the files of the database's tables, the reconciliation of their sums, the newest seal.

The connection's transaction must see one state of the books. Read only.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.evidence import tables
from ledger.evidence.folder import OF_MOMENT, OF_PERIOD, Folder, Row
from ledger.evidence.tables import TableFile
from ledger.evidence.tally import Tally
from ledger.period_errors import UnknownPeriod
from ledger.seals import anchors
from ledger.seals.recomputation import said_by, statement_of
from ledger.streams import stream

ANCHOR = "anchor.json"
RECONCILIATION = "reconciliation.json"


@dataclass(frozen=True)
class PackedPeriod:
    """The period of a pack."""

    name: str
    state: str
    starts_on: date
    ends_on: date
    settled: datetime
    """Its first moment that is over, or its last change where that came later."""

    def values(self) -> dict[str, Any]:
        """Name it for the queries."""
        return {"period": self.name, "first": _midnight(self.starts_on), "end": self.end, "settled": self.settled}

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return _midnight(self.ends_on + timedelta(days=1))


@dataclass(frozen=True)
class Written:
    """What was written."""

    entries: int
    lines: int
    adjustments: int
    seals: int
    unsealed: int
    reconciliation: dict[str, Any]


_PERIOD = text(
    "SELECT name, state, starts_on, ends_on, (SELECT max(c.changed_at) FROM period_changes c WHERE c.period = p.name)"
    " FROM periods p WHERE name = :name"
)


async def period(connection: AsyncConnection, name: str) -> PackedPeriod:
    """Read the period; raises UnknownPeriod."""
    row = (await connection.execute(_PERIOD, {"name": name})).one_or_none()
    if row is None:
        raise UnknownPeriod(name)
    end = _midnight(row[3] + timedelta(days=1))
    return PackedPeriod(row[0], row[1], row[2], row[3], settled=max(end, row[4] or end))


async def write(connection: AsyncConnection, packed: PackedPeriod, folder: Folder) -> Written:
    """Write all files of the period, in bounded memory."""
    tally = Tally()

    async def table(file: TableFile, see: Callable[[Row], None] = lambda _: None, of: str = OF_PERIOD) -> int:
        rows = _rows(connection, file, packed)
        return await folder.table(file.name, file.columns, rows, of=of, see=see)

    entries = await table(tables.ENTRIES, tally.entry)
    lines = await table(tables.LINES, tally.line)
    await table(tables.TRIAL_BALANCE, tally.balance)
    await table(tables.RULES, tally.rule)
    await table(tables.CLEARING, tally.charge)
    adjustments = await table(tables.ADJUSTMENTS)
    for file in (tables.DECISIONS, tables.PERIOD_CHANGES, tables.ACCOUNT_CHANGES, tables.PEOPLE):
        await table(file)
    newest = _Newest()
    seals = await table(tables.SEALS, newest.see)
    if newest.number is not None:
        folder.document(ANCHOR, await anchors.of_seal(connection, newest.number), of=OF_PERIOD)
    await table(tables.OPERATIONS, of=OF_MOMENT)
    reconciliation = tally.reconciliation()
    folder.document(RECONCILIATION, reconciliation, of=OF_PERIOD)
    return Written(entries, lines, adjustments, seals, tally.unsealed, reconciliation)


class _Newest:
    """Keeps the number of the last seal that goes by."""

    number: int | None = None

    def see(self, row: Row) -> None:
        self.number = row["number"]


async def _rows(connection: AsyncConnection, file: TableFile, packed: PackedPeriod) -> AsyncIterator[Row]:
    values = packed.values()
    named = {name: values[name] for name in file.query.compile().params}
    async with aclosing(stream(connection, file.query, named)) as rows:
        async for row in rows:
            found = dict(row)
            yield found if file is not tables.SEALS else found | {"statement": statement_of(said_by(row)).decode()}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
