"""Reads entries with their lines and accounts for a verification, in bounded memory: a seal's leaves, or what has none."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.seals.recomputation import Row, parsed

ROWS_AT_ONCE = 500
MOST_ACCOUNTS = 20_000
"""Kept in memory, since most entries name the same few."""

_LINES = (
    "(SELECT json_agg(l ORDER BY l.line_number, l.line_id)::text FROM public.lines l WHERE l.entry_id = e.entry_id)"
)
_LEAVES = text(
    "SELECT s.leaf_index, s.seal_number, s.entry_id, s.leaf_hash, to_json(e)::text AS entry,"  # noqa: S608 # our own words
    f" {_LINES} AS lines FROM public.seal_leaves s LEFT JOIN public.entries e ON e.entry_id = s.entry_id"
    " WHERE s.leaf_index BETWEEN :first AND :last ORDER BY s.leaf_index LIMIT :limit"
)
_UNSEALED = text(
    "SELECT e.entry_id, to_json(e)::text AS entry,"  # noqa: S608 # our own words
    f" extract(epoch FROM clock_timestamp() - e.recorded_at)::float8 AS seconds, {_LINES} AS lines,"
    " (e.transaction_id, e.entry_id) <= (CAST(:transaction_id AS xid8), CAST(:entry_id AS bigint)) AS is_behind"
    " FROM public.entries e WHERE NOT EXISTS (SELECT FROM public.seal_leaves s WHERE s.entry_id = e.entry_id)"
    " ORDER BY e.transaction_id, e.entry_id"
)
_ACCOUNTS = text("SELECT account_id, to_json(a)::text AS account FROM public.accounts a WHERE account_id = ANY(:ids)")


@dataclass(frozen=True)
class FoundEntry:
    """An entry as it stands in the tables now."""

    entry_id: int
    entry: Row | None
    """None where there is no such entry."""
    lines: Sequence[Row]

    @property
    def reference(self) -> str | None:
        """The reference that it has now."""
        return None if self.entry is None else self.entry["reference"]

    @property
    def name(self) -> str:
        """How people find it."""
        return f"entry {self.entry_id}" if self.entry is None else f"entry {self.entry_id} ({self.reference})"


@dataclass(frozen=True)
class StoredLeaf:
    """A row of the table of leaves, and the entry that it names."""

    leaf_index: int
    seal_number: int
    leaf_hash: bytes
    entry: FoundEntry


@dataclass(frozen=True)
class UnsealedEntry:
    """An entry without a seal."""

    entry: FoundEntry
    seconds: float
    """How long ago it was recorded."""
    is_behind: bool
    """Whether it lies before the point up to which all is sealed."""


class EntryReader:
    """Reads in the transaction of one connection, and remembers accounts."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._accounts: dict[int, Row] = {}

    @property
    def accounts(self) -> Mapping[int, Row]:
        """The accounts of the entries that were read last, and others."""
        return self._accounts

    async def leaves(self, first: int, last: int, limit: int) -> list[StoredLeaf]:
        """Return the leaves of these indexes, in order."""
        rows = await self._connection.execute(_LEAVES, {"first": first, "last": last, "limit": limit})
        found = [
            StoredLeaf(
                leaf_index=row.leaf_index,
                seal_number=row.seal_number,
                leaf_hash=row.leaf_hash,
                entry=_entry(row.entry_id, row.entry, row.lines),
            )
            for row in rows
        ]
        await self._know([leaf.entry for leaf in found])
        return found

    async def unsealed(self, transaction_id: int, entry_id: int) -> AsyncIterator[UnsealedEntry]:
        """Read the entries without a seal, in the order in which they would be sealed; all is sealed up to the place given."""
        place = {"transaction_id": str(transaction_id), "entry_id": entry_id}
        async with self._connection.stream(_UNSEALED, place, execution_options={"yield_per": ROWS_AT_ONCE}) as rows:
            async for page in rows.partitions():
                found = [
                    UnsealedEntry(_entry(row.entry_id, row.entry, row.lines), row.seconds, row.is_behind)
                    for row in page
                ]
                await self._know([unsealed.entry for unsealed in found])
                for unsealed in found:
                    yield unsealed

    async def _know(self, entries: Sequence[FoundEntry]) -> None:
        if len(self._accounts) > MOST_ACCOUNTS:
            self._accounts.clear()
        unknown = {line["account_id"] for entry in entries for line in entry.lines} - self._accounts.keys()
        if unknown:
            rows = await self._connection.execute(_ACCOUNTS, {"ids": sorted(unknown)})
            self._accounts.update((row.account_id, parsed(row.account)) for row in rows)


def _entry(entry_id: int, entry: str | None, lines: str | None) -> FoundEntry:
    content: Any = None if entry is None else parsed(entry)
    return FoundEntry(entry_id, content, [] if lines is None else parsed(lines))
