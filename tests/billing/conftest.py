"""A migrated database of each test's own, with a customer in it, and steps that commit."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.database import create_engine
from tests.billing.books import Books
from tests.billing.recovery import Recovery
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


@pytest.fixture
async def recovery(engine: AsyncEngine) -> Recovery:
    """Billing with one customer, their card `pm_1`, and an open invoice `in_1` of 19 dollars."""
    recovery = Recovery(engine)
    await recovery.customer("cus_1", time_zone="Europe/Berlin")
    await recovery.method()
    await recovery.issue("in_1", 1900)
    return recovery
