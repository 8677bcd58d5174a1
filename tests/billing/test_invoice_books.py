"""Invoices in the database: numbered without gaps whatever races or fails, and each step of their life once."""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from billing import invoice_books
from billing.errors import ChangeRefused, IdConflict, UnknownId
from ledger.errors import AccountNotInChart
from tests.billing.books import Books
from tests.billing.owed_samples import ALICE, asked, line
from tests.conftest import Database

RACERS = 50


async def numbers(books: Books) -> list[tuple[str, int]]:
    rows = await books.step(
        lambda connection: connection.execute(
            text("SELECT series, sequence FROM invoices WHERE sequence IS NOT NULL ORDER BY finalized_at")
        )
    )
    return [(series, number) for series, number in rows]


async def test_fifty_finalisations_that_race_are_numbered_without_a_gap(books: Books) -> None:
    """In the order in which they were finalised; some of them the same invoice, and some that fail and leave no gap."""
    # Of many customers: steps of one would follow each other anyway.
    for number in range(RACERS // 5):
        await books.customer(f"cus_of_{number}")
    for number in range(RACERS):
        request = asked(invoice_id=f"in_{number}", customer_id=f"cus_of_{number // 5}")
        await books.step(partial(invoice_books.draft, request=request))

    async def fail(name: str) -> None:
        async with books.engine.connect() as connection:
            await invoice_books.finalize(connection, name, actor=ALICE)
            await connection.rollback()

    tries: list[Awaitable[object]] = [
        books.finalize(f"in_{number}") for number in range(0, RACERS, 2) for _ in range(2)
    ]
    tries += [fail(f"in_{number}") for number in range(1, RACERS, 2)]
    await asyncio.gather(*tries)
    assert await numbers(books) == [("INV", number) for number in range(1, RACERS // 2 + 1)]
    await asyncio.gather(*(books.finalize(f"in_{number}") for number in range(RACERS)))
    assert await numbers(books) == [("INV", number) for number in range(1, RACERS + 1)]
    assert await books.differences() == []


async def test_each_series_has_numbers_of_its_own(books: Books) -> None:
    """A year or a company of its own starts at 1, and is printed with six digits at least."""
    for number, series in enumerate(("INV", "2027", "INV")):
        await books.step(partial(invoice_books.draft, request=asked(invoice_id=f"in_{number}")))
        await books.finalize(f"in_{number}", series=series)
    found = [(await books.invoice(f"in_{number}")).number for number in range(3)]
    assert found == ["INV-000001", "2027-000001", "INV-000002"]


async def test_a_draft_has_no_number_and_is_owed_by_nobody(books: Books) -> None:
    """One that is called off leaves no gap and nothing in the books."""
    await books.step(lambda connection: invoice_books.draft(connection, asked(1900, invoice_id="in_1")))
    draft = await books.invoice("in_1")
    assert (draft.state, draft.number, draft.total_minor, draft.due_minor) == ("draft", None, 1900, 0)
    await books.void("in_1")
    issued = await books.issue("in_2")
    assert issued.number == "INV-000001"
    assert await books.balances() == {"receivable:cus_1": 1900, "revenue:subscriptions": 1900}


async def test_an_id_stands_for_one_invoice(books: Books) -> None:
    """Asked again, before and after it was issued, it is the same; with another amount it is refused."""
    request = asked(1900)
    _, is_new = await books.step(lambda connection: invoice_books.draft(connection, request))
    issued = await books.finalize("in_1")
    again, is_new_again = await books.step(lambda connection: invoice_books.draft(connection, request))
    assert (again, is_new, is_new_again) == (issued, True, False)
    assert await books.finalize("in_1") == issued
    with pytest.raises(IdConflict, match="invoice in_1 exists with other content"):
        await books.step(lambda connection: invoice_books.draft(connection, asked(1901)))
    with pytest.raises(ChangeRefused, match="it is in EUR, and customer cus_1 is billed in USD"):
        await books.step(lambda connection: invoice_books.draft(connection, asked(invoice_id="in_2", currency="EUR")))
    with pytest.raises(UnknownId, match="there is no customer cus_9: check the id with `customers list`"):
        await books.step(lambda connection: invoice_books.draft(connection, asked(customer_id="cus_9")))
    with pytest.raises(UnknownId, match="there is no invoice in_9: check the id with `invoices list`"):
        await books.finalize("in_9")


async def test_drafts_of_one_id_that_race_are_one(books: Books) -> None:
    """With its lines once."""
    request = asked(1000, 900)
    await asyncio.gather(*(books.step(lambda c: invoice_books.draft(c, request)) for _ in range(8)))
    assert (await books.invoice("in_1")).total_minor == 1900


async def test_an_account_that_the_chart_has_not_leaves_the_draft_a_draft(books: Books) -> None:
    """Without a number that is gone."""
    request = asked(lines=(line(100, "tax:nowhere"),))
    await books.step(lambda connection: invoice_books.draft(connection, request))
    with pytest.raises(AccountNotInChart):
        await books.finalize("in_1")
    assert (await books.invoice("in_1")).state == "draft"
    assert (await books.issue("in_2")).number == "INV-000001"


async def test_what_is_called_off_is_undone_in_the_books(books: Books) -> None:
    """In full and linked; a second time changes nothing, and the number stays taken."""
    request = asked(lines=(line(1000), line(190, "tax:payable"), line(500, "liability:deferred_revenue")))
    await books.step(lambda connection: invoice_books.draft(connection, request))
    await books.finalize("in_1")
    void = await books.void("in_1")
    assert (void.state, void.due_minor, void.number) == ("void", 0, "INV-000001")
    assert await books.void("in_1") == void
    assert await books.balances() == {}
    query = text(
        "SELECT e.reference FROM entries e JOIN entries v ON v.reverses_entry_id = e.entry_id"
        " WHERE v.reference = 'invoice/in_1:voided'"
    )
    assert (await books.step(lambda connection: connection.scalar(query))) == "invoice/in_1:issued"


async def test_an_invoice_over_nothing_is_paid_as_it_is_issued(books: Books) -> None:
    """A period that costs nothing has its number, and no entry."""
    free = await books.issue("in_1", 500, -500)
    assert (free.state, free.number) == ("paid", "INV-000001")
    assert await books.balances() == {}


async def test_what_does_not_follow_is_refused(books: Books) -> None:
    """Each with a line that says why, and nothing changed."""
    await books.issue("in_1", 1000)
    await books.pay(400)
    with pytest.raises(ChangeRefused, match=r"4\.00 USD of it is paid: refund that first, or write the rest off"):
        await books.void("in_1")
    written = await books.write_off("in_1")
    assert await books.write_off("in_1") == written
    with pytest.raises(ChangeRefused, match="it is uncollectible, and one can void only what is draft or open"):
        await books.void("in_1")
    await books.issue("in_2", 1000)
    await books.void("in_2")
    with pytest.raises(ChangeRefused, match="it is void, and one can write off only what is open"):
        await books.write_off("in_2")
    await books.step(lambda connection: invoice_books.draft(connection, asked(invoice_id="in_3")))
    await books.void("in_3")
    with pytest.raises(ChangeRefused, match="it is void, and one can finalize only what is draft"):
        await books.finalize("in_3")
    assert await books.differences() == []


async def test_the_difference_between_billing_and_the_journal_is_found(books: Books, database: Database) -> None:
    """A sum that somebody changed, and an entry that somebody posted, are told of by customer, charge and invoice."""
    await books.issue("in_1", 1000)
    await books.charge("ch_1", 400, "in_1")
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        superuser.execute("ALTER TABLE invoices DISABLE TRIGGER USER")
        superuser.execute("UPDATE invoices SET applied_minor = 100")
    assert await books.differences() == [
        "charge ch_1: 4.00 USD of it pays what is owed, and 0.00 USD is applied: run `invoices apply ch_1`",
        (
            "customer cus_1: 9.00 USD is owed, and 6.00 USD is booked as owed; 0.00 USD is credit, and 0.00 USD is booked"
            " as credit: compare with `ledger statement receivable:cus_1`"
        ),
        "invoice in_1: 1.00 USD is applied, and its applications sum to 0.00 USD",
    ]


REFUSED: list[tuple[str, str]] = [
    (
        "UPDATE invoices SET series = 'A', finalized_at = now(), finalized_by = 'm' WHERE invoice_id = 'in_1'",
        "stays as it was",
    ),
    ("UPDATE invoices SET finalized_at = NULL, finalized_by = NULL, series = NULL WHERE invoice_id = 'in_1'", "stays"),
    ("UPDATE invoices SET finalized_by = 'mallory' WHERE invoice_id = 'in_1'", "stays as it was"),
    ("UPDATE invoices SET voided_at = now(), voided_by = 'm', voided_because = 'x' WHERE invoice_id = 'in_1'", "paid"),
    (
        "UPDATE invoices SET written_off_at = now(), written_off_by = 'm', written_off_because = 'x' WHERE invoice_id = 'in_2'",
        "draft",
    ),
    ("INSERT INTO invoice_lines VALUES ('in_1', 9, 'x', 1, 'revenue:x')", "lines are added to drafts only"),
    ("INSERT INTO invoice_lines VALUES ('in_2', 9, 'x', 1, 'bank:main')", "invoice_line_earns"),
    (
        "INSERT INTO payment_applications (payment_id, invoice_id, amount_minor, applied_by) VALUES ('outside/p1', 'in_1', 601, 'm')",
        "applied_within_total",
    ),
    (
        "INSERT INTO payment_applications (payment_id, invoice_id, amount_minor, applied_by) VALUES ('outside/p1', 'in_1', 1, 'm')",
        "applied_within_payment",
    ),
    (
        "INSERT INTO payment_applications (payment_id, invoice_id, amount_minor, applied_by) VALUES ('outside/p1', 'in_2', 1, 'm')",
        "applied_",
    ),
    (
        "INSERT INTO payment_applications (payment_id, invoice_id, amount_minor, applied_by) VALUES ('outside/p1', 'in_1', -401, 'm')",
        "applied_within_total|taken back",
    ),
    (
        "INSERT INTO payment_applications (payment_id, invoice_id, amount_minor, applied_by) VALUES ('outside/p3', 'in_1', -1, 'm')",
        "no more is taken back",
    ),
    (
        "INSERT INTO payment_applications (payment_id, invoice_id, amount_minor, applied_by) VALUES ('outside/p2', 'in_1', 1, 'm')",
        "one customer",
    ),
    ("UPDATE payments SET amount_minor = 9999 WHERE payment_id = 'outside/p1'", "what came in stays as it was"),
    ("UPDATE payments SET amount_minor = 0 WHERE payment_id = 'outside/p1'", "what came in stays as it was"),
    (
        "INSERT INTO invoices (invoice_id, customer_id, currency, request_hash, created_by) VALUES ('in_9', 'cus_1', 'EUR', '', 'm')",
        "customers_currency",
    ),
]


@pytest.mark.parametrize(("statement", "why"), REFUSED)
async def test_postgresql_refuses_what_the_code_would_not_do(books: Books, statement: str, why: str) -> None:
    """Whoever asks, with the application's role: no number is given twice, and no more applied than is paid or owed."""
    await books.customer("cus_2")
    await books.issue("in_1", 1000)
    await books.pay(400)
    await books.pay(50, "p2", customer_id="cus_2")
    await books.issue("in_3", 200)
    await books.pay(200, "p3", invoices=("in_3",))
    await books.step(lambda connection: invoice_books.draft(connection, asked(invoice_id="in_2")))

    async def attempt(connection: Any) -> None:
        await connection.execute(text(statement))

    with pytest.raises(Exception, match=why):
        await books.step(attempt)
    assert await books.standing("in_1", "in_2") == [("open", 600), ("draft", 0)]
