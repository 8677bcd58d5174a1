"""Pay links in the database: used once, in their life, by whoever comes first; what PostgreSQL itself refuses."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from activities.pay_links import PayLinks
from billing import links
from billing.dunning.decision import Purpose
from billing.dunning.history import EventKind
from billing.errors import ChangeRefused, LinkOver, UnknownId
from billing.link_keys import LinkAddresses, LinkKeys
from billing.links import LIFE, PayLink, Use
from billing.methods import MethodRequest
from tests.billing.owed_samples import ALICE
from tests.billing.recovery import FAILED_AT, HOUR, Recovery
from tests.conftest import Database

KEYS = ["the newest key, which signs all links", "the key before it, which is believed"]
LATER = FAILED_AT + HOUR
TOKEN = "tok_new"


@pytest.fixture
async def recovery(engine: Any) -> Recovery:
    """A customer with a card whose first collection was declined, so that the invoice is recovered."""
    recovery = Recovery(engine)
    await recovery.customer("cus_1")
    await recovery.issue("in_1", 1900)
    await recovery.method()
    await recovery.fail()
    return recovery


async def issued(recovery: Recovery, now: datetime = FAILED_AT, life: timedelta = LIFE) -> PayLink:
    return await recovery.step(lambda books: links.issue(books, "in_1", now=now, actor=ALICE, life=life))


async def pays(recovery: Recovery, link: PayLink, method_id: str = "pm_1", now: datetime = LATER) -> PayLink:
    return await recovery.step(lambda books: links.pay(books, link.link_id, method_id, now=now))


def given(method_id: str = "lnk.stripe.1", token: str = TOKEN, customer_id: str = "cus_1") -> MethodRequest:
    """What a customer gave."""
    return MethodRequest(
        method_id=method_id, customer_id=customer_id, gateway="stripe", token=token, brand="visa", actor="customer"
    )


async def gives(recovery: Recovery, link: PayLink, method: MethodRequest, now: datetime = LATER) -> PayLink:
    return await recovery.step(lambda books: links.give(books, link.link_id, method, now=now))


async def again(recovery: Recovery, link_id: str, now: datetime) -> PayLink:
    return await recovery.step(lambda books: links.again(books, link_id, now=now))


async def test_wish_is_a_command_of_the_customer(recovery: Recovery) -> None:
    """What decisions of dunning are made from says with which method, and that the customer is there."""
    link = await pays(recovery, await issued(recovery))
    assert (link.used_for, link.method_id, link.last_try) == (Use.PAYMENT, "pm_1", 0)
    [wish] = [event for event in (await recovery.history()).events if event.kind is EventKind.RETRIED_NOW]
    assert (wish.method, wish.customer_present, wish.by, wish.at) == ("pm_1", True, "customer", LATER)


async def test_used_once_however_many_come_at_once(recovery: Recovery) -> None:
    """Of twenty who use one link at the same moment, one does, and the others are told."""
    link = await issued(recovery)
    acts = [pays(recovery, link) if number % 2 else gives(recovery, link, given()) for number in range(20)]
    outcomes = await asyncio.gather(*acts, return_exceptions=True)
    assert sum(isinstance(outcome, PayLink) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, LinkOver) for outcome in outcomes) == 19


async def test_used_in_its_life_only(recovery: Recovery) -> None:
    """At the moment of its end a link is over; only what was begun before it may be finished, for a day."""
    link = await issued(recovery, life=HOUR)
    with pytest.raises(LinkOver, match="has lapsed"):
        await pays(recovery, link, now=link.expires_at)
    with pytest.raises(LinkOver, match="has lapsed"):
        await gives(recovery, link, given(), now=link.expires_at + links.FINISHING)
    await gives(recovery, link, given(), now=link.expires_at + links.FINISHING - timedelta(seconds=1))


async def test_refused_wish_uses_nothing_up(recovery: Recovery) -> None:
    """While a try is not decided, or under a legal hold, nothing is begun by a link, and it stays good."""
    link = await issued(recovery)
    await recovery.note(EventKind.LEGAL_HOLD_BEGAN, FAILED_AT + HOUR / 2)
    with pytest.raises(ChangeRefused, match="legal hold"):
        await pays(recovery, link)
    await recovery.note(EventKind.LEGAL_HOLD_ENDED, FAILED_AT + HOUR)
    await pays(recovery, link, now=LATER + HOUR)


async def test_given_method_is_first_and_kept_once(recovery: Recovery) -> None:
    """A method that was given comes before the others; the same token again is the same method, and is tried now."""
    await gives(recovery, await issued(recovery), given())
    again = await gives(recovery, await issued(recovery), given("lnk.stripe.2"), now=LATER + HOUR)
    assert again.method_id == "lnk.stripe.1"
    history = await recovery.history()
    assert [method.method_id for method in history.methods] == ["lnk.stripe.1", "pm_1"]
    assert [event.method for event in history.events if event.kind is EventKind.RETRIED_NOW] == ["lnk.stripe.1"]


async def test_token_of_another_customer(recovery: Recovery) -> None:
    """A method that is another customer's is not taken from them, and the link stays good."""
    await recovery.customer("cus_2")
    await recovery.method("pm_2", "cus_2")
    link = await issued(recovery)
    with pytest.raises(ChangeRefused, match="cannot be kept"):
        await gives(recovery, link, given(token="tok_pm_2"))
    await pays(recovery, link)


async def test_what_a_link_is_issued_for(recovery: Recovery) -> None:
    """A link is for an open invoice, and for a time that ends."""
    with pytest.raises(UnknownId):
        await recovery.step(lambda books: links.issue(books, "in_9", now=LATER, actor=ALICE))
    for life in (timedelta(0), timedelta(days=91)):
        with pytest.raises(ChangeRefused, match="up to 90 days"):
            await issued(recovery, life=life)
    await recovery.pay(1900)
    with pytest.raises(ChangeRefused, match="it is paid"):
        await issued(recovery)


async def test_links_that_follow_end(recovery: Recovery) -> None:
    """After twenty declines in a row nobody gets another link by the page."""
    link = await issued(recovery)
    for number in range(1, links.MOST_IN_A_ROW + 1):
        now = LATER + number * 25 * HOUR
        used = await gives(
            recovery, link, given(f"lnk.stripe.{number}", f"tok_{number}"), now=min(now, link.expires_at)
        )
        request = await recovery.begun(method_id=used.method_id, purpose=Purpose.NEW_METHOD, now=now)
        await recovery.decline(request.charge_id, code="do_not_honor")
        if number == links.MOST_IN_A_ROW:
            break
        last = link.link_id
        link = await again(recovery, last, now)
        assert (link.number, link.follows) == (number + 1, last)
    with pytest.raises(ChangeRefused, match="too many"):
        await again(recovery, link.link_id, now)


async def test_database_refuses_a_second_use(recovery: Recovery, database: Database) -> None:
    """Whoever writes past the code can neither use a link again, nor after its life, nor make it last."""
    link = await pays(recovery, await issued(recovery))
    fresh = await issued(recovery)
    late = fresh.expires_at + timedelta(days=1)
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        for statement, values in (
            ("UPDATE pay_links SET used_at = now() WHERE link_id = %s", (link.link_id,)),
            ("UPDATE pay_links SET used_at = NULL WHERE link_id = %s", (link.link_id,)),
            (
                "UPDATE pay_links SET used_at = %s, used_for = 'method', method_id = 'pm_1', last_try = 0 WHERE link_id = %s",
                (late, fresh.link_id),
            ),
            ("UPDATE pay_links SET used_at = issued_at WHERE link_id = %s", (fresh.link_id,)),
            ("UPDATE pay_links SET expires_at = %s WHERE link_id = %s", (late, fresh.link_id)),
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement, values)


async def test_links_of_notices(recovery: Recovery) -> None:
    """Each notice has a link of its own; without a key, or with nothing to pay, it has none."""
    addresses = LinkAddresses(LinkKeys(KEYS), "https://pay.example")
    issuer = PayLinks(recovery.engine, addresses)
    first, second = await issuer.link_for("in_1", FAILED_AT), await issuer.link_for("in_1", FAILED_AT)
    assert first is not None
    assert first.startswith("https://pay.example/pay/")
    assert first != second
    assert addresses.keys.link_id(first.rpartition("/")[2]) is not None
    assert await PayLinks(recovery.engine, None).link_for("in_1", FAILED_AT) is None
    assert await issuer.link_for("in_9", FAILED_AT) is None
    await recovery.pay(1900)
    assert await issuer.link_for("in_1", FAILED_AT) is None


def test_keys_are_changed_one_after_the_other() -> None:
    """The first key signs; what the one before it signed is believed for as long as it is listed."""
    link_id = "A" * 22
    before, during, after = LinkKeys(KEYS[1:]), LinkKeys(KEYS), LinkKeys(KEYS[:1])
    assert during.token(link_id) == after.token(link_id) != before.token(link_id)
    assert during.link_id(before.token(link_id)) == link_id
    assert after.link_id(before.token(link_id)) is None


@pytest.mark.parametrize("text", ["", ".", "A" * 22, "A" * 22 + ".", "A" * 300, "ü" * 22, "\x00"])
def test_what_is_no_token(text: str) -> None:
    """Whatever comes in an address is read without harm."""
    keys = LinkKeys(KEYS)
    assert keys.link_id(text) is None
    assert keys.opened_by(text) is None


def test_purposes_do_not_mix() -> None:
    """What a browser keeps opens no page, and a link is no proof of a browser."""
    keys, link_id = LinkKeys(KEYS), "B" * 22
    assert keys.link_id(keys.of_browser(link_id)) is None
    assert keys.opened_by(keys.token(link_id)) is None
