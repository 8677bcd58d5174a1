"""A migrated database of each test's own, with a customer in it, and steps that commit."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.database import create_engine
from tests.billing.books import Books
from tests.conftest import Database


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """The application's engine."""
    engine = create_engine(database.app_url, 25)
    yield engine
    await engine.dispose()


@pytest.fixture
async def books(engine: AsyncEngine) -> Books:
    """Billing with one customer, `cus_1`, in US dollars."""
    books = Books(engine)
    await books.customer("cus_1")
    return books
