"""A migrated database of each test's own, and ways to speak to it as the application and as its owner."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, LiteralString

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.database import create_engine
from tests.conftest import Database

Rows = list[tuple[Any, ...]]


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """The application's engine."""
    engine = create_engine(database.app_url, 25)
    yield engine
    await engine.dispose()


@pytest.fixture
async def connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One connection of the application's; tests commit for themselves."""
    async with engine.connect() as connection:
        yield connection


@pytest.fixture
def application(database: Database) -> Iterator[psycopg.Connection]:
    """A plain connection with the application's role, for what the application's code would never send."""
    with psycopg.connect(database.app_url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def superuser(database: Database) -> Iterator[psycopg.Connection]:
    """A plain connection as the superuser, who sees everything."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def owner(database: Database) -> Iterator[psycopg.Connection]:
    """A plain connection with the role that owns the tables, which can only be taken on."""
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("SET ROLE quittance_owner")
        connection.commit()
        yield connection
        connection.rollback()


@pytest.fixture
def unchanged(superuser: psycopg.Connection) -> Callable[[], AbstractContextManager[None]]:
    """A block at whose end the books must be as they were, row for row."""

    def read() -> list[Rows]:
        tables: tuple[LiteralString, ...] = (
            *("account_codes", "accounts", "entries", "lines", "charges", "operations"),
            *("periods", "period_changes", "people_roles", "reviews"),
        )
        # The hidden columns too: a row that was written again has another xmin or place.
        query: LiteralString = "SELECT t.ctid::text, t.xmin::text, t::text FROM public.{} t ORDER BY 1"
        return [
            superuser.execute(psycopg.sql.SQL(query).format(psycopg.sql.Identifier(name))).fetchall() for name in tables
        ]

    @contextmanager
    def block() -> Iterator[None]:
        before = read()
        yield
        assert read() == before

    return block
