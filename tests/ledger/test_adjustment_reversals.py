"""Persons undo an entry by an adjustment: its lines are frozen with it, and it is linked to what it undoes.

And no adjustment takes what the next fact of a gateway needs.
"""

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import adjustments, journal, posting, reports, reversals
from ledger.accounts import clearing, refunds_payable, revenue_refunds, revenue_sales
from ledger.adjustment_requests import AdjustmentRequest
from ledger.adjustments import Adjustment
from ledger.entries import Entry, Line, credit, debit
from ledger.errors import AdjustmentRefused, InvalidEntry
from ledger.money import Money
from tests.ledger.adjustment_samples import BANK, POST, ask, asked, entry_with, hold_role, say, set_tier, without_guard
from tests.ledger.samples import HAPPENED, fact, usd
from tests.ledger.wallets import entry

SALE = "sale"
TAKES = "it takes from liability:refunds_payable"


@pytest.fixture(autouse=True)
async def books(superuser: psycopg.Connection, connection: AsyncConnection) -> AsyncConnection:
    """Alice may ask, bob may approve; and there is a sale of 50.00."""
    hold_role(superuser, "alice", "bob")
    set_tier(superuser)
    await journal.post(connection, [sold(SALE), sold("other_sale")])
    await connection.commit()
    return connection


def sold(reference: str) -> Entry:
    """A sale of 50.00."""
    return entry(reference, debit(BANK, usd(5000)), credit(revenue_sales(), usd(5000)))


async def asks_to_undo(connection: AsyncConnection, adjustment_id: str, amount: Money) -> AdjustmentRequest:
    """Alice asks to undo a part of the sale."""
    original = await reversals.undoable(connection, SALE, but="")
    assert original is not None
    lines = reversals.in_part(original, amount)
    return asked(adjustment_id, reverses=SALE, lines=lines, event_at=original.event_at)


async def approved(
    connection: AsyncConnection, application: psycopg.Connection, request: AdjustmentRequest
) -> Adjustment:
    """Write a request down, and let bob approve it."""
    adjustment = await adjustments.request(connection, request)
    await connection.commit()
    assert say(application, request, "bob") == "approved"
    return adjustment


async def post(engine: AsyncEngine, adjustment_id: str) -> Adjustment:
    """Post what was approved."""
    async with engine.begin() as connection:
        return await adjustments.post(connection, adjustment_id)


async def test_a_part_is_undone_as_it_was_approved_and_linked_both_ways(
    books: AsyncConnection, application: psycopg.Connection, engine: AsyncEngine
) -> None:
    """The lines are frozen with the request, and the original says by what it is undone and what is left."""
    request = await asks_to_undo(books, "adj_1", usd(2000))
    adjustment = await approved(books, application, request)
    assert (adjustment.reverses, adjustment.request()) == (SALE, request)
    await post(engine, "adj_1")
    made = await reports.entry_by_reference(books, "adjustment/adj_1")
    original = await reports.entry_by_reference(books, SALE)
    assert made is not None
    assert original is not None
    assert (made.reverses, made.event_at) == (SALE, HAPPENED)
    assert [(line.account, line.side, line.amount_minor) for line in made.lines] == [
        (BANK.code, "credit", 2000),
        ("revenue:sales", "debit", 2000),
    ]
    assert (original.reversed_by, original.left_to_undo) == (("adjustment/adj_1",), {"USD": 3000})


async def test_of_two_that_were_approved_the_later_one_is_refused_where_too_little_is_left(
    books: AsyncConnection, application: psycopg.Connection, engine: AsyncEngine
) -> None:
    """Approvals are of what was left then; what is left now decides, and the refusal is one line."""
    for adjustment_id in ("adj_1", "adj_2"):
        await approved(books, application, await asks_to_undo(books, adjustment_id, usd(3000)))
    await post(engine, "adj_1")
    with pytest.raises(AdjustmentRefused) as refused:
        await post(engine, "adj_2")
    assert str(refused.value) == (
        "entry adjustment/adj_2 is refused: of account bank:main in USD it undoes 3000 minor units of sale, of which 2000 are left"
    )
    assert await reports.entry_by_reference(books, "adjustment/adj_2") is None


@pytest.mark.parametrize(
    "tampered", ["given #- '{0,reverses}'", """jsonb_set(given, '{0,reverses}', '"other_sale"')"""]
)
async def test_what_is_undone_is_held_against_what_was_approved(
    books: AsyncConnection, application: psycopg.Connection, superuser: psycopg.Connection, tampered: str
) -> None:
    """The link is part of what was approved: a posting function that leaves it out, or names another, posts nothing."""
    await approved(books, application, await asks_to_undo(books, "adj_1", usd(2000)))
    [(result,)] = superuser.execute("SELECT pg_get_function_result('post_entries'::regproc)").fetchall()
    superuser.execute("ALTER FUNCTION public.post_entries(jsonb) RENAME TO post_what_is_given")
    superuser.execute(
        f"CREATE FUNCTION public.post_entries(given jsonb) RETURNS {result} LANGUAGE sql AS $$"  # noqa: S608 # our own words
        f" SELECT * FROM public.post_what_is_given({tampered}) $$".encode()
    )
    application.execute(POST, ["adj_1"])
    with pytest.raises(psycopg.Error, match="it is not the one that was approved"):
        application.commit()


def takes(amount_minor: int = 1000) -> tuple[Line, ...]:
    """Lines that take from what is owed for refunds."""
    return debit(refunds_payable(), usd(amount_minor)), credit(revenue_refunds(), usd(amount_minor))


def forged(request: AdjustmentRequest, lines: tuple[Line, ...]) -> str:
    """The canonical entry of a request with lines that Python would not let through."""
    return entry_with(request, lines=[line.given() for line in lines])


def test_no_adjustment_takes_what_the_next_refund_needs(application: psycopg.Connection) -> None:
    """What is owed for refunds is guarded: what a person took from it would be missing when a gateway's refund is booked."""
    with pytest.raises(InvalidEntry, match=TAKES):
        asked(lines=takes()).entry()
    with pytest.raises(psycopg.Error, match=TAKES):
        ask(application, asked(), forged(asked(), takes()))
    application.rollback()
    yen = tuple(line.model_copy(update={"money": Money(amount_minor=9, currency="JPY")}) for line in takes())
    with pytest.raises(psycopg.Error, match=TAKES):
        ask(application, asked(), forged(asked(), (*yen, *(line.reversed() for line in takes()))))


async def test_an_adjustment_that_was_asked_for_before_is_refused_when_it_is_posted(
    books: AsyncConnection, application: psycopg.Connection, superuser: psycopg.Connection
) -> None:
    """Where a version that did not look let it in; and the refund that needs the money is booked all the same."""
    refund = fact(kind="refund", amount_minor=1000)
    await journal.post(books, [posting.refund_reserved(refund)])
    await books.commit()
    request, content = asked(), forged(asked(), takes())
    ask(application, request)
    with without_guard(superuser, "adjustments", "adjustment_follows_its_decisions"):
        superuser.execute("UPDATE adjustments SET entry = %s, entry_hash = sha256(%s)", [content, content.encode()])
    [(seen,)] = superuser.execute("SELECT encode(entry_hash, 'hex') FROM adjustments").fetchall()
    assert say(application, request, "bob", "approve", seen) == "approved"
    with pytest.raises(psycopg.Error, match=TAKES):
        application.execute(POST, ["adj_1"])
    application.rollback()
    assert (await journal.post(books, [posting.refund_succeeded(refund, refund.money)]))[0].is_new


def test_what_is_owed_for_refunds_may_be_raised_by_hand(application: psycopg.Connection) -> None:
    """More of it is in no fact's way; and clearing and the others are as free as before."""
    raised = tuple(line.reversed() for line in takes())
    assert ask(application, asked(lines=raised))
    other = (debit(clearing("stripe"), usd(1)), credit(revenue_sales(), usd(1)))
    assert ask(application, asked("adj_2", lines=other))
