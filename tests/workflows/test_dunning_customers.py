"""A customer who acts: confirms with their bank, gives another card, disputes; and two invoices that share a card."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from billing import dunning_commands, invoice_books, methods
from billing.dunning.history import Event, EventKind
from billing.invoices import InvoiceState
from tests.billing.owed_samples import asked
from tests.workflows.billed import ALICE, PRICE_MINOR, Billed, billed
from tests.workflows.conftest import Processes


@pytest.fixture
async def story(processes: Processes) -> AsyncIterator[Billed]:
    """A customer without payment methods or subscription."""
    async with billed(processes) as found:
        await found.customer()
        yield found


async def paying(story: Billed, method_id: str) -> None:
    """The customer wants to pay now, as the page behind a link writes it down."""
    wish = Event(
        at=datetime.now(UTC), kind=EventKind.RETRIED_NOW, by="customer", method=method_id, customer_present=True
    )
    await story.step(lambda books: dunning_commands.note(books, story.first, wish, because="pays by a link"))


async def test_what_needs_the_customer_waits_for_them_and_is_paid_in_their_presence(story: Billed) -> None:
    """No try is made without them; with them their bank asks, and then it is paid, once."""
    await story.card_method("asks", "authentication_required")
    await story.subscribe()
    await story.begin()
    view = await story.until_dunned()
    assert (view.next.kind, view.next.need) == ("ask_customer", "authenticate")
    await story.skip(story.dunning(), days=5)
    assert await story.tries() == [("asks", "first", "declined")]
    await paying(story, "asks")

    async def asked_for() -> str | None:
        sql = "SELECT payment_reference FROM operations WHERE outcome = 'action_required'"
        rows = await story.rows(sql)
        return rows[0][0] if rows else None

    payment = await story.until(asked_for, "the bank asks the customer")
    assert (await story.tries())[-1] == ("asks", "customer", "requires_action")
    story.processes.simulators["stripe"].complete_authentication(payment)
    await story.until_state(InvoiceState.PAID)
    await story.skip(story.dunning(), days=2)
    await story.dunning().result()
    assert await story.rows("SELECT reason, recovered_by FROM dunnings") == [("paid", "link")]
    assert len(story.processes.effects("stripe", "capture")) == 1
    assert await story.differences() == []


async def test_a_card_that_was_refused_for_ever_is_never_tried_again_under_another_token(story: Billed) -> None:
    """A stolen card stays stolen; another one that the customer has is tried at once, and pays."""
    await story.card_method("stolen", "stolen_card", fingerprint="fp_stolen")
    await story.subscribe()
    await story.begin()
    view = await story.until_dunned()
    assert (view.next.kind, view.next.need) == ("ask_customer", "new_method")
    await story.card_method("same", "approved", fingerprint="fp_stolen")
    await story.skip(story.dunning(), days=3)
    assert await story.tries() == [("stolen", "first", "declined")]
    await story.card_method("other", "approved")
    await story.until_state(InvoiceState.PAID)
    assert (await story.tries())[-1] == ("other", "new_method", "captured")


async def test_a_method_that_was_removed_is_not_tried_and_a_backup_is(story: Billed) -> None:
    """The customer's word about their cards holds at once."""
    await story.card_method("first", "insufficient_funds")
    await story.card_method("second", "insufficient_funds")
    await story.subscribe()
    await story.begin()
    await story.until_dunned()
    await story.step(lambda books: methods.remove(books, "first", actor=ALICE))
    await story.skip(story.dunning(), days=12)
    assert {method for method, purpose, _ in await story.tries() if purpose != "first"} == {"second"}


async def test_two_invoices_on_one_card_share_its_tries(story: Billed) -> None:
    """Each invoice's process sees what the other tried: no two rungs of the card within a day, and all of them counted once."""
    await story.card_method("shared", "insufficient_funds")
    await story.subscribe()
    await story.begin()
    await story.until_dunned()
    other = f"{story.name}-extra"
    request = asked(2500, invoice_id=other, customer_id="cus_1")
    await story.step(lambda books: invoice_books.draft(books, request))
    await story.step(lambda books: invoice_books.finalize(books, other, actor=ALICE))
    await story.begin_dunning(other)
    await story.until_dunned(other)
    for _ in range(6):
        await story.skip(story.dunning(), days=2)
        await story.skip(story.dunning(other), days=2)
    rows = await story.rows("SELECT tried_at FROM card_tries ORDER BY tried_at")
    rungs = await story.rows("SELECT tried_at FROM invoice_tries WHERE is_rung ORDER BY tried_at")
    tried = [at for (at,) in rungs]
    assert len(tried) >= 3
    assert all((later - earlier).total_seconds() >= 86_400 for earlier, later in pairwise(tried))
    assert len(rows) == len(await story.tries()) + len(await story.tries(other))
    assert {amount for (amount,) in await story.rows("SELECT DISTINCT amount_minor FROM invoice_tries")} == {
        PRICE_MINOR,
        2500,
    }
