"""Verification: every seal, leaf, entry, line and account is read again, and recomputed by code of its own.

It goes from what is hardest to forge to what is easiest: a signature stands for a seal, its root for the leaves, a leaf for
an entry. So what does not agree is where the damage is. It ends at the first damage, in the order of the seals.
"""

from collections import defaultdict

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.seals import journal_checks, location
from ledger.seals.anchors import Anchor
from ledger.seals.chain import MAX_ENTRIES, Chain
from ledger.seals.content_checks import fault_of
from ledger.seals.damage import Damage, DamageFoundError, DamageKind, Verification
from ledger.seals.entry_reading import EntryReader, FoundEntry, StoredLeaf
from ledger.seals.recomputation import LeafWriter, Row
from ledger.seals.signing import TrustedKeys

SEALS_AT_ONCE = 100
UNSEALED_SECONDS = 600.0
"""An entry that waits longer for its seal is told of as a damage: nothing shows whether it was changed."""
STATEMENT_TIMEOUT = "10min"

# How rows are written as JSON depends on these. A seal's leaves are looked up by index, whatever the planner thinks.
_SESSION = text(
    "SELECT set_config(name, value, true) FROM (VALUES ('timezone', 'UTC'), ('bytea_output', 'hex'),"
    " ('intervalstyle', 'postgres'), ('extra_float_digits', '1'), ('statement_timeout', :timeout),"
    " ('enable_hashjoin', :joins), ('enable_mergejoin', :joins)) AS s (name, value)"
)
_ISOLATION = text("SELECT current_setting('transaction_isolation')")
_EPOCH = text("SELECT system_identifier FROM pg_control_system()")
_SEALS = text(
    "SELECT number, previous_digest, root, entry_count, first_leaf, last_leaf, debits, columns, epoch,"
    " sealed_to_transaction_id::text AS sealed_to_transaction_id, sealed_to_entry_id, sealed_at, key_fingerprint, digest,"
    " signature FROM public.seals WHERE number > :after ORDER BY number LIMIT :limit"
)
_HAS_SEALS = text("SELECT EXISTS (SELECT FROM public.seals) OR EXISTS (SELECT FROM public.seal_leaves)")
_SEAL_COUNT = text("SELECT count(*) FROM public.seals")
_STRAY_LEAF = text("SELECT leaf_index FROM public.seal_leaves WHERE leaf_index NOT BETWEEN 0 AND :last LIMIT 1")


async def has_seals(connection: AsyncConnection) -> bool:
    """Whether anything was ever sealed here, as far as the tables tell."""
    return bool(await connection.scalar(_HAS_SEALS))


async def verify(connection: AsyncConnection, keys: TrustedKeys, anchor: Anchor | None = None) -> Verification:
    """Verify the journal against its seals, and these against the keys and an anchor; returns what was found.

    The connection may be of any role that reads the journal, in a transaction that is REPEATABLE READ, so that all is seen at
    one moment; nothing is written.
    """
    isolation = await connection.scalar(_ISOLATION)
    if isolation not in {"repeatable read", "serializable"}:
        raise AssertionError(f"a verification needs a transaction that is repeatable read, not {isolation}")
    verifier = _Verifier(connection, Chain(keys, anchor))
    damage = None
    try:
        await verifier.run()
    except DamageFoundError as found:
        damage = found.damage
    return Verification(
        damage=damage,
        seals=verifier.chain.length,
        entries=verifier.entries,
        lines=verifier.lines,
        unsealed_entries=verifier.unsealed,
        oldest_unsealed_seconds=verifier.oldest_seconds,
        digest=verifier.chain.digest,
        anchored_to=anchor.number if anchor and verifier.chain.is_anchored else None,
    )


class _Verifier:
    def __init__(self, connection: AsyncConnection, chain: Chain) -> None:
        self._connection = connection
        self._reader = EntryReader(connection)
        self._writer = LeafWriter({})
        self.chain = chain
        self.entries = self.lines = self.unsealed = 0
        self.oldest_seconds: float | None = None

    async def run(self) -> None:
        """Read everything; raises DamageFoundError at the first damage."""
        await self._set_up(joins="off")
        await self._check_seals()
        await self._set_up(joins="on")
        await self._check_unsealed()
        await journal_checks.check_lines(self._connection)
        await journal_checks.check_balances(self._connection)
        await journal_checks.check_guards(self._connection)

    async def _set_up(self, *, joins: str) -> None:
        await self._connection.execute(_SESSION, {"timeout": STATEMENT_TIMEOUT, "joins": joins})

    async def _check_seals(self) -> None:
        while True:
            page = {"after": self.chain.length, "limit": SEALS_AT_ONCE}
            rows = (await self._connection.execute(_SEALS, page)).mappings().all()
            for row in rows:
                await self._check_leaves(self.chain.follow(row))
            if not rows:
                break
        self.chain.end(await self._connection.scalar(_SEAL_COUNT) or 0)
        stray = await self._connection.scalar(_STRAY_LEAF, {"last": self.chain.next_leaf - 1})
        if stray is not None:
            what = f"leaf {stray} is of no seal: the last seals were cut off, or it was put in"
            raise DamageFoundError(Damage(DamageKind.LEAF, what, leaf_index=stray))

    async def _check_leaves(self, said: Row) -> None:
        """The entries that the tables have now are those that were sealed."""
        stored = await self._reader.leaves(said["first_leaf"], said["last_leaf"], MAX_ENTRIES + 1)
        if said["columns"] != self._writer.columns:
            self._writer = LeafWriter(said["columns"])
        found = [self._leaf(leaf.entry) for leaf in stored]
        damage = location.damage_of(said, stored, found)
        if damage is not None:
            raise DamageFoundError(damage)
        self._check_contents(said, stored)

    def _leaf(self, entry: FoundEntry) -> bytes | None:
        return None if entry.entry is None else self._writer.leaf(entry.entry, entry.lines, self._reader.accounts)

    def _check_contents(self, said: Row, stored: list[StoredLeaf]) -> None:
        """What was sealed is also right in itself, and adds up to what the seal says."""
        debits: dict[str, int] = defaultdict(int)
        for leaf in stored:
            self._check_content(leaf.entry, leaf)
            self.entries += 1
            self.lines += len(leaf.entry.lines)
            for line in leaf.entry.lines:
                if line["side"] == "debit":
                    debits[line["currency"]] += line["amount_minor"]
        if debits != said["debits"]:
            what = f"seal {said['number']} states debits of {said['debits']}, and its entries have {dict(debits)}"
            raise DamageFoundError(Damage(DamageKind.SEAL, what, seal=said["number"]))

    def _check_content(self, entry: FoundEntry, leaf: StoredLeaf | None) -> None:
        fault = entry.entry and fault_of(entry.entry, entry.lines, self._reader.accounts)
        if fault:
            raise DamageFoundError(location.of_entry(DamageKind.ENTRY, fault, entry, leaf))

    async def _check_unsealed(self) -> None:
        """What has no seal yet is the fresh end of the journal, and right in itself."""
        last = self.chain.last
        # Where a backup was restored, transaction ids are of another server than those of the last seal.
        is_ours = last is not None and last["epoch"] == await self._connection.scalar(_EPOCH)
        place = (last["sealed_to_transaction_id"], last["sealed_to_entry_id"]) if last and is_ours else (0, 0)
        async for unsealed in self._reader.unsealed(*place):
            entry = unsealed.entry
            self.unsealed += 1
            self.oldest_seconds = max(self.oldest_seconds or 0.0, unsealed.seconds)
            if unsealed.is_behind:
                what = f"has no leaf, though all before it and up to seal {self.chain.length} is sealed: it was put in, or its leaf replaced"
                raise DamageFoundError(location.of_entry(DamageKind.ENTRY, what, entry))
            self._check_content(entry, None)
        if self.oldest_seconds is not None and self.oldest_seconds > UNSEALED_SECONDS:
            what = (
                f"{self.unsealed} entries have no seal, the oldest for {self.oldest_seconds:.0f} s: run `ledger seal`"
            )
            raise DamageFoundError(Damage(DamageKind.UNSEALED, what))
