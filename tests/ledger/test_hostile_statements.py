"""Each role that can log in tries to change the books. Whatever it tries is refused, and nothing has moved.

A statement that went through is named in the failure.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import psycopg
import pytest

from ledger.journal import _content
from ledger.protection import declared
from tests.conftest import Database
from tests.ledger import hostile
from tests.ledger.samples import capture, fee
from tests.ledger.test_journal_attacks import post

Unchanged = Callable[[], AbstractContextManager[None]]
ROLES = sorted(hostile.BEYOND)
MISTAKES = {"42601", "42883", "42P01", "42703", "42704"}
"""Of syntax, and names that stand for nothing."""
ABSENT = {"dblink", "postgres_fdw", "plpython3u"}
"""What is not there to be used, and shall not be."""


@pytest.fixture(autouse=True)
def books(application: psycopg.Connection, superuser: psycopg.Connection) -> None:
    """Books with something in them to change, a closed month and persons who may close."""
    post(application, _content(capture()), _content(fee()))
    application.execute(
        "INSERT INTO charges (charge_id, request_hash, status, customer, currency, amount_minor, capture_method,"
        " at_expiry, payment_methods, actor) VALUES ('ch_1', 'h', 'processing', 'cus_1', 'USD', 100, 'manual', 'void',"
        " '[]', 'person:alice')"
    )
    application.execute(
        "INSERT INTO operations (operation_id, charge_id, kind, number, attempt, gateway, amount_minor, currency, actor,"
        " purpose) VALUES ('ch_1:capture:1', 'ch_1', 'capture', 1, 1, 'stripe', 100, 'USD', 'person:alice', 'attempt:1')"
    )
    application.commit()
    superuser.execute("""SELECT keep_roles('{"closer": ["alice", "bob"], "accountant": ["alice"]}')""")
    superuser.execute("SELECT close_period('2026-01', 'alice', NULL)")


@pytest.fixture
def thief(database: Database, role: str) -> Iterator[psycopg.Connection]:
    """A connection with the stolen password; what only hinders writing by accident is turned off."""
    with psycopg.connect(database.superuser_url.replace("postgres@", f"{role}@")) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.commit()
        yield connection
        connection.rollback()


@pytest.mark.parametrize("role", ROLES)
def test_every_hostile_statement_is_refused(thief: psycopg.Connection, role: str, unchanged: Unchanged) -> None:
    """With a role's password nothing in the books can be changed, removed or forged, and no more power be taken."""
    statements = hostile.statements(role)
    assert len(statements) >= 40
    assert len(set(statements)) == len(statements)
    with unchanged():
        assert hostile.went_through(thief, statements) == []


@pytest.mark.parametrize("role", ROLES)
def test_one_attempt_does_not_prepare_the_next(thief: psycopg.Connection, role: str, unchanged: Unchanged) -> None:
    """Also a grant that PostgreSQL answers with a warning grants nothing."""
    grant = hostile.IDLE_GRANT.format(role=role)
    with unchanged():
        assert hostile.went_through(thief, [grant, *hostile.statements(role)]) == [grant]


@pytest.mark.parametrize("role", ROLES)
def test_statements_are_refused_for_what_they_are(thief: psycopg.Connection, role: str) -> None:
    """A statement with a mistake in it would be refused as well, and prove nothing."""
    mistaken = {}
    for statement in hostile.statements(role):
        with pytest.raises(psycopg.Error) as refused:
            thief.execute(statement.encode())
        thief.rollback()
        if refused.value.sqlstate in MISTAKES and not ABSENT & set(re.findall(r"\w+", statement)):
            mistaken[statement] = str(refused.value)
    assert mistaken == {}


def test_every_role_that_is_declared_is_attacked() -> None:
    """A role that is added later gets its list of hostile statements with its grants."""
    assert set(hostile.BEYOND) == {right.role for right in declared.rights()}


@pytest.mark.parametrize("role", ["quittance_auditor"])
def test_the_auditor_reads_and_is_read_only_by_default(
    database: Database, thief: psycopg.Connection, unchanged: Unchanged
) -> None:
    """Whoever checks the books sees them whole, and cannot spoil them even by a mistake."""
    with unchanged(), psycopg.connect(database.superuser_url.replace("postgres@", "quittance_auditor@")) as auditor:
        assert auditor.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
        assert auditor.execute("SELECT count(*) FROM entries JOIN lines USING (entry_id)").fetchone() == (4,)
        assert auditor.execute("SELECT count(*) FROM people_roles, period_changes").fetchone() is not None
        assert auditor.execute("SELECT count(event_id) FROM webhook_events").fetchone() == (0,)


def test_nothing_of_the_callers_stands_in_for_what_the_functions_of_periods_read(
    application: psycopg.Connection, unchanged: Unchanged
) -> None:
    """A closer of one's own making, in a temporary table or function of the same name, closes nothing."""
    made = [
        "CREATE TEMP TABLE people_roles AS SELECT 1 AS id, 'mallory' AS person, 'closer' AS role, NULL::date AS until_at",
        "CREATE TEMP TABLE periods AS SELECT * FROM public.periods",
        "CREATE TEMP TABLE period_changes (LIKE public.period_changes)",
        "CREATE FUNCTION pg_temp.has_role(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "CREATE FUNCTION pg_temp.require_closer(text, text) RETURNS void LANGUAGE sql AS 'SELECT'",
        "CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '2099-01-01' $$",
        "SET search_path = pg_temp, public, pg_catalog",
    ]
    assert hostile.went_through(application, made) == made, "an attack of this list no longer works as one"
    attempts = [
        "SELECT public.close_period('2026-02', 'mallory', NULL)",
        "SELECT public.begin_close('2026-02', 'mallory')",
        "SELECT public.reopen_period('2026-01', 'mallory', 'mallory2', 'because')",
        # The month that is not over yet, by a clock of one's own.
        "SELECT public.close_period((SELECT max(name) FROM public.periods), 'alice', 'because')",
    ]
    with unchanged():
        assert hostile.went_through(application, attempts) == []
