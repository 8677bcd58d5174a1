"""Sealing, with the sealer's own role, on a real database: every entry once, in an order that nothing can come before."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.journal import _content
from ledger.seals.sealing import seal_next, unsealed_seconds
from ledger.seals.signing import SealKey, TrustedKeys
from tests.conftest import Database
from tests.ledger.samples import capture
from tests.ledger.seals.conftest import elsewhere, fill, post, seal, seal_all, sealer_url, verified

ROOT = Path(__file__).parents[3]
POST = "SELECT entry_id FROM public.post_entries(%s)"


async def test_every_entry_is_sealed_once_and_in_order(
    engine: AsyncEngine, sealing_engine: AsyncEngine, superuser: psycopg.Connection, key: SealKey, trusted: TrustedKeys
) -> None:
    """The leaves are numbered without gaps, batch after batch, and each seal names the one before it."""
    await fill(engine, 12)
    made = await seal_all(sealing_engine, key, limit=10)
    assert [found.entry_count for found in made] == [10, 10, 5]
    assert [(found.first_leaf, found.last_leaf) for found in made] == [(0, 9), (10, 19), (20, 24)]
    assert [found.previous_digest for found in made] == [bytes(32), made[0].digest, made[1].digest]
    order = superuser.execute("SELECT entry_id FROM entries ORDER BY transaction_id, entry_id").fetchall()
    assert superuser.execute("SELECT entry_id FROM seal_leaves ORDER BY leaf_index").fetchall() == order
    found = await verified(engine, trusted)
    assert (found.damage, found.seals, found.entries, found.unsealed_entries) == (None, 3, 25, 0)
    assert found.digest == made[-1].digest


async def test_where_nothing_was_posted_nothing_is_sealed(
    engine: AsyncEngine, sealing_engine: AsyncEngine, key: SealKey, trusted: TrustedKeys
) -> None:
    """An idle ledger does not grow, and an empty one verifies."""
    assert await seal(sealing_engine, key) is None
    assert (await verified(engine, trusted)).damage is None
    await fill(engine, 1)
    assert await seal(sealing_engine, key) is not None
    assert await seal(sealing_engine, key) is None


async def test_an_entry_that_commits_late_is_never_left_out(
    engine: AsyncEngine, sealing_engine: AsyncEngine, database: Database, key: SealKey, trusted: TrustedKeys
) -> None:
    """While a transaction with an older id is open, nothing after it is sealed; once it has ended, everything is."""
    await post(engine, capture("before"))
    with psycopg.connect(database.app_url) as late:
        late.execute(POST, [Jsonb([_content(elsewhere("late"))])])
        await post(engine, capture("after"))
        first = await seal(sealing_engine, key)
        assert first is not None
        assert first.entry_count == 1
        assert await seal(sealing_engine, key) is None
        async with sealing_engine.begin() as connection:
            assert 0 < await unsealed_seconds(connection) < 60
        assert (await verified(engine, trusted)).unsealed_entries == 1
        late.commit()
    second = await seal(sealing_engine, key)
    assert second is not None
    assert second.entry_count == 2
    found = await verified(engine, trusted)
    assert (found.damage, found.entries, found.unsealed_entries) == (None, 3, 0)


async def test_a_posting_that_was_given_up_holds_nothing_back(
    engine: AsyncEngine, sealing_engine: AsyncEngine, database: Database, key: SealKey, trusted: TrustedKeys
) -> None:
    """An id that was never used leaves no gap in the leaves."""
    with psycopg.connect(database.app_url) as given_up:
        given_up.execute(POST, [Jsonb([_content(elsewhere("given_up"))])])
        await post(engine, capture("after"))
        given_up.rollback()
    assert await seal(sealing_engine, key) is not None
    assert (await verified(engine, trusted)).entries == 1


async def test_two_sealers_take_turns(
    engine: AsyncEngine, sealing_engine: AsyncEngine, key: SealKey, trusted: TrustedKeys
) -> None:
    """Every worker may seal: of those that try at the same moment one does, and no entry gets two leaves."""
    await fill(engine, 20)
    for _ in range(20):
        await asyncio.gather(*(seal(sealing_engine, key, limit=2) for _ in range(4)))
    await seal_all(sealing_engine, key)
    found = await verified(engine, trusted)
    assert (found.damage, found.entries, found.unsealed_entries) == (None, 41, 0)


async def test_sealing_beside_postings_leaves_none_out(
    engine: AsyncEngine, sealing_engine: AsyncEngine, key: SealKey, trusted: TrustedKeys
) -> None:
    """Sixteen clients post while two sealers seal; at the end every entry has its leaf, and at no moment was one passed over."""
    posting = True

    async def client(name: int) -> None:
        for number in range(25):
            await post(engine, capture(f"ch_{name}_{number}"))

    async def sealer() -> None:
        while posting:
            await seal(sealing_engine, key, limit=7)
            found = await verified(engine, trusted)
            assert found.damage is None

    sealers = [asyncio.create_task(sealer()) for _ in range(2)]
    await asyncio.gather(*(client(name) for name in range(16)))
    posting = False
    await asyncio.gather(*sealers)
    await seal_all(sealing_engine, key)
    found = await verified(engine, trusted)
    assert (found.damage, found.entries, found.unsealed_entries) == (None, 400, 0)


async def test_sealing_locks_nothing_that_a_posting_needs(
    engine: AsyncEngine, sealing_engine: AsyncEngine, database: Database, key: SealKey
) -> None:
    """A sealer that hangs in the middle of its transaction delays no posting, also not on the same accounts."""
    await fill(engine, 3)
    async with sealing_engine.begin() as hanging:
        assert await seal_next(hanging, key) is not None
        with psycopg.connect(database.app_url) as posting:
            posting.execute("SET lock_timeout = '200ms'")
            posting.execute(POST, [Jsonb([_content(capture("meanwhile"))])])
            posting.commit()


SEALS_ONCE = """
import asyncio, sys
from pathlib import Path
from ledger.database import (create_engine)
from ledger.seals import signing
from ledger.seals.sealing import seal_next

async def main():
    async with create_engine(sys.argv[1], 1).begin() as connection:
        await seal_next(connection, signing.load(Path(sys.argv[2])))

asyncio.run(main())
"""


async def test_a_sealer_that_is_killed_between_seal_and_leaves_leaves_neither(
    engine: AsyncEngine,
    sealing_engine: AsyncEngine,
    database: Database,
    superuser: psycopg.Connection,
    tmp_path: Path,
    key: SealKey,
    trusted: TrustedKeys,
) -> None:
    """There is no seal without its leaves, and the next sealer takes it all. A lock holds the victim between the two."""
    await fill(engine, 3)
    command = [sys.executable, "-c", SEALS_ONCE, sealer_url(database), str(tmp_path / "seal.key")]
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(database.superuser_url) as holder:
        holder.execute("LOCK TABLE seal_leaves IN SHARE MODE")
        victim = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})  # noqa: ASYNC220 # it is killed
        async with asyncio.timeout(30):
            while superuser.execute(waiting).fetchone() == (0,):
                await asyncio.sleep(0.02)
        victim.kill()
        await asyncio.to_thread(victim.wait)
    async with asyncio.timeout(30):
        while await seal(sealing_engine, key) is None:
            await asyncio.sleep(0.05)
    found = await verified(engine, trusted)
    assert (found.damage, found.seals, found.entries) == (None, 1, 7)


async def test_a_backup_in_another_server_is_sealed_on(
    engine: AsyncEngine, sealing_engine: AsyncEngine, superuser: psycopg.Connection, key: SealKey, trusted: TrustedKeys
) -> None:
    """A dump brings transaction ids that mean nothing in its new server: what it had not sealed is sealed, then what is new.

    The server's identifier cannot be changed here, so the earlier one is that of the first seal, and entries are given the
    ids of a server that had come far.
    """
    await fill(engine, 3)
    await seal(sealing_engine, key, limit=4)
    for statement in (
        "ALTER TABLE entries DISABLE TRIGGER never_changed",
        "UPDATE entries SET transaction_id = (2::bigint ^ 40 + entry_id)::bigint::text::xid8",
        "ALTER TABLE entries ENABLE ALWAYS TRIGGER never_changed",
        "ALTER TABLE seals DISABLE TRIGGER ALL; ALTER TABLE seal_leaves DISABLE TRIGGER ALL",
        "TRUNCATE seals, seal_leaves",
        "ALTER TABLE seals ENABLE TRIGGER ALL; ALTER TABLE seal_leaves ENABLE TRIGGER ALL",
        "ALTER TABLE seals ENABLE ALWAYS TRIGGER never_changed, ENABLE ALWAYS TRIGGER never_emptied",
        "ALTER TABLE seals ENABLE ALWAYS TRIGGER seal_follows, ENABLE ALWAYS TRIGGER seal_is_complete",
        "ALTER TABLE seal_leaves ENABLE ALWAYS TRIGGER never_changed, ENABLE ALWAYS TRIGGER never_emptied",
        "ALTER TABLE seal_leaves ENABLE ALWAYS TRIGGER leaves_belong",
    ):
        superuser.execute(statement.encode())
    restored = await seal_all(sealing_engine, key, limit=5)
    assert [found.entry_count for found in restored] == [5, 2]
    assert {found.sealed_to_transaction_id for found in restored} == {0}
    await post(engine, capture("new_1"))
    await post(engine, capture("new_2"))
    new = await seal_all(sealing_engine, key, limit=1)
    assert [found.entry_count for found in new] == [1, 1]
    assert 0 < new[-1].sealed_to_transaction_id < 2**40
    found = await verified(engine, trusted)
    assert (found.damage, found.entries, found.unsealed_entries) == (None, 9, 0)
