"""Every ending: what becomes of subscription and invoice, once, whatever races, and with the books balanced."""

import asyncio
from collections.abc import AsyncIterator
from itertools import product
from typing import Any

import pytest

from billing import dunning_endings, subscription_books
from billing.dunning.decision import GiveUp, Purpose, Reason
from billing.dunning.ending import ending_of
from billing.dunning.entitlement import Access, entitlement_at
from billing.dunning.history import EventKind
from billing.dunning.notice_ladder import Template
from billing.dunning.notices import planned_notices
from billing.dunning.policy import InvoiceEnd, SubscriptionEnd
from billing.dunning.recovery import RecoveredBy
from billing.dunning.standing import standing_of
from billing.dunning_books import Dunning
from billing.errors import ChangeRefused
from ledger.charges import ChargeStatus
from tests.billing.owed_samples import ALICE
from tests.billing.recovery import DAY, FAILED_AT, HOUR, PROCESS, Recovery, ending

OWED, LOST, SALES = "receivable:cus_1", "expense:bad_debt", "revenue:subscriptions"
OVER = FAILED_AT + 30 * DAY
SUBSCRIPTIONS = {
    SubscriptionEnd.CANCEL: "canceled",
    SubscriptionEnd.MARK_UNPAID: "unpaid",
    SubscriptionEnd.KEEP_PAST_DUE: "past_due",
    SubscriptionEnd.PAUSE: "paused",
}
INVOICES = {
    InvoiceEnd.KEEP_OPEN: ("open", {OWED: 3800, SALES: 3800}),
    InvoiceEnd.WRITE_OFF: ("uncollectible", {OWED: 1900, LOST: 1900, SALES: 3800}),
    InvoiceEnd.VOID: ("void", {OWED: 1900, SALES: 1900}),
}
INVOICE = "sub_1.0"


@pytest.fixture(autouse=True)
async def agree(recovery: Recovery) -> AsyncIterator[None]:
    """Whatever a test does, billing and the journal agree at its end."""
    yield
    assert await recovery.differences() == []


async def subscribed(
    recovery: Recovery,
    subscription: SubscriptionEnd = SubscriptionEnd.CANCEL,
    invoice: InvoiceEnd = InvoiceEnd.KEEP_OPEN,
) -> Dunning:
    """A subscription whose invoice was declined, beside another open one."""
    await recovery.subscribe()
    assert await recovery.bill() == INVOICE
    return await recovery.fail(INVOICE, by=ending(subscription, invoice))


@pytest.mark.parametrize(("subscription", "invoice"), list(product(SubscriptionEnd, InvoiceEnd)))
async def test_every_end_is_carried_out_once(
    recovery: Recovery, subscription: SubscriptionEnd, invoice: InvoiceEnd
) -> None:
    """Both at once, in the books too; asked for again, nothing happens. Its own doing is no fact that ended it."""
    await subscribed(recovery, subscription, invoice)
    assert await recovery.subscription() == "past_due"
    ended = await recovery.end(INVOICE, Reason.TRIES_USED_UP)
    assert (ended.reason, ended.recovered_by, ended.ended_at, ended.ended_by) == ("tries_used_up", None, OVER, PROCESS)
    state, balances = INVOICES[invoice]
    assert await recovery.subscription() == SUBSCRIPTIONS[subscription]
    assert [found for found, _ in await recovery.standing(INVOICE)] == [state]
    assert await recovery.balances() == balances
    told = await recovery.told()
    assert told[-1] == ("dunning.ended", f"invoice/{INVOICE}")
    assert await recovery.end(INVOICE, Reason.GIVEN_UP, at=OVER + DAY) == ended
    assert await recovery.told() == told
    await _is_told_as_ended(recovery, subscription)


async def _is_told_as_ended(recovery: Recovery, subscription: SubscriptionEnd) -> None:
    history, policy = await recovery.history(INVOICE), await recovery.policy(INVOICE)
    found = ending_of(history, standing_of(history.events))
    assert (found.ended_at, found.recovered_at, found.is_silent) == (OVER, None, False)
    assert [notice.template for notice in planned_notices(history, policy, OVER)] == [Template.ENDED]
    expected = {SubscriptionEnd.CANCEL: Access.ENDED}.get(subscription, Access.SUSPENDED)
    assert entitlement_at(history, policy, OVER).access is expected


async def test_a_payment_in_time_ends_it_well(recovery: Recovery) -> None:
    """The subscription goes on, nothing of the policy's end is done, and what brought the money is kept."""
    await subscribed(recovery, SubscriptionEnd.CANCEL, InvoiceEnd.WRITE_OFF)
    request = await recovery.begun(INVOICE, now=FAILED_AT + 3 * DAY)
    assert await recovery.capture(request) is None
    decided = await recovery.decision(FAILED_AT + 3 * DAY, INVOICE)
    assert isinstance(decided, GiveUp)
    ended = await recovery.end(INVOICE, decided.reason)
    assert (ended.reason, ended.recovered_by) == (Reason.PAID, RecoveredBy.RETRY)
    assert await recovery.subscription() == "active"
    assert (await recovery.told())[-1] == ("dunning.recovered", f"invoice/{INVOICE}")
    history = await recovery.history(INVOICE)
    assert entitlement_at(history, await recovery.policy(INVOICE), OVER).access is Access.ACTIVE


@pytest.mark.parametrize(
    ("purpose", "by"),
    [
        (Purpose.RUNG, RecoveredBy.RETRY),
        (Purpose.COMMAND, RecoveredBy.RETRY),
        (Purpose.NEW_METHOD, RecoveredBy.NEW_METHOD),
        (Purpose.CUSTOMER, RecoveredBy.LINK),
    ],
)
async def test_what_recovered_it_is_what_the_try_was_for(recovery: Recovery, purpose: Purpose, by: RecoveredBy) -> None:
    """Reports split by it."""
    await recovery.fail()
    await recovery.capture(await recovery.begun(purpose=purpose, now=FAILED_AT + 3 * DAY))
    assert (await recovery.end(reason=Reason.PAID)).recovered_by is by


async def test_a_transfer_and_a_charge_by_hand_came_from_outside(recovery: Recovery) -> None:
    """No try of ours brought them."""
    await recovery.fail()
    await recovery.pay(1900)
    assert (await recovery.end(reason=Reason.DEADLINE)).recovered_by is RecoveredBy.OUTSIDE
    await recovery.issue("in_2", 500)
    await recovery.dun("in_2")
    await recovery.charge("by_hand", 500, "in_2")
    await recovery.apply("by_hand")
    assert (await recovery.end("in_2", Reason.PAID)).recovered_by is RecoveredBy.OUTSIDE


@pytest.mark.parametrize("invoice", InvoiceEnd)
async def test_an_end_and_a_payment_that_race_come_out_as_one_or_the_other(
    recovery: Recovery, invoice: InvoiceEnd
) -> None:
    """Paid first, it is recovered; ended first, the payment closes or recovers what was left, or is the customer's credit."""
    await subscribed(recovery, SubscriptionEnd.MARK_UNPAID, invoice)
    ended, _ = await asyncio.gather(recovery.end(INVOICE), recovery.pay(1900, invoices=(INVOICE,)))
    [(state, _)] = await recovery.standing(INVOICE)
    if ended.reason is Reason.PAID:
        assert (state, await recovery.subscription()) == ("paid", "active")
    else:
        assert state == ("void" if invoice is InvoiceEnd.VOID else "paid")
    assert LOST not in await recovery.balances()


async def test_bad_debt_that_is_paid_late_is_recovered(recovery: Recovery) -> None:
    """The loss is taken back, the process is woken, the customer is told, and the subscription goes on."""
    await subscribed(recovery, SubscriptionEnd.MARK_UNPAID, InvoiceEnd.WRITE_OFF)
    await recovery.end(INVOICE)
    assert (await recovery.balances())[LOST] == 1900
    await recovery.woken()
    await recovery.pay(1900, invoices=(INVOICE,))
    assert f"dunning/{INVOICE}" in await recovery.woken()
    assert LOST not in await recovery.balances()
    history, policy = await recovery.history(INVOICE), await recovery.policy(INVOICE)
    assert entitlement_at(history, policy, OVER + DAY).access is Access.ACTIVE
    assert Template.RECOVERED in {notice.template for notice in planned_notices(history, policy, OVER + DAY)}

    async def reinstated() -> bool:
        return await recovery.step(
            lambda books: dunning_endings.reinstate(books, INVOICE, now=OVER + DAY, actor=PROCESS)
        )

    assert await reinstated()
    assert await recovery.subscription() == "active"
    assert not await reinstated()


async def test_a_late_payment_resumes_what_the_end_paused_and_nobody_else(recovery: Recovery) -> None:
    """What a person paused stays paused, whatever they called it."""
    await subscribed(recovery, SubscriptionEnd.PAUSE, InvoiceEnd.KEEP_OPEN)
    await recovery.end(INVOICE)
    await recovery.pay(1900, invoices=(INVOICE,))
    later: dict[str, Any] = {"now": OVER + DAY, "actor": PROCESS}
    assert await recovery.step(lambda books: dunning_endings.reinstate(books, INVOICE, **later))
    assert await recovery.subscription() == "active"
    await recovery.step(
        lambda books: subscription_books.pause(
            books, "sub_1", None, now=OVER, actor=ALICE, because="no payment came in on my side"
        )
    )
    assert not await recovery.step(lambda books: dunning_endings.reinstate(books, INVOICE, **later))
    assert await recovery.subscription() == "paused"


async def test_a_subscription_with_another_unpaid_invoice_stays_past_due(recovery: Recovery) -> None:
    """One of two is paid: the other is owed still."""
    await subscribed(recovery, SubscriptionEnd.CANCEL)
    later = FAILED_AT + 40 * DAY
    await recovery.step(lambda books: subscription_books.advance(books, "sub_1", now=later, actor=ALICE))
    second = await recovery.bill()
    await recovery.fail(second, at=later)
    await recovery.pay(1900, invoices=(INVOICE,))
    await recovery.end(INVOICE, Reason.PAID)
    assert await recovery.subscription() == "past_due"
    await recovery.pay(1900, "p2", invoices=(second,))
    await recovery.end(second, Reason.PAID, at=later)
    assert await recovery.subscription() == "active"


async def test_what_is_paid_in_part_is_not_called_off(recovery: Recovery) -> None:
    """The rest of it is written off instead: what was paid stays paid."""
    await recovery.fail(by=ending(SubscriptionEnd.CANCEL, InvoiceEnd.VOID))
    await recovery.pay(400, invoices=("in_1",))
    await recovery.end()
    assert await recovery.standing("in_1") == [("uncollectible", 1500)]
    assert (await recovery.balances())[LOST] == 1500


async def test_an_invoice_that_was_called_off_ends_silently(recovery: Recovery) -> None:
    """Nothing is owed any more: the subscription goes on, and nobody is reminded."""
    await subscribed(recovery)
    await recovery.void(INVOICE)
    decided = await recovery.decision(FAILED_AT + DAY, INVOICE)
    assert isinstance(decided, GiveUp)
    assert decided.reason is Reason.VOIDED
    assert (await recovery.end(INVOICE)).reason is Reason.VOIDED
    assert await recovery.subscription() == "active"
    assert planned_notices(await recovery.history(INVOICE), await recovery.policy(INVOICE), OVER) == []


async def test_a_cancelled_subscription_ends_it_and_the_invoice_as_the_policy_says(recovery: Recovery) -> None:
    """The customer left: nothing is tried any more, and the debt does not stand open for ever."""
    await subscribed(recovery, SubscriptionEnd.MARK_UNPAID, InvoiceEnd.WRITE_OFF)
    await recovery.step(
        lambda books: subscription_books.cancel(
            books, "sub_1", at_period_end=False, now=FAILED_AT + DAY, actor=ALICE, because="leaves"
        )
    )
    decided = await recovery.decision(FAILED_AT + DAY, INVOICE)
    assert isinstance(decided, GiveUp)
    assert decided.reason is Reason.SUBSCRIPTION_CANCELLED
    assert (await recovery.end(INVOICE, decided.reason)).reason is Reason.SUBSCRIPTION_CANCELLED
    assert await recovery.subscription() == "canceled"
    assert await recovery.standing(INVOICE) == [("uncollectible", 1900)]
    history = await recovery.history(INVOICE)
    assert ending_of(history, standing_of(history.events)).is_silent


async def test_what_is_written_off_by_hand_is_given_up(recovery: Recovery) -> None:
    """The person who did so ends the process, and the subscription ends as the policy says."""
    await subscribed(recovery)
    await recovery.write_off(INVOICE)
    decided = await recovery.decision(FAILED_AT + DAY, INVOICE)
    assert isinstance(decided, GiveUp)
    assert decided.reason is Reason.GIVEN_UP
    await recovery.end(INVOICE, decided.reason)
    assert await recovery.subscription() == "canceled"


async def test_nothing_ends_while_money_may_be_on_its_way(recovery: Recovery) -> None:
    """A try that is not decided, and one whose money is not applied: an end would void or write off what is being paid."""
    await recovery.fail(by=ending(SubscriptionEnd.CANCEL, InvoiceEnd.VOID))
    request = await recovery.begun(now=FAILED_AT + 3 * DAY)
    with pytest.raises(
        ChangeRefused, match=r"try 1, charge in_1\.1, is not decided: wait for it, or cancel the charge"
    ):
        await recovery.end()
    await recovery.note(EventKind.GIVEN_UP)
    with pytest.raises(ChangeRefused, match=r"try 1, charge in_1\.1, is not decided"):
        await recovery.end(reason=Reason.GIVEN_UP)
    await recovery.stand("in_1.1", {"status": ChargeStatus.PROCESSING})
    assert await recovery.capture(request) is None
    assert (await recovery.end(reason=Reason.GIVEN_UP)).reason is Reason.PAID


async def test_what_a_charge_took_is_applied_before_the_end(recovery: Recovery) -> None:
    """Captured, and not applied yet: the line says what to do."""
    await recovery.fail()
    await recovery.begun(now=FAILED_AT + 3 * DAY)
    taken = {"status": ChargeStatus.CAPTURED, "authorized_minor": 1900, "captured_minor": 1900}
    await recovery.stand("in_1.1", taken)
    with pytest.raises(ChangeRefused, match=r"what charge in_1\.1 took is not applied: run `invoices apply in_1\.1`"):
        await recovery.end(reason=Reason.PAID)


async def test_what_is_not_paid_does_not_end_as_paid(recovery: Recovery) -> None:
    """Nobody is told that a debt is settled which is not."""
    await recovery.fail()
    with pytest.raises(ChangeRefused, match=r"is open, and 19\.00 USD is due: it does not end as paid"):
        await recovery.end(reason=Reason.PAID)


async def test_many_that_end_it_at_once_end_it_once(recovery: Recovery) -> None:
    """Two workers with the same wake: one event, one entry."""
    await recovery.fail(by=ending(SubscriptionEnd.CANCEL, InvoiceEnd.WRITE_OFF))
    ended = await asyncio.gather(*(recovery.end(at=OVER + number * HOUR) for number in range(5)))
    assert len({each.ended_at for each in ended}) == 1
    assert [kind for kind, _ in await recovery.told()] == ["dunning.began", "dunning.ended"]
    assert (await recovery.balances())[LOST] == 1900
