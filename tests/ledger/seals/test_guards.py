"""What the database refuses of a sealer, whoever has got hold of its password: it adds to the chain, and does nothing else."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.seals.signing import SealKey
from tests.conftest import Database
from tests.ledger.hostile import CHANGES, POWERS, went_through
from tests.ledger.samples import capture
from tests.ledger.seals.conftest import fill, post, seal_all, sealer_url

COLUMNS = (
    "number, previous_digest, root, entry_count, first_leaf, last_leaf, debits, columns, epoch, sealed_to_transaction_id,"
    " sealed_to_entry_id, sealed_at, key_fingerprint, digest, signature"
)


def like_the_last(**changes: str) -> str:
    """Return a statement that adds a seal after the last one, with something else in it."""
    following = {
        "number": "number + 1",
        "previous_digest": "digest",
        "digest": "sha256(digest)",
        "first_leaf": "last_leaf + 1",
        "last_leaf": "last_leaf + 1",
        "entry_count": "1",
    }
    values = ", ".join((following | changes).get(name, name) for name in COLUMNS.split(", "))
    return f"INSERT INTO public.seals ({COLUMNS}) SELECT {values} FROM public.seals ORDER BY number DESC LIMIT 1"  # noqa: S608 # ours


LEAF = "INSERT INTO public.seal_leaves VALUES ((SELECT max(last_leaf) {} FROM public.seals), {}, {}, sha256('x'))"
OF_SEALS = [
    "UPDATE public.seals SET root = root",
    "UPDATE public.seal_leaves SET leaf_hash = leaf_hash",
    "DELETE FROM public.seals",
    "DELETE FROM public.seal_leaves",
    "TRUNCATE public.seals CASCADE",
    "TRUNCATE public.seal_leaves",
    "ALTER TABLE public.seals DISABLE TRIGGER seal_follows",
    "SELECT * FROM public.seals FOR UPDATE",
    like_the_last(),  # without its leaf
    like_the_last(number="number"),
    like_the_last(number="number + 2"),
    like_the_last(number="1"),
    like_the_last(previous_digest="sha256('x')"),
    like_the_last(previous_digest="previous_digest"),
    like_the_last(first_leaf="last_leaf + 2", last_leaf="last_leaf + 2"),
    like_the_last(first_leaf="last_leaf", last_leaf="last_leaf"),
    like_the_last(last_leaf="last_leaf + 2"),
    like_the_last(last_leaf="last_leaf + 1001", entry_count="1001"),
    like_the_last(signature="'x'"),
    LEAF.format("", 1, 1),
    LEAF.format("+ 1", 1, 1),
    LEAF.format("+ 1", 99, 1),
    "SELECT count(*) FROM public.charges",
    "SELECT count(*) FROM public.operations",
    "SELECT public.post_entries('[]')",
]


@pytest.fixture
def sealer(database: Database) -> Iterator[psycopg.Connection]:
    """A plain connection with the sealer's role."""
    with psycopg.connect(sealer_url(database)) as connection:
        yield connection
        connection.rollback()


@pytest.fixture(autouse=True)
async def sealed(engine: AsyncEngine, sealing_engine: AsyncEngine, key: SealKey) -> None:
    """Books with a seal, and an entry that has none."""
    await fill(engine, 2)
    await seal_all(sealing_engine, key)
    await post(engine, capture("unsealed"))


def seals_of(superuser: psycopg.Connection) -> list[tuple[object, ...]]:
    """All that is sealed."""
    rows = superuser.execute("SELECT s::text FROM seals s UNION ALL SELECT l::text FROM seal_leaves l").fetchall()
    return sorted(rows)


def test_the_sealer_can_do_nothing_but_add_what_follows(
    sealer: psycopg.Connection,
    superuser: psycopg.Connection,
    unchanged: Callable[[], AbstractContextManager[None]],
) -> None:
    """It cannot change, remove or forge an entry, nor a seal, nor take on another's rights."""
    as_sealer = [attempt.replace("TO quittance_app", "TO quittance_sealer") for attempt in POWERS]
    before = seals_of(superuser)
    with unchanged():
        assert went_through(sealer, [*CHANGES, *OF_SEALS, *as_sealer]) == []
    assert seals_of(superuser) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "number"},
        {"number": "number + 2"},
        {"previous_digest": "sha256('x')"},
        {"first_leaf": "last_leaf + 2", "last_leaf": "last_leaf + 2"},
        {"first_leaf": "last_leaf", "last_leaf": "last_leaf"},
    ],
    ids=str,
)
def test_a_seal_that_does_not_follow_the_last_is_refused_as_such(
    sealer: psycopg.Connection, changes: dict[str, str]
) -> None:
    """The chain has no fork and no gap, and each leaf has one place."""
    with pytest.raises(psycopg.Error, match="does not follow seal 1, which is the last") as refused:
        sealer.execute(like_the_last(**changes).encode())
    assert refused.value.diag.constraint_name == "seal_follows"


def test_the_application_cannot_seal(application: psycopg.Connection, superuser: psycopg.Connection) -> None:
    """Whoever posts does not say what was posted."""
    before = seals_of(superuser)
    assert went_through(application, OF_SEALS[:-3]) == []
    assert seals_of(superuser) == before


def test_a_superuser_meets_the_guards_too(superuser: psycopg.Connection) -> None:
    """Seals are only added to, also where ordinary triggers are turned off."""
    superuser.execute("SET session_replication_role = replica")
    for statement in OF_SEALS[: OF_SEALS.index("ALTER TABLE public.seals DISABLE TRIGGER seal_follows")]:
        with pytest.raises(psycopg.Error, match="only added to"):
            superuser.execute(statement.encode())


def test_grants_are_those_that_are_declared(superuser: psycopg.Connection) -> None:
    """The sealer reads the journal and adds to two tables; a grant that somebody adds is seen here."""
    found = superuser.execute(
        "SELECT table_name, privilege_type FROM information_schema.table_privileges"
        " WHERE grantee = 'quittance_sealer' ORDER BY 1, 2"
    ).fetchall()
    assert {*found} == {
        *((table, "SELECT") for table in ("accounts", "entries", "lines", "seals", "seal_leaves")),
        *((table, "INSERT") for table in ("seals", "seal_leaves")),
    }
