"""The tables that queries name are those of the database, and no connection waits without end."""

import psycopg
import pytest
from sqlalchemy import Table, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from billing import dunning_tables, link_tables
from billing import tables as billing_tables
from ledger import adjustment_tables, period_tables, rate_tables, standing_tables
from ledger.database import create_engine, driver_url, metadata
from ledger.seals.tables import seal_leaves, seals
from tests.conftest import Database


def test_a_table_is_as_the_migrations_made_it(superuser: psycopg.Connection) -> None:
    """A column that code and schema disagree on would fail where money moves, not here."""
    for table in metadata.sorted_tables:
        assert stated_columns(table) == made_columns(superuser, table), table.name


def made_columns(superuser: psycopg.Connection, table: Table) -> list[tuple[str, str, bool]]:
    """Name, type and whether it is always filled, of each column, as the database has it."""
    return superuser.execute(
        "SELECT attname, upper(format_type(atttypid, atttypmod)), attnotnull FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        [f"public.{table.name}"],
    ).fetchall()


def stated_columns(table: Table) -> list[tuple[str, str, bool]]:
    """Return the same as queries have it."""
    names = {
        "TIMESTAMP WITH TIME ZONE": "TIMESTAMP WITH TIME ZONE",
        "CHAR(3)": "CHARACTER(3)",
        "CHAR(2)": "CHARACTER(2)",
    }
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    stated = [(column.name, column.type.compile(dialect=dialect), not column.nullable) for column in table.columns]
    return [(name, names.get(kind, kind), filled) for name, kind, filled in stated]


def test_every_table_of_the_schema_is_named(superuser: psycopg.Connection) -> None:
    """A table that only SQL strings know is a table that nothing checks."""
    assert adjustment_tables.adjustments.metadata is metadata
    found = superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert {seals.name, seal_leaves.name} <= {*metadata.tables}
    assert {name for (name,) in found} == {*metadata.tables, "alembic_version"}
    assert {standing_tables.holds.name, rate_tables.exchange_rates.name, period_tables.periods.name} <= {
        *metadata.tables
    }
    assert {billing_tables.invoices.name, dunning_tables.dunnings.name, link_tables.pay_links.name} <= {
        *metadata.tables
    }


async def test_a_connection_has_the_limits_of_the_design(connection: AsyncConnection) -> None:
    """A statement, a lock and a forgotten transaction all end by themselves."""
    settings = {
        "statement_timeout": "10s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "5s",
        "application_name": "quittance",
        "TimeZone": "UTC",
        "transaction_isolation": "read committed",
    }
    for name, value in settings.items():
        assert await connection.scalar(text("SELECT current_setting(:name)"), {"name": name}) == value


async def test_a_pool_has_no_more_connections_than_it_was_given(database: Database) -> None:
    """A hundred workers must not use up the server's connections."""
    engine: AsyncEngine = create_engine(database.app_url, 1)
    async with engine.connect():
        assert engine.pool.checkedout() == 1  # type: ignore[attr-defined]
        assert engine.pool._max_overflow == 0  # type: ignore[attr-defined]
    await engine.dispose()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_form_of_address_is_understood(scheme: str) -> None:
    """Hosts write the same address in several ways; the password stays as it is."""
    assert driver_url(f"{scheme}://me:p%40ss@db:5/books") == "postgresql+psycopg://me:p%40ss@db:5/books"
