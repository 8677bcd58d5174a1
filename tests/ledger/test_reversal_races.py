"""Many undo parts of one entry at once: the sums are exact, nobody locks another out, and nothing is undone twice."""

import threading
from collections import Counter

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import journal, reports
from ledger.accounts import clearing, revenue_sales
from ledger.database import create_engine
from ledger.entries import Entry, credit, debit
from ledger.reversal_errors import ReversalExceeds
from tests.conftest import Database
from tests.ledger.samples import usd
from tests.ledger.test_journal_races import race
from tests.ledger.wallets import entry

UNDOERS = 20
PARTS = 50
PART, WHOLE = 300, 9_700
"""50 parts want 15,000: 32 of them fit, and 100 are left that no part fits in."""
BY_HAND = (
    "WITH e AS (INSERT INTO entries (reference, rule, description, event_at, actor, line_count, totals, content_hash,"
    " reverses_entry_id) SELECT '{name}', 'by_hand', 'by hand', now(), 'person:owner', 2, '{{\"USD\": 5000}}', '',"
    " entry_id FROM entries WHERE reference = 'sale_0' RETURNING entry_id), l AS (INSERT INTO lines (entry_id,"
    " line_number, account_id, side, amount_minor, currency, sequence, before_minor, after_minor, event_at,"
    " recorded_at, event_high) SELECT e.entry_id, n, a.account_id, s, 5000, 'USD', {place} + n, 0, 5000, now(), now(),"
    " now() FROM e, (VALUES (1, 'revenue:sales', 'debit'), (2, 'clearing:stripe', 'credit')) v (n, c, s)"
    " JOIN accounts a ON a.code = v.c) SELECT"
)


def back(reference: str, of: str, amount_minor: int = PART) -> Entry:
    """A part of a sale taken back."""
    money = usd(amount_minor)
    made = entry(reference, debit(revenue_sales(), money), credit(clearing("stripe"), money))
    return made.model_copy(update={"reverses": of})


@pytest.fixture(autouse=True)
async def sales(connection: AsyncConnection) -> None:
    """Sales that are there to be undone."""
    made = [
        entry(f"sale_{number}", debit(clearing("stripe"), usd(WHOLE)), credit(revenue_sales(), usd(WHOLE)))
        for number in range(4)
    ]
    await journal.post(connection, made)
    await connection.commit()


async def left_of(connection: AsyncConnection, reference: str) -> tuple[int, int]:
    """How many parts undo an entry, and what they have left of it."""
    found = await reports.entry_by_reference(connection, reference)
    assert found is not None
    return len(found.reversed_by), (found.left_to_undo or {}).get("USD", WHOLE)


async def test_of_fifty_parts_at_once_as_many_are_undone_as_fit(
    database: Database, connection: AsyncConnection
) -> None:
    """Each of the others hears how much is left; what was undone and what is left are the whole."""
    engine = create_engine(database.app_url, PARTS)
    results = await race(engine, [[back(f"part_{number}", "sale_0")] for number in range(PARTS)])
    await engine.dispose()
    fit = WHOLE // PART
    assert Counter(type(result) for result in results) == {list: fit, ReversalExceeds: PARTS - fit}
    assert await left_of(connection, "sale_0") == (fit, WHOLE - fit * PART)
    refusals = [result for result in results if isinstance(result, ReversalExceeds)]
    assert {refusal.left for refusal in refusals} == {usd(WHOLE - fit * PART)}


async def test_one_part_that_comes_fifty_times_is_undone_once(engine: AsyncEngine, connection: AsyncConnection) -> None:
    """A step that is repeated by many finds the entry that one of them posted."""
    results = await race(engine, [[back("part", "sale_0")] for _ in range(UNDOERS)])
    rows = [row for result in results if isinstance(result, list) for row in result]
    assert Counter(row.is_new for row in rows) == {True: 1, False: UNDOERS - 1}
    assert await left_of(connection, "sale_0") == (1, WHOLE - PART)


async def test_bulks_that_undo_the_same_entries_in_another_order_do_not_lock_each_other_out(
    engine: AsyncEngine, connection: AsyncConnection
) -> None:
    """Originals are locked in one order, whatever the order in which they are named."""
    orders = [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 3, 0, 2)]
    bulks = [[back(f"{number}_{of}", f"sale_{of}") for of in orders[number % len(orders)]] for number in range(UNDOERS)]
    results = await race(engine, bulks)
    assert [result for result in results if not isinstance(result, list)] == []
    assert await left_of(connection, "sale_3") == (UNDOERS, WHOLE - UNDOERS * PART)


def test_whoever_writes_by_hand_waits_for_the_original_too(
    owner: psycopg.Connection, superuser: psycopg.Connection
) -> None:
    """Two who lock no balances, as the posting function does, still see what the other has undone: one is refused."""
    owner.execute(BY_HAND.format(name="first", place=1000).encode())
    refusals: list[str] = []

    def second() -> None:
        try:
            superuser.execute(BY_HAND.format(name="second", place=2000).encode())
        except psycopg.Error as error:
            refusals.append(str(error))

    other = threading.Thread(target=second)
    other.start()
    other.join(timeout=1)
    assert other.is_alive()
    owner.commit()
    other.join(timeout=30)
    assert len(refusals) == 1
    assert "of which 4700 are left" in refusals[0]
