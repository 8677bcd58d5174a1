"""A declined renewal on real parts: reminded, tried again, given another card, recovered or ended; and the books balanced."""

from collections.abc import AsyncIterator

import pytest

from billing.invoices import InvoiceState
from billing.subscriptions import SubscriptionState
from tests.workflows.billed import PRICE_MINOR, Billed, billed
from tests.workflows.conftest import Processes


@pytest.fixture
async def story(processes: Processes) -> AsyncIterator[Billed]:
    """A customer without payment methods or subscription."""
    async with billed(processes) as found:
        await found.customer()
        yield found


async def test_a_renewal_that_is_paid_is_never_dunned(story: Billed) -> None:
    """The invoice is issued and collected through the ledger, each period once."""
    await story.card_method("good", "approved")
    await story.subscribe()
    await story.begin()
    await story.until_state(InvoiceState.PAID)
    await story.skip(story.subscription(), days=32)
    await story.until_state(InvoiceState.PAID, story.period(1))
    assert await story.tries() == [("good", "first", "captured")]
    assert await story.rows("SELECT count(*) FROM dunnings") == [(0,)]
    assert await story.differences() == []


async def test_declined_reminded_card_replaced_recovered(story: Billed) -> None:
    """The whole of it: no money, reminders, another card, paid at once, active again, and books that balance."""
    await story.card_method("empty", "insufficient_funds")
    await story.subscribe()
    await story.begin()
    view = await story.until_dunned()
    assert view.due.amount_minor == PRICE_MINOR
    await story.skip(story.dunning(), days=10)
    assert {purpose for _, purpose, _ in await story.tries()} == {"first", "rung"}
    await story.card_method("other", "approved")
    await story.until_state(InvoiceState.PAID)
    assert (await story.tries())[-1] == ("other", "new_method", "captured")
    await story.skip(story.dunning(), days=2)
    await story.dunning().result()
    assert (await story.access())[0] == "grace"
    assert (await story.access())[-1] == "active"
    (row,) = await story.rows("SELECT reason, recovered_by FROM dunnings")
    assert row == ("paid", "new_method")
    (state,) = await story.rows("SELECT state FROM subscriptions")
    assert state == (SubscriptionState.ACTIVE,)
    assert await story.differences() == []
