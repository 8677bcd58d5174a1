"""What dunning brought, read from the books: every kind of course, and a second look at the cards that finds nothing."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from billing import card_audit, recovery_report, subscription_books
from billing.dunning.decision import Purpose, Reason
from billing.dunning.policy import InvoiceEnd, SubscriptionEnd
from billing.dunning.recovery import Course
from ledger.answers import GatewayAnswer
from tests.billing.owed_samples import ALICE
from tests.billing.recovery import DAY, FAILED_AT, HOUR, PROCESS, Recovery, ending


@pytest.fixture
async def recovery(engine: AsyncEngine) -> Recovery:
    """A customer with a card."""
    recovery = Recovery(engine)
    await recovery.customer("cus_1")
    await recovery.method()
    return recovery


async def courses(recovery: Recovery, first: datetime = FAILED_AT, last: datetime = FAILED_AT + DAY) -> list[Course]:
    return list(await recovery.step(lambda books: recovery_report.courses(books, first, last)))


async def test_a_retry_that_brings_the_money_is_a_course_with_its_tries(recovery: Recovery) -> None:
    """The first failure is no try of dunning's; a technical failure uses up no rung, and reached the network all the same."""
    await recovery.issue("in_1", 1900)
    await recovery.fail()
    away = await recovery.begun(now=FAILED_AT + DAY)
    await recovery.decline(
        away.charge_id, "processing_error", GatewayAnswer(network="visa", network_code="91"), technical=True
    )
    said_no = await recovery.begun(now=FAILED_AT + 2 * DAY)
    await recovery.decline(said_no.charge_id)
    by_hand = await recovery.begun(purpose=Purpose.COMMAND, now=FAILED_AT + 2 * DAY + HOUR)
    await recovery.capture(by_hand)
    await recovery.end(reason=Reason.PAID, at=FAILED_AT + 2 * DAY + HOUR)
    [course] = await courses(recovery)
    assert (course.decline_class, course.network, course.policy) == ("wait_for_funds", "visa", "2026-11/standard")
    assert (course.amount_minor, course.reason, course.recovered_by) == (1900, "paid", "retry")
    assert not course.is_paid_after_end
    assert course.ended_at == FAILED_AT + 2 * DAY + HOUR
    assert [at - FAILED_AT for at in course.tries] == [DAY, 2 * DAY, 2 * DAY + HOUR]
    assert [at - FAILED_AT for at in course.rungs] == [2 * DAY]
    assert await courses(recovery, FAILED_AT + timedelta(seconds=1)) == []
    assert await courses(recovery, FAILED_AT - DAY, FAILED_AT - timedelta(seconds=1)) == []


async def test_a_subscription_that_dunning_ended_is_told_from_one_that_it_kept(recovery: Recovery) -> None:
    """Only the end that the policy cancels with loses a subscription; what is paid later is no recovery."""
    await recovery.subscribe()
    invoice_id = await recovery.bill()
    by = ending(SubscriptionEnd.CANCEL, InvoiceEnd.WRITE_OFF)
    await recovery.fail(invoice_id, by=by)
    [running] = await courses(recovery)
    assert (running.ended_at, running.ended_subscription, running.is_paid_after_end) == (None, False, False)
    await recovery.end(invoice_id, Reason.TRIES_USED_UP)
    [ended] = await courses(recovery)
    assert (ended.reason, ended.ended_subscription, ended.is_paid_after_end) == ("tries_used_up", True, False)
    await recovery.pay(1900, invoices=(invoice_id,))
    [late] = await courses(recovery)
    assert (late.reason, late.recovered_by, late.is_paid_after_end) == ("tries_used_up", None, True)


async def test_an_end_that_keeps_the_subscription_loses_none(recovery: Recovery) -> None:
    """Marked unpaid is not lost, also where the customer cancels it later: that is their own doing."""
    await recovery.subscribe()
    invoice_id = await recovery.bill()
    await recovery.fail(invoice_id, by=ending(SubscriptionEnd.MARK_UNPAID, InvoiceEnd.KEEP_OPEN))
    await recovery.end(invoice_id)
    said: dict[str, Any] = {"now": FAILED_AT + 40 * DAY, "actor": ALICE, "because": "they asked"}
    await recovery.step(lambda books: subscription_books.cancel(books, "sub_1", at_period_end=False, **said))
    [course] = await courses(recovery)
    assert (course.reason, course.ended_subscription) == ("deadline", False)


async def test_failing_again_is_seen_in_the_next_cycle(recovery: Recovery) -> None:
    """The next invoice counts once it is paid or has failed, not while it is collected."""
    await recovery.subscribe()
    first = await recovery.bill()
    await recovery.fail(first)
    await recovery.capture(await recovery.begun(first, now=FAILED_AT + DAY))
    await recovery.end(first, Reason.PAID, FAILED_AT + DAY)
    later = FAILED_AT + 31 * DAY
    await recovery.step(lambda books: subscription_books.advance(books, "sub_1", now=later, actor=PROCESS))
    second = await recovery.bill()
    [collected] = await courses(recovery)
    assert (collected.reason, collected.next_decided, collected.next_failed) == ("paid", False, False)
    await recovery.fail(second, later)
    [again] = await courses(recovery)
    assert (again.next_decided, again.next_failed) == (True, True)
    await recovery.capture(await recovery.begun(second, now=later + DAY))
    [still] = await courses(recovery)
    assert (still.next_decided, still.next_failed) == (True, True)


async def test_what_was_never_declined_has_no_class(recovery: Recovery) -> None:
    """A recovery that a person began has no failure to name it by."""
    await recovery.issue("in_1", 1900)
    await recovery.dun()
    [course] = await courses(recovery)
    assert (course.decline_class, course.network, course.tries, course.next_decided) == ("", "", [], False)


async def test_the_cards_are_found_in_order(recovery: Recovery) -> None:
    """A never is the last try of a card, and two invoices of one card stay below its ceilings."""
    await recovery.issue("in_1", 1900)
    await recovery.issue("in_2", 1900)
    await recovery.fail()
    stolen = GatewayAnswer(network="visa", network_code="43")
    request = await recovery.begun("in_2", purpose=Purpose.FIRST, now=FAILED_AT + HOUR)
    await recovery.decline(request.charge_id, "stolen_card", stolen, never_because="stolen")
    await recovery.dun("in_2")
    refused = await recovery.attempt("in_1", purpose=Purpose.COMMAND, now=FAILED_AT + DAY)
    assert "stolen" in getattr(refused, "why", "")
    assert await recovery.step(lambda books: card_audit.violations(books, FAILED_AT - DAY)) == []
