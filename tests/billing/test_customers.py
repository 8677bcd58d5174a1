"""Customers, their contacts and their payment methods: one id for one content, and what is erased or over stays so."""

import asyncio
import json
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from billing import customers, methods
from billing.customers import Contact, Customer
from billing.errors import ChangeRefused, IdConflict, UnknownId
from billing.methods import Method, MethodRequest
from tests.billing.books import Books, customer_request
from tests.billing.owed_samples import ALICE
from tests.conftest import Database

ADA = Contact(name="Ada Lovelace", email="ada@example.com")


def method(method_id: str = "pm_1", **changes: Any) -> MethodRequest:
    fields: dict[str, Any] = {"method_id": method_id, "customer_id": "cus_1", "gateway": "stripe"}
    return MethodRequest(**fields | {"token": f"tok_{method_id}", "actor": ALICE} | changes)


async def added(books: Books, *names: str, **changes: Any) -> None:
    for name in names:
        request = method(name, **changes)
        await books.step(partial(methods.add, request=request))


async def order(books: Books) -> list[str]:
    found = await books.step(lambda connection: methods.usable(connection, "cus_1"))
    return [each.method_id for each in found]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"customer_id": "ada@example.com"}, "should match pattern"),
        ({"customer_id": "4242424242424242"}, "looks like a card number"),
        ({"time_zone": "Mars/Olympus"}, "there is no time zone 'Mars/Olympus'"),
        ({"currency": "usd"}, "unknown currency"),
        ({"locale": "english"}, "should match pattern"),
        ({"country": "de"}, "should match pattern"),
        ({"type": "robot"}, "'person' or 'company'"),
    ],
)
def test_a_customer_that_cannot_be_billed_cannot_be_asked_for(changes: dict[str, Any], fault: str) -> None:
    """What is wrong is said before anything is written."""
    with pytest.raises(ValidationError, match=fault):
        customer_request(**changes)


async def test_an_id_stands_for_one_customer(books: Books) -> None:
    """Added again it is the same, whoever adds it; in another currency it is refused."""
    found, is_new = await books.step(lambda connection: customers.add(connection, customer_request(actor="person:bob")))
    assert (found.customer_id, is_new) == ("cus_1", False)
    with pytest.raises(IdConflict, match="customer cus_1 exists with other content"):
        await books.step(lambda connection: customers.add(connection, customer_request(currency="EUR")))


async def test_a_contact_is_erased_for_good(books: Books, database: Database) -> None:
    """Everything else stays, a repeated command brings nothing back, and no row of any table has the name any more."""
    await books.issue("in_1")
    await books.step(lambda connection: customers.add(connection, customer_request(), ADA))
    assert await books.step(lambda connection: customers.contact_of(connection, "cus_1")) == ADA
    other = Contact(name="Ada King")
    with pytest.raises(ChangeRefused, match="it has another contact"):
        await books.step(lambda connection: customers.add(connection, customer_request(), other))
    assert await books.step(lambda connection: customers.erase_contact(connection, "cus_1", actor=ALICE))
    assert not await books.step(lambda connection: customers.erase_contact(connection, "cus_1", actor=ALICE))
    assert await books.step(lambda connection: customers.contact_of(connection, "cus_1")) is None
    with pytest.raises(ChangeRefused, match="its contact was erased, and stays so"):
        await books.step(lambda connection: customers.add(connection, customer_request(), ADA))
    with psycopg.connect(database.superuser_url) as superuser:
        tables = superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        query = SQL("SELECT to_jsonb(t) FROM {} t")
        rows = [superuser.execute(query.format(Identifier(name))).fetchall() for (name,) in tables]
    assert "Ada" not in json.dumps(rows)
    assert await books.standing("in_1") == [("open", 1900)]


async def test_an_erased_contact_cannot_be_written_again(books: Books) -> None:
    """Not by another program either."""
    await books.step(lambda connection: customers.erase_contact(connection, "cus_1", actor=ALICE))
    with pytest.raises(Exception, match="the contact of customer cus_1 is erased, and stays so"):
        await books.step(
            lambda connection: connection.execute(
                text("UPDATE customer_contacts SET name = 'Ada', erased_at = NULL, erased_by = NULL")
            )
        )


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"token": "4242424242424242"}, "looks like a card number"),
        ({"mandate_reference": "4242-4242-4242-4242"}, "looks like a card number"),
        ({"fingerprint": "378282246310005"}, "looks like a card number"),
        ({"gateway": "Stripe!"}, "should match pattern"),
        ({"funding": "barter"}, "should match pattern"),
        ({"expires_on": "2026-13-01"}, "valid date"),
        ({"token": "with blank"}, "should match pattern"),
    ],
)
def test_what_is_no_token_is_refused(changes: dict[str, Any], fault: str) -> None:
    """A card number is in no column of ours."""
    with pytest.raises(ValidationError, match=fault):
        method(**changes)


async def test_methods_are_tried_in_the_order_of_preference(books: Books) -> None:
    """The one that was added first, until another is preferred; a removed one never, and its removal is not undone."""
    await added(books, "pm_1", "pm_2", "pm_3")
    assert await order(books) == ["pm_1", "pm_2", "pm_3"]
    await books.step(lambda connection: methods.prefer(connection, "pm_3"))
    await books.step(lambda connection: methods.prefer(connection, "pm_3"))
    assert await order(books) == ["pm_3", "pm_1", "pm_2"]
    gone = await books.step(lambda connection: methods.remove(connection, "pm_3", actor=ALICE))
    assert await books.step(lambda connection: methods.remove(connection, "pm_3", actor="person:bob")) == gone
    assert await order(books) == ["pm_1", "pm_2"]
    with pytest.raises(ChangeRefused, match="it was removed or replaced: add it again"):
        await books.step(lambda connection: methods.prefer(connection, "pm_3"))
    with pytest.raises(UnknownId, match="there is no payment method pm_9: check the id with `methods list`"):
        await books.step(lambda connection: methods.prefer(connection, "pm_9"))
    await added(books, "pm_4", token="tok_pm_3")
    assert await order(books) == ["pm_1", "pm_2", "pm_4"]


async def test_a_token_is_of_one_method(books: Books) -> None:
    """No other customer is charged with it, and one method's id is no other's."""
    await books.customer("cus_2")
    await added(books, "pm_1")
    with pytest.raises(ChangeRefused, match="its token at stripe is there as another one: remove that first"):
        await added(books, "pm_2", token="tok_pm_1", customer_id="cus_2")
    with pytest.raises(IdConflict, match="payment method pm_1 exists with other content"):
        await added(books, "pm_1", token="tok_other")


async def test_never_is_never_under_every_token_of_the_card(books: Books) -> None:
    """Also under one that is added later, and whatever is said after; another gateway's card is another one."""
    await added(books, "pm_1", "pm_2", fingerprint="fp_1")
    await added(books, "pm_3", fingerprint="fp_1", gateway="paypal")
    first = await books.step(lambda connection: methods.mark_never(connection, "pm_1", "visa 43, stolen card"))
    assert await books.step(lambda connection: methods.mark_never(connection, "pm_1", "do_not_honor")) == first
    await added(books, "pm_4", fingerprint="fp_1")
    assert await order(books) == ["pm_3"]
    with pytest.raises(ProgrammingError, match="permission denied for table cards"):
        await books.step(
            lambda connection: connection.execute(text("UPDATE cards SET never_at = NULL, never_because = NULL"))
        )


async def test_another_card_takes_the_place_of_one(books: Books) -> None:
    """With its preference, as after a network's update; a card of another customer does not."""
    await books.customer("cus_2")
    await added(books, "pm_1", "pm_2", "pm_3")
    await added(books, "pm_9", customer_id="cus_2")
    await books.step(lambda connection: methods.replace(connection, "pm_1", "pm_3"))
    assert await order(books) == ["pm_3", "pm_2"]
    for other in ("pm_9", "pm_2"):
        with pytest.raises(ChangeRefused, match="cannot take its place"):
            await books.step(partial(methods.replace, method_id="pm_2", by=other))


async def test_methods_that_are_added_at_once_are_in_an_order(books: Books) -> None:
    """Each has a preference of its own, so that the order is the same for everybody."""

    async def add(number: int) -> tuple[Method, bool]:
        return await books.step(lambda connection: methods.add(connection, method(f"pm_{number}")))

    found = await asyncio.gather(*(add(number) for number in range(8)))
    assert sorted(each.preference for each, _ in found) == list(range(1, 9))


async def test_customers_are_listed(books: Books) -> None:
    """Newest first, and no more than asked for."""
    await books.customer("cus_2")

    async def names(limit: int) -> list[str]:
        found: list[Customer] = list(await books.step(lambda connection: customers.find(connection, limit=limit)))
        return [each.customer_id for each in found]

    assert (await names(10), await names(1)) == (["cus_2", "cus_1"], ["cus_2"])
