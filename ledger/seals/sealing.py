"""Sealing: takes the entries that no running transaction can come before any more, and puts them under the next seal.

The order is that of transaction ids. An id below the oldest that still runs is decided for good, so an entry that commits
late is never below the point up to which all is sealed. Nothing that a posting needs is locked.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import RowMapping, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.seals.leaves import EntryContent, Row, covered_columns, leaf_hash, read_row
from ledger.seals.merkle import root
from ledger.seals.seal import NO_SEAL, Seal
from ledger.seals.signing import SealKey
from ledger.seals.tables import seal_leaves, seals

MAX_ENTRIES = 1000
"""Entries under one seal: so much is held in memory, and so near is a damage located where leaf and entry were both rewritten."""
LOCK = 5_481_902_337_640
"""Advisory lock that lets one process seal at a time; the number means nothing else."""

# How rows are written as JSON depends on these; the plan is to follow the indexes, also while the tables are small.
_SESSION = text(
    "SELECT set_config(name, value, true) FROM (VALUES ('timezone', 'UTC'), ('bytea_output', 'hex'),"
    " ('intervalstyle', 'postgres'), ('extra_float_digits', '1'), ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'),"
    " ('enable_seqscan', 'off'), ('statement_timeout', :timeout)) AS s (name, value)"
)
STATEMENT_TIMEOUT = "120s"
"""A new epoch looks once for what of the former one is not sealed."""
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:lock)")
_EPOCH = text("SELECT system_identifier FROM pg_control_system()")
_LAST = text(
    "SELECT number, digest, last_leaf, epoch, sealed_to_transaction_id::text AS transaction_id, sealed_to_entry_id AS entry_id"
    " FROM public.seals ORDER BY number DESC LIMIT 1"
)
_ENTRIES = """
SELECT e.entry_id, e.transaction_id::text AS transaction_id, to_jsonb(e)::text AS entry, clock_timestamp() AS now,
        (SELECT jsonb_agg(to_jsonb(l) ORDER BY l.line_number, l.line_id)::text
            FROM public.lines l WHERE l.entry_id = e.entry_id) AS lines
    FROM public.entries e
    WHERE {which}
        AND NOT EXISTS (SELECT FROM public.seal_leaves s WHERE s.entry_id = e.entry_id)
    ORDER BY e.transaction_id, e.entry_id
    LIMIT :limit
"""
_DECIDED = text(
    _ENTRIES.format(
        which="(e.transaction_id, e.entry_id) > (CAST(:transaction_id AS xid8), :entry_id)"
        " AND e.transaction_id < pg_snapshot_xmin(pg_current_snapshot())"
    )
)
# Ids that this server has not given yet: what a restored backup brought along and had not sealed.
_RESTORED = text(_ENTRIES.format(which="e.transaction_id >= pg_snapshot_xmax(pg_current_snapshot())"))
_ACCOUNTS = text("SELECT account_id, to_jsonb(a)::text AS account FROM public.accounts a WHERE account_id = ANY(:ids)")
_OLDEST_UNSEALED = text(
    "SELECT extract(epoch FROM clock_timestamp() - e.recorded_at)::float8 FROM public.entries e"
    " WHERE (e.transaction_id, e.entry_id) > (CAST(:transaction_id AS xid8), :entry_id)"
    " AND NOT EXISTS (SELECT FROM public.seal_leaves s WHERE s.entry_id = e.entry_id)"
    " ORDER BY e.transaction_id, e.entry_id LIMIT 1"
)


@dataclass(frozen=True)
class _Head:
    """Where the chain stands."""

    number: int
    digest: bytes
    next_leaf: int
    epoch: int
    transaction_id: int
    entry_id: int


async def seal_next(connection: AsyncConnection, key: SealKey, limit: int = MAX_ENTRIES) -> Seal | None:
    """Seal the next entries, at most `limit`; None where there are none, or another process is sealing.

    The connection is the sealer's, in a transaction that the caller commits: a seal comes with all its leaves or not at all.
    """
    await connection.execute(_SESSION, {"timeout": STATEMENT_TIMEOUT})
    if not await connection.scalar(_TRY_LOCK, {"lock": LOCK}):
        return None
    head = await _head(connection)
    is_restored, rows = await _unsealed(connection, head, limit)
    if not rows:
        return None
    contents = await _contents(connection, rows)
    hashes = [leaf_hash(content) for content in contents]
    last = rows[-1]
    # What was restored has ids of another server's, from which nothing follows for those of this one.
    sealed_to = (head.transaction_id, head.entry_id) if is_restored else (last["transaction_id"], last["entry_id"])
    seal = Seal(
        number=head.number + 1,
        previous_digest=head.digest,
        root=root(hashes),
        entry_count=len(rows),
        first_leaf=head.next_leaf,
        last_leaf=head.next_leaf + len(rows) - 1,
        debits=_debits(contents),
        columns=covered_columns(contents),
        epoch=head.epoch,
        sealed_to_transaction_id=int(sealed_to[0]),
        sealed_to_entry_id=sealed_to[1],
        sealed_at=last["now"],
        key_fingerprint=key.fingerprint,
    )
    await _store(connection, seal, key.sign(seal.statement), [row["entry_id"] for row in rows], hashes)
    return seal


async def unsealed_seconds(connection: AsyncConnection) -> float:
    """Return how long the entry that is next has been waiting for its seal; 0 where none waits."""
    await connection.execute(_SESSION, {"timeout": STATEMENT_TIMEOUT})
    head = await _head(connection)
    place = {"transaction_id": str(head.transaction_id), "entry_id": head.entry_id}
    return float(await connection.scalar(_OLDEST_UNSEALED, place) or 0.0)


async def _head(connection: AsyncConnection) -> _Head:
    epoch: int = await connection.scalar(_EPOCH)
    last = (await connection.execute(_LAST)).mappings().one_or_none()
    if last is None:
        return _Head(0, NO_SEAL, 0, epoch, 0, 0)
    # Of another server's transaction ids nothing is known here: all that has no leaf is looked for again.
    is_ours = last["epoch"] == epoch
    return _Head(
        number=last["number"],
        digest=last["digest"],
        next_leaf=last["last_leaf"] + 1,
        epoch=epoch,
        transaction_id=int(last["transaction_id"]) if is_ours else 0,
        entry_id=last["entry_id"] if is_ours else 0,
    )


async def _unsealed(connection: AsyncConnection, head: _Head, limit: int) -> tuple[bool, Sequence[RowMapping]]:
    """Return the entries to seal next, and whether they came with a backup from another server."""
    if not head.transaction_id:
        restored = (await connection.execute(_RESTORED, {"limit": limit})).mappings().all()
        if restored:
            return True, restored
    place = {"transaction_id": str(head.transaction_id), "entry_id": head.entry_id, "limit": limit}
    return False, (await connection.execute(_DECIDED, place)).mappings().all()


async def _contents(connection: AsyncConnection, rows: Sequence[RowMapping]) -> list[EntryContent]:
    lines = [read_row(row["lines"] or "[]") for row in rows]
    named = sorted({line["account_id"] for of_entry in lines for line in of_entry})
    found = (await connection.execute(_ACCOUNTS, {"ids": named})).mappings()
    accounts: dict[int, Row] = {row["account_id"]: read_row(row["account"]) for row in found}
    return [
        EntryContent(
            entry=read_row(row["entry"]),
            lines=of_entry,
            accounts=[accounts[name] for name in sorted({line["account_id"] for line in of_entry}) if name in accounts],
        )
        for row, of_entry in zip(rows, lines, strict=True)
    ]


def _debits(contents: Sequence[EntryContent]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for content in contents:
        for line in content.lines:
            if line["side"] == "debit":
                sums[line["currency"]] = sums.get(line["currency"], 0) + line["amount_minor"]
    return sums


async def _store(
    connection: AsyncConnection, seal: Seal, signature: bytes, entry_ids: Sequence[int], hashes: Sequence[bytes]
) -> None:
    row = asdict(seal) | {"digest": seal.digest, "signature": signature}
    row["sealed_to_transaction_id"] = str(seal.sealed_to_transaction_id)
    await connection.execute(insert(seals), row)
    leaves = [
        {"leaf_index": index, "seal_number": seal.number, "entry_id": entry_id, "leaf_hash": hashed}
        for index, (entry_id, hashed) in enumerate(zip(entry_ids, hashes, strict=True), seal.first_leaf)
    ]
    await connection.execute(insert(seal_leaves), leaves)
