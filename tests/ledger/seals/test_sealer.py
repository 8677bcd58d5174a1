"""The loop of a worker that seals: it goes on whatever happens, and says so where entries wait too long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from ledger.database import create_engine
from ledger.journal import _content
from ledger.seals import sealer as module
from ledger.seals.sealer import Sealer
from ledger.seals.signing import SealKey, TrustedKeys
from tests.conftest import Database
from tests.ledger.samples import capture
from tests.ledger.seals.conftest import elsewhere, fill, post, verified


@asynccontextmanager
async def running(sealer: Sealer) -> AsyncIterator[None]:
    """Run a sealer for the block."""
    task = asyncio.create_task(sealer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that a test can wait for."""
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(module, "OUTAGE_SECONDS", 0.05)


async def test_what_is_posted_is_sealed_by_itself(
    engine: AsyncEngine, sealing_engine: AsyncEngine, key: SealKey, trusted: TrustedKeys
) -> None:
    """Nobody has to ask for it."""
    ages: list[float] = []
    async with running(Sealer(sealing_engine, key, ages.append)), asyncio.timeout(30):
        await fill(engine, 2)
        while (await verified(engine, trusted)).entries < 5:
            await asyncio.sleep(0.02)
        del ages[:]
        while not ages:
            await asyncio.sleep(0.02)
    assert ages[0] == 0.0


async def test_a_transaction_that_holds_sealing_up_is_told_of(
    engine: AsyncEngine,
    sealing_engine: AsyncEngine,
    database: Database,
    key: SealKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Operations people hear of it after a minute, and see the age grow."""
    monkeypatch.setattr(module, "LATE_SECONDS", 0.2)
    ages: list[float] = []
    with psycopg.connect(database.app_url) as long, capture_logs() as logs:
        long.execute("SELECT public.post_entries(%s)", [Jsonb([_content(elsewhere("long"))])])
        await post(engine, capture("held_up"))
        async with running(Sealer(sealing_engine, key, ages.append)), asyncio.timeout(30):
            while not any(entry["event"] == "seals.late" for entry in logs):
                await asyncio.sleep(0.02)
    assert max(ages) > 0.2


async def test_a_sealer_outlives_its_database(
    engine: AsyncEngine, database: Database, superuser: psycopg.Connection, key: SealKey, trusted: TrustedKeys
) -> None:
    """A connection that is cut is one line in the log, and sealing goes on."""
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'quittance_sealer'"
    own = create_engine(database.app_url.replace("quittance_app@", "quittance_sealer@"), 1)
    with capture_logs() as logs:
        async with running(Sealer(own, key)), asyncio.timeout(30):
            while not any(entry["event"] == "seals.database_away" for entry in logs):
                superuser.execute(cut)
                await asyncio.sleep(0.01)
            await fill(engine, 2)
            while (await verified(engine, trusted)).entries < 5:
                await asyncio.sleep(0.02)
    await own.dispose()
