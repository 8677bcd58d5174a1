"""The steps of a hold run again: what a worker did before it died stands, whenever the next one tries."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.exceptions import ApplicationError

from activities.hold_books import HoldBooks, PostHeld, VoidHeld
from ledger import account_standing, journal
from ledger.database import create_engine
from ledger.holds import HoldRequest, HoldState
from tests.conftest import Database
from tests.ledger.samples import usd
from tests.ledger.wallets import filled, wallet

NOW = datetime.now(UTC)
SAID: dict[str, Any] = {"actor": "person:alice", "because": "the seats are taken"}
REQUEST = HoldRequest(
    hold_id="h_1", account=wallet().code, amount=usd(600), expires_at=NOW + timedelta(hours=1), **SAID
)


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    """Books in which Ada has 10.00, of which 6.00 are held."""
    engine = create_engine(database.app_url, 2)
    async with engine.begin() as connection:
        await journal.post(connection, [filled("in", 1000)])
    await HoldBooks(engine).place_hold(REQUEST)
    yield engine
    await engine.dispose()


def taking(**changes: Any) -> PostHeld:
    """Take 2.50 of it."""
    fields = {"hold_id": "h_1", "amount_minor": 250, "to": "revenue:sales", "event_at": NOW, **SAID}
    return PostHeld.model_validate(fields | changes)


async def available(engine: AsyncEngine) -> int:
    """What Ada may spend."""
    async with engine.connect() as connection:
        return (await account_standing.standings(connection, wallet().code))[0].available_minor


async def test_a_step_that_is_taken_again_at_another_time_finds_what_was_posted(engine: AsyncEngine) -> None:
    """The process of a worker that died knows nothing of its try, and tries again, later."""
    books = HoldBooks(engine)
    first = await books.post_hold(taking())
    assert (first.state, first.posted_minor) == (HoldState.POSTED, 250)
    assert await books.post_hold(taking(event_at=NOW + timedelta(seconds=40))) == first
    assert await books.place_hold(REQUEST) == first
    assert await available(engine) == 750


@pytest.mark.parametrize("other", [{"amount_minor": 251}, {"amount_minor": None}, {"to": "tax:payable"}])
async def test_a_hold_that_was_posted_otherwise_is_not_taken_for_this_one(
    engine: AsyncEngine, other: dict[str, Any]
) -> None:
    """Another amount or another account is another wish, and a hold ends once."""
    books = HoldBooks(engine)
    await books.post_hold(taking())
    with pytest.raises(ApplicationError) as refused:
        await books.post_hold(taking(**other))
    assert (refused.value.type, refused.value.non_retryable) == ("HoldNotPending", True)
    assert await available(engine) == 750


async def test_a_hold_that_ended_without_an_entry_is_not_posted(engine: AsyncEngine) -> None:
    """What was let go stays so, however often it is said."""
    books = HoldBooks(engine)
    letting_go = VoidHeld(hold_id="h_1", **SAID)
    assert await books.void_hold(letting_go) == await books.void_hold(letting_go)
    for again in (books.post_hold(taking()), books.expire_hold("h_1")):
        with pytest.raises(ApplicationError) as refused:
            await again
        assert refused.value.type == "HoldNotPending"
    assert await available(engine) == 1000
