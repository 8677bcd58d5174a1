"""Each fault of the protection is provoked once and seen, with a line that says what is wrong and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from ledger.database import create_engine
from ledger.errors import LedgerNotProtected
from ledger.protection import durability, report
from ledger.protection.fault import Subject
from ledger.protection.gate import Gate
from ledger.protection.report import Report
from tests.conftest import Database

FSYNC = "the server's setting fsync is off"


async def inspected(url: str) -> Report:
    """Look as a program does that is about to start."""
    engine = create_engine(url, 1)
    try:
        async with engine.connect() as connection:
            return await report.inspect(connection)
    finally:
        await engine.dispose()


async def found(url: str) -> list[str]:
    """The lines of all faults but the one that the tests' server has on purpose."""
    lines = [fault.line for fault in (await inspected(url)).faults]
    assert lines.pop().startswith(FSYNC)
    return lines


async def test_a_migrated_database_is_protected(database: Database) -> None:
    """Nothing is found where nothing is wrong, but that this server does not wait for its disk."""
    seen = await inspected(database.app_url)
    assert [(fault.subject, fault.what) for fault in seen.faults] == [(Subject.DURABILITY, FSYNC)]
    assert [role.name for role in seen.roles] == [
        "quittance_app",
        "quittance_auditor",
        "quittance_owner",
        "quittance_sealer",
    ]
    assert [role.may_log_in for role in seen.roles] == [True, True, False]
    assert not any(role.is_superuser or role.member_of for role in seen.roles)


MEDDLING = [
    (
        "GRANT UPDATE ON lines TO quittance_app",
        "quittance_app has UPDATE on lines, which is not declared: REVOKE UPDATE on it",
    ),
    (
        "GRANT UPDATE (amount_minor) ON lines TO quittance_app",
        "quittance_app has UPDATE on lines.amount_minor, which is not",
    ),
    ("GRANT SELECT ON lines TO PUBLIC", "PUBLIC has SELECT on lines, which is not declared"),
    (
        "GRANT EXECUTE ON FUNCTION make_periods TO PUBLIC",
        "PUBLIC has EXECUTE on function make_periods(date), which is not",
    ),
    ("GRANT SELECT ON lines TO quittance_app WITH GRANT OPTION", "quittance_app has SELECT WITH GRANT OPTION on lines"),
    (
        "GRANT CREATE ON SCHEMA public TO quittance_app",
        "quittance_app has CREATE on schema public, which is not declared",
    ),
    (
        "GRANT USAGE ON SEQUENCE lines_line_id_seq TO quittance_app",
        "quittance_app has USAGE on lines_line_id_seq, which",
    ),
    (
        "ALTER DEFAULT PRIVILEGES FOR ROLE quittance_owner GRANT ALL ON TABLES TO quittance_app",
        "on defaults of quittance_owner",
    ),
    (
        "REVOKE EXECUTE ON FUNCTION post_entries FROM quittance_app",
        "quittance_app has no EXECUTE on function post_entries(jsonb)",
    ),
    ("REVOKE SELECT ON lines FROM quittance_auditor", "quittance_auditor has no SELECT on lines: GRANT it as the"),
    (
        "ALTER TABLE lines DISABLE TRIGGER never_changed",
        "trigger never_changed of lines is off: ALTER TABLE lines ENABLE ALWAYS",
    ),
    (
        "ALTER TABLE lines ENABLE TRIGGER lines_belong",
        "trigger lines_belong of lines is off where session_replication_role is",
    ),
    ("ALTER TABLE lines ENABLE REPLICA TRIGGER lines_belong", "trigger lines_belong of lines is on in a replica only"),
    (
        "DROP TRIGGER entries_are_in_open_periods ON entries",
        "trigger entries_are_in_open_periods of entries is missing",
    ),
    (
        "CREATE TRIGGER mine BEFORE INSERT ON lines FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        "trigger mine of lines is not declared: DROP TRIGGER mine ON lines",
    ),
    ("CREATE RULE mine AS ON INSERT TO lines DO INSTEAD NOTHING", "rule mine of lines is not declared: DROP RULE"),
    ("ALTER TABLE lines ENABLE ROW LEVEL SECURITY", "row security of lines is not declared: ALTER TABLE lines DISABLE"),
    ("CREATE TABLE mine () INHERITS (lines)", "child table mine of lines is not declared: detach it"),
    (
        "ALTER TABLE splits OWNER TO postgres",
        "table splits belongs to postgres: ALTER TABLE splits OWNER TO quittance_owner",
    ),
    ("ALTER FUNCTION close_period OWNER TO postgres", "function close_period belongs to postgres"),
    (
        "ALTER FUNCTION post_entries RESET search_path",
        "function post_entries does not pin its search_path: ALTER FUNCTION",
    ),
    ("ALTER FUNCTION lines_belong SET search_path = public", "function lines_belong does not pin its search_path"),
    ("UPDATE alembic_version SET version_num = '0001'", "the database has schema 0001, and this program is of"),
    ("UPDATE alembic_version SET version_num = '9999'", "run the program of that version"),
    ("DROP TABLE alembic_version", "the database has no schema of ours: run `python worker.py --migrate`"),
]


@pytest.mark.parametrize(("statement", "line"), MEDDLING, ids=[statement[:60] for statement, _ in MEDDLING])
async def test_what_was_meddled_with_is_seen(
    database: Database, superuser: psycopg.Connection, statement: str, line: str
) -> None:
    """Whoever had the database for a moment is found out at the next start, and the line says what to undo."""
    superuser.execute(statement.encode())
    lines = await found(database.app_url)
    assert any(line in each for each in lines), lines


POWERS = [
    (
        "ALTER ROLE quittance_app SUPERUSER",
        "ALTER ROLE quittance_app NOSUPERUSER",
        "quittance_app is a superuser: take that",
    ),
    ("ALTER ROLE quittance_app CREATEROLE", "ALTER ROLE quittance_app NOCREATEROLE", "quittance_app may create roles"),
    (
        "ALTER ROLE quittance_app BYPASSRLS",
        "ALTER ROLE quittance_app NOBYPASSRLS",
        "quittance_app goes around row security",
    ),
    (
        "GRANT quittance_owner TO quittance_app",
        "REVOKE quittance_owner FROM quittance_app",
        "quittance_app is a member of quittance_owner, which owns the books",
    ),
    (
        "GRANT pg_write_all_data TO quittance_app",
        "REVOKE pg_write_all_data FROM quittance_app",
        "quittance_app is a member of pg_write_all_data, which has power over the server",
    ),
    (
        "GRANT SET ON PARAMETER session_replication_role TO quittance_app",
        "REVOKE SET ON PARAMETER session_replication_role FROM quittance_app",
        "quittance_app may turn ordinary triggers off with session_replication_role",
    ),
]


@contextmanager
def in_force(superuser: psycopg.Connection, statement: str, undo: str) -> Iterator[None]:
    """A change of what belongs to the whole server, for as long as the block runs."""
    superuser.execute(statement.encode())
    try:
        yield
    finally:
        superuser.execute(undo.encode())


@pytest.mark.parametrize(("statement", "undo", "line"), POWERS, ids=[statement for statement, _, _ in POWERS])
async def test_a_role_that_may_too_much_is_seen(
    database: Database, superuser: psycopg.Connection, statement: str, undo: str, line: str
) -> None:
    """The guards are worth nothing against a program that may take them away."""
    with in_force(superuser, statement, undo):
        lines = await found(database.app_url)
    assert any(line in each for each in lines), lines
    assert await found(database.app_url) == []


async def test_a_program_that_runs_as_the_superuser_or_the_owner_is_refused(database: Database) -> None:
    """A deployment that gives the worker the migrations' address is not a protected one."""
    assert "postgres is a superuser: take that away, or let DATABASE_URL name quittance_app" in await found(
        database.superuser_url
    )


async def test_a_database_in_which_anybody_may_create_schemas_is_seen(
    database: Database, superuser: psycopg.Connection
) -> None:
    """What others can create in the database could stand in a function's way."""
    superuser.execute(SQL("GRANT CREATE ON DATABASE {} TO PUBLIC").format(Identifier(database.name)))
    assert await found(database.app_url) == [
        "quittance_app may create schemas in this database: take that away, or let DATABASE_URL name quittance_app"
    ]


async def test_a_connection_that_does_not_wait_for_the_disk_is_seen(
    database: Database, superuser: psycopg.Connection
) -> None:
    """An acknowledged posting is on disk; a setting of the role or the database that says otherwise counts as the server's."""
    superuser.execute(SQL("ALTER DATABASE {} SET synchronous_commit = off").format(Identifier(database.name)))
    seen = await inspected(database.app_url)
    assert [fault.what for fault in seen.faults] == [FSYNC, "the server's setting synchronous_commit is off"]


def test_each_setting_of_the_server_must_be_on() -> None:
    """Safe values are let pass, and each unsafe one is a fault of its own, also one that the server does not tell."""
    safe = dict.fromkeys(durability.REMEDIES, "on")
    assert list(durability.faults(safe)) == []
    assert list(durability.faults(safe | {"synchronous_commit": "remote_apply"})) == []
    for name in durability.REMEDIES:
        for value in ("off", "unknown"):
            [fault] = durability.faults(safe | {name: value})
            assert fault.line == f"the server's setting {name} is {value}: {durability.REMEDIES[name]}"


async def test_the_gate_lets_through_what_was_allowed_and_nothing_else(
    database: Database, superuser: psycopg.Connection
) -> None:
    """ALLOW_UNSAFE_DATABASE is about the server's settings: a guard that is off keeps the gate shut all the same."""
    engine = create_engine(database.app_url, 1)
    try:
        with pytest.raises(LedgerNotProtected, match="setting fsync is off"):
            await Gate(engine, unsafe_allowed=False).passed()
        await Gate(engine, unsafe_allowed=True).passed()
        superuser.execute("ALTER TABLE entries DISABLE TRIGGER entries_are_complete")
        with pytest.raises(LedgerNotProtected, match="trigger entries_are_complete of entries is off") as refused:
            await Gate(engine, unsafe_allowed=True).opened()
        assert len(refused.value.faults) == 1
    finally:
        await engine.dispose()
