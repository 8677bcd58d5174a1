"""The proof says of I8 what the verification of the seals found, and why where there is none."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from commands import gateway_records, proof, proof_documents, seal_proof
from commands.process_proof import ProcessProof
from commands.proof_report import ProofReport
from ledger.proofs.findings import Code
from ledger.proofs.invariants import Count, Invariant
from ledger.proofs.reading import Books, open_books
from ledger.protection import declared
from ledger.seals import signing
from ledger.seals.signing import SealKey
from tests.conftest import Database
from tests.ledger.conftest import engine as engine  # noqa: PLC0414 # a fixture is found where it is imported
from tests.ledger.conftest import superuser as superuser  # noqa: PLC0414 # as above
from tests.ledger.seals.conftest import fill, seal_all
from tests.ledger.seals.conftest import sealing_engine as sealing_engine  # noqa: PLC0414 # as above


@pytest.fixture
def key(tmp_path: Path) -> SealKey:
    """The key that seals."""
    signing.create(tmp_path / "seal.key")
    return signing.load(tmp_path / "seal.key")


@pytest.fixture
def public(key: SealKey, tmp_path: Path) -> str:
    """The file that is trusted."""
    return str(tmp_path / "seal.key.pub")


@pytest.fixture
async def books(database: Database) -> AsyncIterator[Books]:
    """The books as the proof reads them."""
    async with open_books(database.app_url) as books:
        yield books


async def test_seals_that_verify_are_counted(
    engine: AsyncEngine, sealing_engine: AsyncEngine, books: Books, key: SealKey, public: str
) -> None:
    """How many seals were verified is how much was checked."""
    await fill(engine, 3)
    made = await seal_all(sealing_engine, key, 2)
    assert len(made) > 1
    assert await seal_proof.examine(books, public) == seal_proof.SealProof(seals=len(made))


async def test_without_seals_nothing_is_said_of_them(engine: AsyncEngine, books: Books, public: str) -> None:
    """Books that nobody seals are neither proved by seals nor accused; it is said that there are none."""
    await fill(engine, 1)
    assert await seal_proof.examine(books, public) == seal_proof.SealProof(why_not="no seals")
    assert await seal_proof.examine(books, "/nowhere") == seal_proof.SealProof(why_not="no seals")


async def test_without_a_public_key_nothing_is_said_of_them(
    engine: AsyncEngine, sealing_engine: AsyncEngine, books: Books, key: SealKey
) -> None:
    """Seals that nobody can check are not taken for good ones."""
    await fill(engine, 1)
    await seal_all(sealing_engine, key)
    found = await seal_proof.examine(books, "/nowhere/seal.pub")
    assert (found.seals, found.findings) == (0, ())
    assert found.why_not is not None
    assert "/nowhere/seal.pub cannot be used" in found.why_not
    assert "(SEAL_PUBLIC_KEY_FILE)" in found.why_not


@pytest.mark.parametrize(
    ("table", "bend"),
    [
        ("entries", "UPDATE entries SET actor = 'person:nobody' WHERE reference = 'ch_1:capture:1'"),
        ("seals", "DELETE FROM seals"),
    ],
)
async def test_what_was_bent_is_a_finding(
    engine: AsyncEngine,
    sealing_engine: AsyncEngine,
    books: Books,
    key: SealKey,
    public: str,
    superuser: psycopg.Connection,
    table: str,
    bend: str,
) -> None:
    """An administrator's change breaks I8, also where all seals were taken away and their leaves were not."""
    await fill(engine, 2)
    await seal_all(sealing_engine, key)
    superuser.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
    superuser.execute(bend.encode())
    for guard in declared.guards():
        if guard.table == table:
            superuser.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {guard.name}".encode())
    [finding] = (await seal_proof.examine(books, public)).findings
    assert finding.code is Code.SEALS_DIFFER
    assert finding.entry_reference == ("ch_1:capture:1" if table == "entries" else None)


async def report_of(books: Books, public: str, since: datetime | None = None) -> ProofReport:
    """Run the proof over the books alone, whose gateways and processes nobody asks."""
    records = gateway_records.GatewayRecords({})
    return await proof._Proof(books, records, ProcessProof(None, 0), since, lambda _: None).report(public)


def of_seals(report: ProofReport) -> Count:
    """What is said of I8."""
    return next(each for each in report.invariants if each.invariant is Invariant.I8)


async def test_the_report_says_of_i8_what_was_found(
    engine: AsyncEngine, sealing_engine: AsyncEngine, books: Books, key: SealKey, public: str
) -> None:
    """Kept with a number, or not checked with the reason: nobody takes silence for a proof."""
    empty = of_seals(await report_of(books, public))
    assert (empty.state, empty.checked, empty.why_not) == ("not_checked", 0, "no seals")
    assert proof_documents._words(empty) == "not checked (no seals)"
    await fill(engine, 2)
    made = await seal_all(sealing_engine, key)
    kept = of_seals(await report_of(books, public))
    assert (kept.state, kept.checked, kept.failed) == ("kept", len(made), 0)
    assert proof_documents._words(kept) == f"kept ({len(made)} seals checked)"
    part = of_seals(await report_of(books, public, datetime.now(UTC)))
    assert (part.state, part.why_not) == ("not_checked", "seals are over everything, and --since asks for a part")
