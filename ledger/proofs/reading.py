"""Reads the charges, operations and journal for the proof, by SQL of its own, in one snapshot and page by page.

It shares no query with the code that writes these tables.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import NullPool, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ledger.proofs.evidence import (
    ChargeEvidence,
    ChargeRow,
    Claim,
    CurrencyTotal,
    EntryRow,
    LineRow,
    OperationRow,
    WithdrawalRow,
)

PAGE = 1000
CONNECT_SECONDS = 5
SESSION = "-c statement_timeout=300s -c idle_in_transaction_session_timeout=600s -c timezone=UTC"
"""Longer than the application allows itself: the totals of a large journal take their time."""

CLAIMS = """
    SELECT o.operation_id, o.kind, o.gateway, o.payment_reference, o.gateway_reference, o.requested_at, o.decided_at
    FROM operations o JOIN charges c ON c.charge_id = o.charge_id
    WHERE cast(:since AS timestamptz) IS NULL OR c.created_at >= :since
"""
CHARGE_IDS = """
    SELECT charge_id FROM charges
    WHERE charge_id > :after AND (cast(:since AS timestamptz) IS NULL OR created_at >= :since)
    ORDER BY charge_id LIMIT :page
"""
# Columns come in the order of the fields of what they are read into.
CHARGES = """
    SELECT charge_id, status, currency, amount_minor, authorized_minor, captured_minor, refunded_minor,
        refund_reserved_minor, authorization_expires_at, created_at, confirm_by, confirmed_at, withdrawn_minor
    FROM charges WHERE charge_id = ANY(:charge_ids) ORDER BY charge_id
"""
OPERATIONS = """
    SELECT operation_id, charge_id, kind, gateway, amount_minor, currency, payment_reference, target_reference,
        gateway_reference, outcome, fee_minor, fee_currency, fee_status, requested_at, decided_at, attempt,
        decline_code, refund_id, excess, compensates
    FROM operations WHERE charge_id = ANY(:charge_ids) ORDER BY requested_at, operation_id
"""
WITHDRAWALS = """
    SELECT charge_id, gateway, reference, operation_id, kind, state, amount_minor, returned_minor, currency, fee_minor,
        fee_currency
    FROM withdrawals WHERE charge_id = ANY(:charge_ids) ORDER BY withdrawn_at, gateway, reference
"""
ENTRIES = """
    SELECT e.reference, e.charge_id, e.operation_id, e.line_count, e.totals,
        array_agg(a.code ORDER BY l.line_number), array_agg(l.side ORDER BY l.line_number),
        array_agg(l.amount_minor ORDER BY l.line_number), array_agg(l.currency::text ORDER BY l.line_number),
        array_agg(l.charge_id ORDER BY l.line_number)
    FROM entries e
    LEFT JOIN lines l ON l.entry_id = e.entry_id
    LEFT JOIN accounts a ON a.account_id = l.account_id
    WHERE {which}
    GROUP BY e.entry_id ORDER BY e.entry_id
"""
OF_CHARGES = "e.charge_id = ANY(:charge_ids)"
OF_NO_CHARGE = "NOT EXISTS (SELECT FROM charges c WHERE c.charge_id = e.charge_id)"
TOTALS = """
    SELECT l.currency, a.code LIKE 'memo:%' AS is_memo,
        coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'debit'), 0),
        coalesce(sum(l.amount_minor) FILTER (WHERE l.side <> 'debit'), 0)
    FROM lines l JOIN accounts a ON a.account_id = l.account_id
    GROUP BY l.currency, a.code LIKE 'memo:%' ORDER BY l.currency, is_memo
"""
SIZE = "SELECT (SELECT count(*) FROM charges), (SELECT count(*) FROM entries), (SELECT count(*) FROM lines)"


class Size(NamedTuple):
    """How much there is in the books."""

    charges: int
    entries: int
    lines: int


class Books:
    """The books as a reader sees them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["Snapshot"]:
        """Look at the books as they are at one moment, however long it takes."""
        async with self._engine.connect() as connection, connection.begin():
            now = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
            yield Snapshot(connection, now)


class Snapshot:
    """The books at one moment."""

    def __init__(self, connection: AsyncConnection, now: datetime) -> None:
        self.connection = connection
        self.now = now

    async def claims(self, since: datetime | None) -> list[Claim]:
        """All operations of the charges made since then."""
        return [Claim(*row) for row in await self._rows(CLAIMS, since=since)]

    async def pages(self, since: datetime | None) -> AsyncIterator[list[ChargeEvidence]]:
        """Every charge made since then with its operations and entries, without effects, a page at a time."""
        after = ""
        while True:
            found = await self._rows(CHARGE_IDS, after=after, since=since, page=PAGE)
            if not found:
                return
            after = found[-1][0]
            yield await self.some([row[0] for row in found])

    async def some(self, charge_ids: Collection[str]) -> list[ChargeEvidence]:
        """These charges, those of them that exist."""
        asked = sorted(charge_ids)
        operations: dict[str, list[OperationRow]] = {}
        for row in await self._rows(OPERATIONS, charge_ids=asked):
            operations.setdefault(row[1], []).append(OperationRow(*row))
        withdrawals: dict[str, list[WithdrawalRow]] = {}
        for row in await self._rows(WITHDRAWALS, charge_ids=asked):
            withdrawals.setdefault(row[0], []).append(WithdrawalRow(*row))
        entries: dict[str | None, list[EntryRow]] = {}
        for row in await self._rows(ENTRIES.format(which=OF_CHARGES), charge_ids=asked):
            entries.setdefault(row[1], []).append(_entry(row))
        return [
            ChargeEvidence(
                charge=ChargeRow(*row),
                operations=operations.get(row[0], ()),
                entries=entries.get(row[0], ()),
                withdrawals=withdrawals.get(row[0], ()),
            )
            for row in await self._rows(CHARGES, charge_ids=asked)
        ]

    async def entries_of_no_charge(self) -> list[EntryRow]:
        """Entries that name no charge, or one that does not exist."""
        return [_entry(row) for row in await self._rows(ENTRIES.format(which=OF_NO_CHARGE))]

    async def known(self, charge_ids: Collection[str]) -> set[str]:
        """Which of these charges exist."""
        query = "SELECT charge_id FROM charges WHERE charge_id = ANY(:charge_ids)"
        return {row[0] for row in await self._rows(query, charge_ids=sorted(charge_ids))}

    async def known_refunds(self, refund_ids: Collection[str]) -> set[str]:
        """Which of these refunds exist."""
        query = "SELECT refund_id FROM operations WHERE refund_id = ANY(:refund_ids)"
        return {row[0] for row in await self._rows(query, refund_ids=sorted(refund_ids))}

    async def totals(self) -> list[CurrencyTotal]:
        """All debits and credits by currency, summed by PostgreSQL."""
        return [CurrencyTotal(row[0], row[1], int(row[2]), int(row[3])) for row in await self._rows(TOTALS)]

    async def size(self) -> Size:
        """How much there is, so that the reader can tell that it has seen all."""
        return Size(*(await self._rows(SIZE))[0])

    async def _rows(self, query: str, **values: Any) -> Sequence[Any]:
        return (await self.connection.execute(text(query), values)).all()


@asynccontextmanager
async def open_books(url: str) -> AsyncIterator[Books]:
    """Connect to PostgreSQL, to read only."""
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        isolation_level="REPEATABLE READ",
        connect_args={
            "application_name": "quittance prove",
            "connect_timeout": CONNECT_SECONDS,
            "options": f"{SESSION} -c default_transaction_read_only=on",
        },
    )
    try:
        yield Books(engine)
    finally:
        await engine.dispose()


def _entry(row: Any) -> EntryRow:
    reference, charge_id, operation_id, line_count, totals, *columns = row
    # An entry without lines joins one line that is null throughout.
    lines = [LineRow(*line) for line in zip(*columns, strict=True) if line[1] is not None]
    return EntryRow(
        reference=reference,
        charge_id=charge_id,
        operation_id=operation_id,
        line_count=line_count,
        totals=totals,
        lines=lines,
    )
