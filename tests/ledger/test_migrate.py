"""Migrations: from empty to the present schema, again without effect, and as a role that is no superuser."""

import itertools
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg.sql import SQL, Identifier
from sqlalchemy import NullPool, create_engine

from ledger import migrate
from ledger.database import driver_url
from ledger.journal import _content
from local.postgres import Postgres
from tests.ledger.samples import capture
from tests.ledger.test_limits import CHARGE, OPERATION, insert

numbers = itertools.count(1)


@pytest.fixture
def empty(postgres_server: Postgres) -> Iterator[str]:
    """Name of a database with nothing in it."""
    name = f"empty_{next(numbers)}"
    postgres_server.ensure_database(name)
    yield name
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def schema(url: str) -> dict[str, list[tuple[object, ...]]]:
    """All that migrations make, as the catalogue has it."""
    queries: dict[str, bytes] = {
        "columns": b"SELECT table_name, column_name, data_type, is_nullable, column_default FROM"
        b" information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
        "constraints": b"SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        b" WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
        "indexes": b"SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
        "triggers": b"SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
        "functions": b"SELECT pg_get_functiondef(oid), proacl::text, proowner::regrole::text FROM pg_proc"
        b" WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
        "tables": b"SELECT relname, relacl::text, relowner::regrole::text FROM pg_class"
        b" WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
        "version": b"SELECT version_num FROM alembic_version",
    }
    with psycopg.connect(url) as connection:
        return {name: connection.execute(query).fetchall() for name, query in queries.items()}


def test_an_empty_database_gets_the_present_schema(postgres_server: Postgres, empty: str) -> None:
    """One command brings a new installation to where the others are."""
    migrate.upgrade(postgres_server.url(empty))
    found = schema(postgres_server.url(empty))
    assert {row[0] for row in found["columns"]} == {
        "account_changes",
        "account_codes",
        "account_log",
        "accounts",
        "adjustment_decisions",
        "adjustment_tiers",
        "adjustments",
        "alembic_version",
        "audit_events",
        "balances",
        "card_ceilings",
        "card_tries",
        "cards",
        "charges",
        "chart",
        "customer_contacts",
        "customers",
        "dunning_access",
        "dunning_events",
        "dunning_notices",
        "dunning_policies",
        "dunnings",
        "entries",
        "entry_origins",
        "events",
        "gateway_outages",
        "holds",
        "exchange_rates",
        "invoice_lines",
        "invoice_numbers",
        "invoice_tries",
        "invoices",
        "lines",
        "method_notices",
        "operations",
        "pay_links",
        "pay_setups",
        "payment_applications",
        "payment_methods",
        "payments",
        "people_roles",
        "period_changes",
        "periods",
        "plan_versions",
        "process_wakes",
        "reviews",
        "seal_leaves",
        "seals",
        "split_legs",
        "splits",
        "subscription_changes",
        "subscriptions",
        "webhook_events",
        "webhook_horizons",
        "webhook_transmissions",
        "withdrawals",
    }


def test_a_second_upgrade_changes_nothing(postgres_server: Postgres, empty: str) -> None:
    """Every start of the system may migrate."""
    migrate.upgrade(postgres_server.url(empty))
    before = schema(postgres_server.url(empty))
    migrate.upgrade(postgres_server.url(empty))
    assert schema(postgres_server.url(empty)) == before


def test_two_upgrades_at_once_are_one(postgres_server: Postgres, empty: str) -> None:
    """Workers that are started together do not trip over each other's migrations."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate.upgrade, [postgres_server.url(empty)] * 4))
    assert len(schema(postgres_server.url(empty))["version"]) == 1


def test_a_migration_that_fails_leaves_nothing(
    postgres_server: Postgres, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a schema would be worse than none."""
    with psycopg.connect(postgres_server.url(empty)) as connection:
        connection.execute("CREATE TABLE charges (mine int)")  # what the last migration will trip over
    with pytest.raises(Exception, match="already exists"):
        migrate.upgrade(postgres_server.url(empty))
    with psycopg.connect(postgres_server.url(empty)) as connection:
        tables = connection.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        assert tables.fetchall() == [("charges",)]


def test_the_migrating_role_needs_not_be_a_superuser(postgres_server: Postgres, empty: str) -> None:
    """A hosted PostgreSQL gives no superuser: the database's owner, who may take on the books' owner, is enough."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE migrator LOGIN CREATEROLE")
        connection.execute("GRANT quittance_owner TO migrator")
        connection.execute(SQL("ALTER DATABASE {} OWNER TO migrator").format(Identifier(empty)))
    try:
        migrate.upgrade(postgres_server.url(empty, user="migrator"))
        found = schema(postgres_server.url(empty))
        assert {row[2] for row in found["tables"]} == {"quittance_owner"}
    finally:
        with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
            connection.execute(SQL("ALTER DATABASE {} OWNER TO postgres").format(Identifier(empty)))
            with psycopg.connect(postgres_server.url(empty), autocommit=True) as inside:
                inside.execute("DROP OWNED BY migrator")
            connection.execute("DROP ROLE migrator")


def test_the_application_gets_no_temporary_tables(postgres_server: Postgres, empty: str) -> None:
    """It needs none, and nothing that it could make is in the way of the functions that run with their owner's rights."""
    migrate.upgrade(postgres_server.url(empty))
    with psycopg.connect(postgres_server.url(empty, user="quittance_app")) as application:
        for attempt in ("CREATE TEMP TABLE mine (id int)", "CREATE SCHEMA mine", "CREATE TABLE public.mine (id int)"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(attempt.encode())
            application.rollback()


def test_an_application_role_with_too_much_power_is_refused(postgres_server: Postgres, empty: str) -> None:
    """The guards are worth nothing against a role that may take them away."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute("GRANT quittance_owner TO quittance_app")
        try:
            with pytest.raises(Exception, match="quittance_app may do more than the application should"):
                migrate.upgrade(postgres_server.url(empty))
        finally:
            connection.execute("REVOKE quittance_owner FROM quittance_app")


def test_a_sealer_role_with_too_much_power_is_refused(postgres_server: Postgres, empty: str) -> None:
    """Whoever seals must not be able to change what is sealed."""
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        migrate.upgrade(postgres_server.url(empty))
        connection.execute("GRANT quittance_app TO quittance_sealer")
        try:
            with psycopg.connect(postgres_server.url(empty)) as inside:
                inside.execute("DROP SCHEMA public CASCADE")
                inside.execute("CREATE SCHEMA public")
            with pytest.raises(Exception, match="quittance_sealer may do more than sealing"):
                migrate.upgrade(postgres_server.url(empty))
        finally:
            connection.execute("REVOKE quittance_app FROM quittance_sealer")


def test_a_charge_that_was_parked_before_there_were_cases_gets_one(postgres_server: Postgres, empty: str) -> None:
    """An upgrade leaves no charge in review that nobody is shown, and names the operation that is open."""
    migrate.upgrade(postgres_server.url(empty))
    parked = next((migrate.MIGRATIONS / "versions").glob("0007_*.py")).read_text()
    [statement] = re.findall(r'ALREADY_PARKED = """(.*?)"""', parked, flags=re.DOTALL)
    with psycopg.connect(postgres_server.url(empty)) as connection:
        for charge_id, status in (("ch_1", "needs_review"), ("ch_2", "captured")):
            insert(
                connection, "charges", CHARGE | {"charge_id": charge_id, "status": status, "message": "look at pi_1"}
            )
        for number, outcome in ((1, "declined"), (2, "unknown")):
            name = {"operation_id": f"ch_1:capture:{number}", "number": number, "purpose": f"attempt:{number}"}
            insert(connection, "operations", OPERATION | {"kind": "capture", "outcome": outcome} | name)
        connection.execute(statement.encode())
        found = connection.execute("SELECT charge_id, operation_id, reason, resolved_at FROM reviews").fetchall()
    assert found == [("ch_1", "ch_1:capture:2", "look at pi_1", None)]


def test_entries_that_were_there_before_periods_belong_to_the_month_of_their_event(
    postgres_server: Postgres, empty: str
) -> None:
    """An upgrade of books with years in them gives each entry its month, makes every month between, and leaves the guards on."""
    migrate_to(postgres_server.url(empty), "0013")
    with psycopg.connect(postgres_server.url(empty)) as connection:
        for number, at in enumerate(("2019-12-31T23:59:59.999999Z", "2020-01-01T00:00:00Z", "2026-11-05T12:00:00Z")):
            old = _content(capture(f"ch_{number}")) | {"event_at": at}
            connection.execute("SELECT post_entries(%s::jsonb)", [json.dumps([old])])
    migrate.upgrade(postgres_server.url(empty))
    with psycopg.connect(postgres_server.url(empty)) as connection:
        found = connection.execute("SELECT period FROM entries ORDER BY entry_id").fetchall()
        assert found == [("2019-12",), ("2020-01",), ("2026-11",)]
        first = connection.execute("SELECT min(name), count(*) FROM periods WHERE starts_on < '2021-01-01'").fetchone()
        assert first == ("2019-12", 13)
        with pytest.raises(psycopg.Error, match="UPDATE of entries is refused"):
            connection.execute("UPDATE entries SET period = '2020-02'")


def test_never_is_said_of_the_card_that_a_method_was_a_token_of(postgres_server: Postgres, empty: str) -> None:
    """An upgrade forgets no stolen card: neither under its other tokens, nor under one that was removed."""
    migrate_to(postgres_server.url(empty), "0035")
    with psycopg.connect(postgres_server.url(empty)) as connection:
        connection.execute(
            "INSERT INTO customers (customer_id, request_hash, currency, time_zone, locale, type, created_by)"
            " VALUES ('cus_1', 'h', 'USD', 'UTC', 'en', 'person', 'alice')"
        )
        rows = [
            ("stolen", "t1", "fp_1", True, False),
            ("same_card", "t2", "fp_1", False, False),
            ("removed", "t3", None, True, True),
            ("same_token", "t3", "fp_2", False, False),
            ("good", "t4", None, False, False),
        ]
        for method_id, token, fingerprint, is_never, is_gone in rows:
            connection.execute(
                "INSERT INTO payment_methods (method_id, customer_id, request_hash, gateway, token, fingerprint, preference,"
                " added_by, never_at, never_because, removed_at, removed_by) VALUES (%s, 'cus_1', 'h', 'stripe', %s, %s, 1,"
                " 'alice', CASE WHEN %s THEN now() END, CASE WHEN %s THEN 'stolen' END, CASE WHEN %s THEN now() END,"
                " CASE WHEN %s THEN 'alice' END)",
                [method_id, token, fingerprint, is_never, is_never, is_gone, is_gone],
            )
    migrate.upgrade(postgres_server.url(empty))
    with psycopg.connect(postgres_server.url(empty)) as connection:
        found = connection.execute(
            "SELECT m.method_id FROM payment_methods m JOIN cards o ON o.card = m.card"
            " JOIN cards c ON c.card = coalesce(o.is_now, o.card) WHERE c.never_because = 'stolen' ORDER BY m.added_at"
        ).fetchall()
        assert sorted(name for (name,) in found) == ["removed", "same_card", "same_token", "stolen"]
        for token in ("t1", "t2", "t3"):
            named = "SELECT c.never_because FROM cards t JOIN cards c ON c.card = t.is_now WHERE t.card = card_of('stripe', NULL, %s)"
            assert connection.execute(named, [token]).fetchall() == [("stolen",)]


def migrate_to(url: str, revision: str) -> None:
    """Bring an empty database to an older schema."""
    engine = create_engine(driver_url(url), poolclass=NullPool, execution_options={"no_parameters": True})
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
