"""A subscription over its periods on real parts: billed once each, paused, changed and ended as people wish."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from billing import methods, plan_books, subscription_books
from billing.calendar import Interval, Unit, begins_at
from billing.invoices import InvoiceState
from billing.plans import PlanTerms
from ledger.money import Money
from tests.workflows.billed import ALICE, PRICE_MINOR, Billed, billed
from tests.workflows.conftest import Processes

BECAUSE = {"actor": ALICE, "because": "the customer asked"}


@pytest.fixture
async def story(processes: Processes) -> AsyncIterator[Billed]:
    """A customer in Berlin with a card that pays."""
    async with billed(processes) as found:
        await found.customer("Europe/Berlin")
        await found.card_method("good", "approved")
        yield found


async def pass_until(story: Billed, clock: datetime, moment: datetime) -> datetime:
    """Let the process's clock run to a moment, one period at a time: each is a run, and a skip lands in the next at its end."""
    await story.skip(story.subscription(), seconds=(moment - clock).total_seconds())
    return moment


async def billed_days(story: Billed) -> list[tuple[date, date]]:
    """The days that each invoice is for."""
    sql = "SELECT l.begins, l.ends FROM invoice_lines l JOIN invoices i USING (invoice_id) ORDER BY i.period_number"
    return [(begins, ends) for begins, ends in await story.rows(sql)]


async def test_each_period_is_billed_when_it_begins_also_at_the_end_of_short_months(story: Billed) -> None:
    """Anchored on the 31st: the last day of February, and the 31st again after it; charged at midnight where the customer is."""
    start = date(2027, 1, 31)
    await story.subscribe(starts_on=start)
    await story.begin()
    clock = datetime.now(UTC)
    for serial, day in enumerate((start, date(2027, 2, 28), date(2027, 3, 31))):
        clock = await pass_until(story, clock, begins_at(day, "Europe/Berlin") + timedelta(minutes=5))
        await story.until_state(InvoiceState.PAID, story.period(serial))
    assert await billed_days(story) == [
        (date(2027, 1, 31), date(2027, 2, 28)),
        (date(2027, 2, 28), date(2027, 3, 31)),
        (date(2027, 3, 31), date(2027, 4, 30)),
    ]
    # The clocks are put forward on 28 March: a day begins at midnight before it and after it.
    tried = await story.rows("SELECT tried_at FROM invoice_tries ORDER BY invoice_id")
    local = [at.timestamp() for (at,) in tried]
    expected = [begins_at(begins, "Europe/Berlin").timestamp() for begins, _ in await billed_days(story)]
    assert all(0 <= at - begin < 600 for at, begin in zip(local, expected, strict=True))
    assert await story.differences() == []


async def test_nothing_is_billed_in_a_trial_nor_while_it_is_paused(story: Billed) -> None:
    """A trial is a period of its own; a pause lets periods go by, and the next one that begins after it is billed again."""
    await story.subscribe(trial_days=7)
    await story.begin()
    await story.skip(story.subscription(), days=6)
    assert await story.rows("SELECT count(*) FROM invoices") == [(0,)]
    await story.skip(story.subscription(), days=2)
    await story.until_state(InvoiceState.PAID, story.period(1))
    now = datetime.now(UTC) + timedelta(days=9)
    await story.step(lambda books: subscription_books.pause(books, story.name, None, now=now, **BECAUSE))
    await story.skip(story.subscription(), days=31)
    await story.step(
        lambda books: subscription_books.resume(books, story.name, now=now + timedelta(days=31), **BECAUSE)
    )
    await story.skip(story.subscription(), days=31)
    await story.until_state(InvoiceState.PAID, story.period(3))
    assert await story.rows("SELECT period_number FROM invoices ORDER BY period_number") == [(1,), (3,)]


async def test_a_cancelled_one_ends_with_its_period_and_is_billed_no_more(story: Billed) -> None:
    """What is paid for is used up; the process ends by itself."""
    await story.subscribe()
    await story.begin()
    await story.until_state(InvoiceState.PAID)
    now = datetime.now(UTC)
    await story.step(lambda books: subscription_books.cancel(books, story.name, at_period_end=True, now=now, **BECAUSE))
    await story.skip(story.subscription(), days=40)
    view = await story.subscription().result()
    assert view.state == "canceled"
    assert await story.rows("SELECT count(*) FROM invoices") == [(1,)]


async def test_another_plan_follows_at_the_end_of_the_period(story: Billed) -> None:
    """The price changes when it was said to, and not before."""
    terms = PlanTerms(
        plan_id="more",
        name="More",
        amount=Money(amount_minor=9999, currency="USD"),
        interval=Interval(unit=Unit.MONTH),
        actor=ALICE,
    )
    await story.step(lambda books: plan_books.add(books, terms))
    await story.subscribe()
    await story.begin()
    await story.until_state(InvoiceState.PAID)
    await story.step(lambda books: subscription_books.change_plan(books, story.name, "more", None, **BECAUSE))
    await story.skip(story.subscription(), days=32)
    await story.until_state(InvoiceState.PAID, story.period(1))
    totals = await story.rows("SELECT total_minor FROM invoices ORDER BY period_number")
    assert totals == [(PRICE_MINOR,), (9999,)]


async def test_without_a_payment_method_the_customer_is_asked_at_once(story: Billed) -> None:
    """There is nothing to try: dunning begins with the question, and the first card that is given pays."""
    await story.step(lambda books: methods.remove(books, "good", actor=ALICE))
    await story.subscribe()
    await story.begin()
    view = await story.until_dunned()
    assert (view.next.kind, view.next.need) == ("ask_customer", "new_method")
    await story.card_method("given", "approved")
    await story.until_state(InvoiceState.PAID)
    assert await story.tries() == [("given", "new_method", "captured")]
