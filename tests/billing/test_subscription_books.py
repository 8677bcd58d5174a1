"""Subscriptions in the database: what changed, who changed it and why; and one invoice for each period."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import text

from billing import invoice_books, plan_books, subscription_books
from billing.calendar import Interval, Unit
from billing.errors import ChangeRefused, IdConflict, UnknownId
from billing.plans import Plan, PlanTerms
from billing.subscriptions import Subscription, SubscriptionRequest, SubscriptionState
from tests.billing.books import Books
from tests.billing.owed_samples import ALICE, usd

NOW = datetime(2026, 2, 1, tzinfo=UTC)
LATE = datetime(2099, 1, 1, tzinfo=UTC)


def terms(amount_minor: int = 1900, **changes: Any) -> PlanTerms:
    fields: dict[str, Any] = {"plan_id": "pro", "name": "Pro", "amount": usd(amount_minor)}
    return PlanTerms(**fields | {"interval": Interval(unit=Unit.MONTH), "actor": ALICE} | changes)


async def planned(books: Books, amount_minor: int = 1900, *, new_version: bool = False, **changes: Any) -> Plan:
    of = terms(amount_minor, **changes)
    return (await books.step(lambda connection: plan_books.add(connection, of, new_version=new_version)))[0]


async def started(books: Books, **changes: Any) -> Subscription:
    fields: dict[str, Any] = {"subscription_id": "sub_1", "customer_id": "cus_1", "plan_id": "pro", "actor": ALICE}
    request = SubscriptionRequest(**fields | {"starts_on": date(2026, 1, 31)} | changes)
    return (await books.step(lambda connection: subscription_books.start(connection, request)))[0]


async def advanced(books: Books, now: datetime = LATE) -> Subscription:
    return await books.step(
        lambda connection: subscription_books.advance(connection, "sub_1", now=now, actor="workflow:test")
    )


async def test_the_terms_of_a_plan_are_never_rewritten(books: Books) -> None:
    """The same terms are the same version; others are another version, and only where that is asked for."""
    assert (await planned(books)).version == 1
    assert (await planned(books)).version == 1
    with pytest.raises(ChangeRefused, match="plan pro: it exists with other terms: add them as a new version"):
        await planned(books, 2900)
    assert (await planned(books, 2900, new_version=True)).version == 2
    assert (await planned(books, 2900, new_version=True)).version == 2
    first = await books.step(lambda connection: plan_books.known(connection, "pro", 1))
    assert first.amount == usd(1900)
    with pytest.raises(UnknownId, match="there is no plan pro version 3: check the id with `plans list`"):
        await books.step(lambda connection: plan_books.known(connection, "pro", 3))
    with pytest.raises(Exception, match="permission denied"):
        await books.step(lambda connection: connection.execute(text("UPDATE plan_versions SET amount_minor = 1")))


async def test_versions_that_are_added_at_once_follow_each_other(books: Books) -> None:
    """None is lost, and none overwritten; the same terms at once are one version."""
    await planned(books)
    await asyncio.gather(*(planned(books, 2000 + number // 2, new_version=True) for number in range(8)))
    found = await books.step(lambda connection: plan_books.versions(connection, "pro"))
    numbers = [each.version for each in found]
    assert numbers == list(range(len(found), 0, -1))
    assert {each.amount.amount_minor for each in found} == {1900, 2000, 2001, 2002, 2003}


async def test_a_subscription_is_started_once(books: Books) -> None:
    """The same again is the same; with another start it is refused, and so is a plan in another currency."""
    await planned(books)
    await planned(books, plan_id="euro", amount={"amount_minor": 5, "currency": "EUR"})
    assert await started(books) == await started(books, actor="person:bob")
    with pytest.raises(IdConflict, match="subscription sub_1 exists with other content"):
        await started(books, starts_on=date(2026, 2, 1))
    with pytest.raises(ChangeRefused, match="plan euro is in EUR, and the customer is billed in USD"):
        await started(books, subscription_id="sub_2", plan_id="euro")
    with pytest.raises(UnknownId, match="there is no plan gold"):
        await started(books, subscription_id="sub_2", plan_id="gold")


async def test_each_period_is_billed_once_on_the_last_day_of_the_month(books: Books) -> None:
    """However often it is asked; the plan that follows is billed from the next period on."""
    await planned(books)
    await planned(books, 2900, new_version=True)
    await started(books)
    await books.step(lambda c: subscription_books.change_plan(c, "sub_1", "pro", 1, actor=ALICE, because="cheaper"))
    bills = []
    for _ in range(3):
        invoice, again = [
            await books.step(lambda c: subscription_books.bill(c, "sub_1", actor="workflow:test")) for _ in range(2)
        ]
        assert invoice is not None
        assert invoice == again
        bills.append((invoice.invoice_id, invoice.total_minor))
        await books.finalize(invoice.invoice_id)
        moved = await advanced(books)
    assert bills == [("sub_1.0", 2900), ("sub_1.1", 1900), ("sub_1.2", 1900)]
    assert (moved.period_begins, moved.period_ends) == (date(2026, 4, 30), date(2026, 5, 31))
    lines = await books.step(lambda c: invoice_books.lines_of(c, "sub_1.1"))
    assert [(each.begins, each.ends) for each in lines] == [(date(2026, 2, 28), date(2026, 3, 31))]
    assert await books.differences() == []


async def test_a_period_is_billed_once_by_many_at_once(books: Books) -> None:
    """And goes on to the next one once, while the clock says that only one is over."""
    await planned(books)
    await started(books)

    async def bill() -> None:
        await books.step(lambda c: subscription_books.bill(c, "sub_1", actor="workflow:test"))

    await asyncio.gather(*(bill() for _ in range(8)))
    assert (await books.invoice("sub_1.0")).total_minor == 1900
    over = datetime(2026, 2, 28, tzinfo=UTC)
    moved = await asyncio.gather(*(advanced(books, over) for _ in range(8)))
    assert {each.period_serial for each in moved} == {1}


async def test_every_change_tells_who_made_it_and_why(books: Books) -> None:
    """What it was and what it became, in order; what changes nothing tells nothing."""
    await planned(books)
    await started(books)
    for _ in range(2):
        await books.step(
            lambda c: subscription_books.cancel(
                c, "sub_1", at_period_end=True, now=NOW, actor="person:bob", because="moves away"
            )
        )
    await books.step(lambda c: subscription_books.resume(c, "sub_1", now=NOW, actor=ALICE, because="stays"))
    await books.step(lambda c: subscription_books.pause(c, "sub_1", None, now=NOW, actor=ALICE, because="holiday"))
    found = await books.step(lambda c: subscription_books.changes_of(c, "sub_1"))
    assert [(each.changed_by, each.because) for each in found] == [
        (ALICE, "started"),
        ("person:bob", "moves away"),
        (ALICE, "stays"),
        (ALICE, "holiday"),
    ]
    assert (found[1].before, found[1].after) == ({"cancel_at_period_end": False}, {"cancel_at_period_end": True})
    assert found[0].before == {}
    assert found[0].after["state"] == "active"
    assert found[3].after["state"] == "paused"


async def test_a_pause_ends_by_itself_and_finds_what_is_overdue(books: Books) -> None:
    """An invoice that was open before it is overdue after it; nothing was billed meanwhile."""
    await planned(books)
    await started(books)
    await books.step(lambda c: subscription_books.bill(c, "sub_1", actor=ALICE))
    await books.finalize("sub_1.0")
    until = datetime(2026, 2, 20, tzinfo=UTC)
    await books.step(lambda c: subscription_books.pause(c, "sub_1", until, now=NOW, actor=ALICE, because="holiday"))
    assert await books.step(lambda c: subscription_books.bill(c, "sub_1", actor=ALICE)) is None
    assert (await advanced(books, datetime(2026, 2, 19, tzinfo=UTC))).state == "paused"
    resumed = await advanced(books, datetime(2026, 2, 20, tzinfo=UTC))
    assert (resumed.state, resumed.period_serial) == ("active", 0)
    await books.step(lambda c: subscription_books.pause(c, "sub_1", None, now=NOW, actor=ALICE, because="holiday"))
    again = await books.step(lambda c: subscription_books.resume(c, "sub_1", now=LATE, actor=ALICE, because="back"))
    assert again.state == "past_due"


async def test_recovery_says_how_it_stands(books: Books) -> None:
    """Past due, then active again; canceled is the end."""
    await planned(books)
    await started(books)

    async def stand(state: SubscriptionState) -> Subscription:
        return await books.step(
            lambda c: subscription_books.stand(c, "sub_1", state, now=NOW, actor="workflow:test", because="recovery")
        )

    assert (await stand(SubscriptionState.PAST_DUE)).state == "past_due"
    assert (await stand(SubscriptionState.ACTIVE)).state == "active"
    ended = await stand(SubscriptionState.CANCELED)
    assert (ended.state, ended.canceled_at) == ("canceled", NOW)
    with pytest.raises(ChangeRefused, match="it is canceled, and cannot become active"):
        await stand(SubscriptionState.ACTIVE)


REFUSED = [
    ("UPDATE subscriptions SET state = 'trialing'", "it is active, and cannot become trialing"),
    ("UPDATE subscriptions SET period_ends = period_ends + 1", "its period stays as it began"),
    ("UPDATE subscriptions SET period_serial = period_serial + 2", "its periods follow each other"),
    (
        "UPDATE subscriptions SET period_serial = 1, period_begins = period_ends + 1, period_ends = period_ends + 9",
        "begins where",
    ),
    ("UPDATE subscriptions SET state = 'paused'", "subscription_pause_is_whole"),
    ("UPDATE subscriptions SET plan_version = 9", "its period stays as it began"),
    ("UPDATE subscriptions SET next_plan_id = 'euro', next_plan_version = 1", "next_plan_is_in_its_currency"),
    ("UPDATE subscriptions SET because = ' '", "because_said"),
    ("UPDATE subscriptions SET customer_id = 'cus_2'", "permission denied"),
    ("DELETE FROM subscriptions", "permission denied"),
    ("INSERT INTO subscription_changes (subscription_id) VALUES ('sub_1')", "permission denied"),
]


@pytest.mark.parametrize(("statement", "why"), REFUSED)
async def test_postgresql_refuses_what_does_not_follow(books: Books, statement: str, why: str) -> None:
    """Whoever writes, with the application's role."""
    await planned(books)
    await planned(books, plan_id="euro", amount={"amount_minor": 5, "currency": "EUR"})
    await started(books)
    with pytest.raises(Exception, match=why):
        await books.step(lambda connection: connection.execute(text(statement)))
