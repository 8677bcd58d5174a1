"""A sealer with a key, books with something in them to seal, and the ways to look at what came of it."""

from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import journal
from ledger.accounts import clearing, receivable
from ledger.database import create_engine
from ledger.entries import Entry, credit, debit
from ledger.seals import signing
from ledger.seals.anchors import Anchor
from ledger.seals.damage import Verification
from ledger.seals.seal import Seal
from ledger.seals.sealing import MAX_ENTRIES, seal_next
from ledger.seals.signing import SealKey, TrustedKeys
from ledger.seals.verification import verify
from tests.conftest import Database
from tests.ledger.samples import HAPPENED, capture, fee, two_currencies, usd

Verify = Callable[..., Coroutine[Any, Any, Verification]]


@pytest.fixture
def keys(tmp_path: Path) -> tuple[SealKey, TrustedKeys]:
    """The key that seals, and the one that is trusted."""
    trusted = signing.load_trusted(signing.create(tmp_path / "seal.key"))
    return signing.load(tmp_path / "seal.key"), trusted


@pytest.fixture
def key(keys: tuple[SealKey, TrustedKeys]) -> SealKey:
    """The key that seals."""
    return keys[0]


@pytest.fixture
def trusted(keys: tuple[SealKey, TrustedKeys]) -> TrustedKeys:
    """The key that is trusted."""
    return keys[1]


@pytest.fixture
async def sealing_engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """The sealer's engine."""
    engine = create_engine(sealer_url(database), 4)
    yield engine
    await engine.dispose()


def sealer_url(database: Database) -> str:
    """The test's database as the sealer's role."""
    return database.app_url.replace("quittance_app@", "quittance_sealer@")


async def post(engine: AsyncEngine, *entries: Entry) -> None:
    """Post entries in one transaction."""
    async with engine.begin() as connection:
        await journal.post(connection, entries)


async def seal(engine: AsyncEngine, key: SealKey, limit: int = MAX_ENTRIES) -> Seal | None:
    """Seal once, as a worker does."""
    async with engine.begin() as connection:
        return await seal_next(connection, key, limit)


async def seal_all(engine: AsyncEngine, key: SealKey, limit: int = MAX_ENTRIES) -> list[Seal]:
    """Seal everything."""
    made = []
    while found := await seal(engine, key, limit):
        made.append(found)
    return made


async def verified(engine: AsyncEngine, trusted: TrustedKeys, anchor: Anchor | None = None) -> Verification:
    """Verify what is committed, with the application's role."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        return await verify(connection, trusted, anchor)


async def fill(engine: AsyncEngine, charges: int) -> None:
    """Post the entries of some charges, each in a transaction of its own, of two kinds and in two currencies."""
    for number in range(charges):
        await post(engine, capture(f"ch_{number}", 1000 + number), fee(f"ch_{number}"))
    await post(engine, two_currencies())


def elsewhere(reference: str) -> Entry:
    """An entry on accounts that no other one names, so that its transaction is in no other's way while it is open."""
    money = usd(700)
    return Entry(
        reference=reference,
        rule="captured",
        description="captured at another gateway",
        event_at=HAPPENED,
        actor="workflow:charge",
        lines=(debit(clearing("paypal"), money), credit(receivable("cus_late"), money)),
    )
