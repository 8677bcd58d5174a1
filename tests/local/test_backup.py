"""Backups of the books to any moment: what was committed by then is there, what came later is not, and the seals verify."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import migrate
from ledger.database import create_engine
from ledger.seals import anchors, signing
from ledger.seals.damage import DamageKind
from ledger.seals.signing import SealKey, TrustedKeys
from local import backup, postgres
from local.errors import PartFailed
from local.ports import free_port
from local.postgres import Postgres
from tests.ledger.samples import capture
from tests.ledger.seals.conftest import fill, post, seal_all, verified

pytestmark = pytest.mark.database

BOOKS = "quittance"


def engine_of(server: Postgres, role: str = "quittance_app") -> AsyncEngine:
    """Connect as a role."""
    return create_engine(server.url(BOOKS, role), 2)


def references(server: Postgres) -> set[str]:
    """What is in the journal."""
    with psycopg.connect(server.url(BOOKS)) as connection:
        return {row[0] for row in connection.execute("SELECT reference FROM entries")}


async def post_and_seal(server: Postgres, key: SealKey, *charge_ids: str) -> None:
    """Post captures and seal them."""
    engine, sealer = engine_of(server), engine_of(server, "quittance_sealer")
    await post(engine, *(capture(charge_id) for charge_id in charge_ids))
    await seal_all(sealer, key)
    await engine.dispose()
    await sealer.dispose()


def keys(place: Path) -> tuple[SealKey, TrustedKeys]:
    """Make the keys."""
    signing.create(place / "seal.key")
    return signing.load(place / "seal.key"), signing.load_trusted(place / "seal.key.pub")


async def test_the_books_are_restored_to_a_named_moment(tmp_path: Path) -> None:
    """The server is killed; what comes back is the journal of that moment, it verifies against an anchor, and takes postings."""
    place = tmp_path / "a b%c"  # a path that a command has to quote
    place.mkdir()
    key, trusted = keys(place)
    data, archive, copy, log = place / "data", place / "archive", place / "backup", place / "log"
    backup.keep_log(data, archive, log=log)
    with postgres.start(data, free_port(), log=log) as server:
        server.ensure_database(BOOKS)
        migrate.upgrade(server.url(BOOKS))
        engine = engine_of(server)
        await fill(engine, 3)
        await engine.dispose()
        backup.base_backup(server, data, copy, log=log)
        await post_and_seal(server, key, "after_backup")
        anchor_file = await kept_anchor(server, place / "anchor.json")
        expected = references(server)
        backup.name_moment(server, "drill")
        await post_and_seal(server, key, "lost")
        late_file = await kept_anchor(server, place / "late.json")
        backup.archive_all(server)
        server.process.kill()
    backup.restore(copy, archive, place / "restored", "drill")
    with postgres.start(place / "restored", free_port(), log=log) as server:
        backup.wait_restored(server)
        assert references(server) == expected
        assert "after_backup:capture:1" in expected
        engine = engine_of(server)
        found = await verified(engine, trusted, anchors.load(anchor_file, trusted))
        assert (found.damage, found.anchored_to, found.unsealed_entries) == (None, found.seals, 0)
        cut = await verified(engine, trusted, anchors.load(late_file, trusted))
        assert cut.damage is not None
        assert cut.damage.kind is DamageKind.ANCHOR
        await post_and_seal(server, key, "new")
        found = await verified(engine, trusted, anchors.load(anchor_file, trusted))
        assert (found.damage, found.unsealed_entries) == (None, 0)
        await engine.dispose()


async def kept_anchor(server: Postgres, file: Path) -> Path:
    """Write the newest seal to a file."""
    engine = engine_of(server)
    async with engine.connect() as connection:
        found = await anchors.newest(connection)
    await engine.dispose()
    assert found is not None
    anchors.write(file, found)
    return file


def test_a_moment_that_the_archive_does_not_reach_is_no_restore(tmp_path: Path) -> None:
    """Where a part of the log is missing, the server does not start with less: a line says so."""
    data, archive, copy, log = (tmp_path / name for name in ("data", "archive", "backup", "log"))
    backup.keep_log(data, archive, log=log)
    with postgres.start(data, free_port(), log=log) as server:
        backup.base_backup(server, data, copy, log=log)
        backup.archive_all(server)
    backup.restore(copy, archive, tmp_path / "restored", "never")
    with (
        pytest.raises(PartFailed, match="recovery ended before configured recovery target was reached"),
        postgres.start(tmp_path / "restored", free_port(), log=log) as server,
    ):
        backup.wait_restored(server)


def test_a_copy_that_was_damaged_is_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bit that fell over on the way is found when the backup is taken, and not on the day on which it is needed."""
    data, log = tmp_path / "data", tmp_path / "log"
    run = postgres.run

    def bent(name: str, *given: object, **options: object) -> None:
        if name == "pg_verifybackup":
            with (tmp_path / "backup" / "PG_VERSION").open("a") as file:
                file.write("9")
        run(name, *given, **options)  # type: ignore[arg-type] # as it came

    monkeypatch.setattr(postgres, "run", bent)
    with (
        postgres.start(data, free_port(), log=log) as server,
        pytest.raises(PartFailed, match="pg_verifybackup ended with exit code 1"),
    ):
        backup.base_backup(server, data, tmp_path / "backup", log=log)
