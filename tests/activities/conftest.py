"""What the steps of subscriptions and of dunning begin with."""

from collections.abc import AsyncIterator

import pytest

from ledger.database import create_engine
from tests.billing.recovery import Recovery
from tests.conftest import Database


@pytest.fixture
async def recovery(database: Database) -> AsyncIterator[Recovery]:
    """A customer with a card, and a subscription."""
    engine = create_engine(database.app_url, 10)
    found = Recovery(engine)
    await found.customer("cus_1")
    await found.method()
    await found.subscribe()
    yield found
    await engine.dispose()
