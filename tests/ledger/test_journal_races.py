"""Many post at once: each entry is posted once, nobody waits for an account, and nobody locks another out."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import history, journal, posting, reports
from ledger.accounts import Account, AccountType, Side, clearing, receivable
from ledger.entries import Entry, credit, debit
from ledger.errors import AccountConflict, ReferenceConflict
from ledger.journal import PostedEntry
from ledger.money import Money
from ledger.reversal_errors import ReversalExceeds
from tests.ledger.samples import capture, fact, usd

POSTERS = 20


async def post(engine: AsyncEngine, entries: Sequence[Entry], start: asyncio.Barrier) -> list[PostedEntry]:
    """Post in a transaction of its own, at the same moment as the others."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        await start.wait()
        posted = await journal.post(connection, entries)
        await connection.commit()
        return posted


async def race(engine: AsyncEngine, posters: Sequence[Sequence[Entry]]) -> list[list[PostedEntry] | BaseException]:
    """Let each poster post its entries, all at once."""
    start = asyncio.Barrier(len(posters))
    return await asyncio.gather(*(post(engine, entries, start) for entries in posters), return_exceptions=True)


async def test_of_twenty_who_post_the_same_entry_one_does(engine: AsyncEngine, connection: AsyncConnection) -> None:
    """A worker that was thought dead and its successor write one entry, and both hear of the same one."""
    results = await race(engine, [[capture()]] * POSTERS)
    posted = [row for rows in results if isinstance(rows, list) for row in rows]
    assert len(posted) == POSTERS, results
    assert Counter(row.is_new for row in posted) == {True: 1, False: POSTERS - 1}
    assert len({row.entry_id for row in posted}) == 1
    assert len(await reports.entries(connection)) == 1
    assert [row.debit_minor for row in await history.trial_balance(connection)] == [4999, 0]


async def test_of_twenty_facts_under_one_reference_one_is_posted(
    engine: AsyncEngine, connection: AsyncConnection
) -> None:
    """The others hear that the reference is taken: none is dropped in silence."""
    results = await race(engine, [[capture(amount_minor=1000 + number)] for number in range(POSTERS)])
    assert Counter(type(result) for result in results) == {list: 1, ReferenceConflict: POSTERS - 1}
    assert len(await reports.entries(connection)) == 1


async def test_of_twenty_who_take_an_entry_back_one_does(engine: AsyncEngine, connection: AsyncConnection) -> None:
    """All of them hear that it is taken back; whoever wants to do so under another reference is refused."""
    await journal.post(connection, [posting.outcome_unknown(fact())])
    await connection.commit()
    known = posting.outcome_known(fact())
    results = await race(engine, [[known]] * POSTERS)
    assert Counter(row.is_new for rows in results if isinstance(rows, list) for row in rows) == {
        True: 1,
        False: POSTERS - 1,
    }
    await journal.post(connection, [posting.outcome_unknown(fact("ch_2"))])
    await connection.commit()
    known = posting.outcome_known(fact("ch_2"))
    rivals = [known.model_copy(update={"reference": f"back_{number}"}) for number in range(POSTERS)]
    results = await race(engine, [[rival] for rival in rivals])
    assert Counter(type(result) for result in results) == {list: 1, ReversalExceeds: POSTERS - 1}
    assert len(await reports.entries(connection)) == 4


async def test_accounts_are_opened_once_by_many(engine: AsyncEngine, connection: AsyncConnection) -> None:
    """The first postings of the day all need the same new accounts, and each names them in another order."""

    def transfer(number: int) -> Entry:
        customers = [receivable(f"cus_{(number + step) % POSTERS}") for step in range(POSTERS)]
        lines = [debit(customer, usd(1)) for customer in customers] + [credit(clearing("stripe"), usd(POSTERS))]
        return capture(f"ch_{number}").model_copy(update={"lines": tuple(lines)})

    results = await race(engine, [[transfer(number)] for number in range(POSTERS)])
    assert [result for result in results if isinstance(result, BaseException)] == []
    balances = await reports.account_balances(connection, prefix="receivable:")
    assert [row.balance_minor for row in balances] == [POSTERS] * POSTERS


async def test_of_two_types_for_a_new_account_one_wins(engine: AsyncEngine) -> None:
    """An account cannot be opened twice over as two things, however close together."""
    kinds = [AccountType.ASSET, AccountType.LIABILITY]

    def entry(number: int) -> Entry:
        account = Account(code="bank:main", type=kinds[number % 2], normal_side=Side.DEBIT)
        lines = debit(account, usd(1)), credit(clearing("stripe"), usd(1))
        return capture(f"ch_{number}").model_copy(update={"lines": lines})

    results = await race(engine, [[entry(number)] for number in range(POSTERS)])
    assert Counter(type(result) for result in results) == {list: POSTERS // 2, AccountConflict: POSTERS // 2}


def moves(reference: str, codes: str, currency: str = "USD") -> Entry:
    """An entry whose lines name these accounts in this order."""
    money = Money(amount_minor=1, currency=currency)
    lines = [side(receivable(code), money) for code in codes for side in (debit, credit)]
    return capture().model_copy(update={"reference": reference, "lines": tuple(lines)})


OPPOSITES = {
    "entries": ([moves("b", "x")], [moves("a", "x"), moves("b", "x"), moves("c", "x")]),
    "accounts": ([moves("first", "b")], [moves("second", "abc")]),
    "currencies": ([moves("first", "b", "EUR")], [moves("second", "abc", "EUR")]),
}


@pytest.mark.parametrize("what", OPPOSITES)
async def test_postings_in_opposite_orders_do_not_lock_each_other_out(
    engine: AsyncEngine, connection: AsyncConnection, what: str
) -> None:
    """Two that need the same things in opposite orders, and meet in the middle, both get them."""
    await journal.post(connection, [moves("before", "abcx")])
    if what == "accounts":
        await connection.rollback()
    await connection.commit()
    held, wanted = OPPOSITES[what]
    await journal.post(connection, held)  # and left open, so that both stop half way
    backwards = [
        entry.model_copy(update={"lines": entry.lines[::-1]} | ({} if what == "entries" else {"reference": "third"}))
        for entry in wanted[::-1]
    ]
    rivals = [asyncio.create_task(post(engine, entries, asyncio.Barrier(1))) for entries in (wanted, backwards)]
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with engine.connect() as other, asyncio.timeout(10):
        while await other.scalar(waiting) < 2:
            await asyncio.sleep(0.02)
            await other.rollback()
    await connection.rollback()
    assert [type(result) for result in await asyncio.gather(*rivals, return_exceptions=True)] == [list, list]


async def test_postings_on_the_same_account_come_one_after_the_other(
    engine: AsyncEngine, connection: AsyncConnection
) -> None:
    """Each line says what its account held before it: a posting waits for the commit of the one before, and for no more."""
    await journal.post(connection, [capture("ch_1")])
    await connection.commit()
    await journal.post(connection, [capture("ch_2")])  # and left open
    async with engine.connect() as other:
        await other.execute(text("SET LOCAL lock_timeout = '1s'"))
        elsewhere = moves("elsewhere", "x")
        assert (await journal.post(other, [elsewhere]))[0].is_new
        await other.commit()
        waiting = asyncio.create_task(journal.post(other, [capture("ch_3")]))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await connection.commit()
        assert (await waiting)[0].is_new


@pytest.mark.parametrize("ends", ["commit", "rollback"])
async def test_a_poster_waits_for_a_rival_with_the_same_reference(
    engine: AsyncEngine, connection: AsyncConnection, ends: str
) -> None:
    """Whether the entry is there is not known before the rival's transaction ends; then it is posted once either way."""
    first = await journal.post(connection, [capture()])
    async with engine.connect() as other:
        waiting = asyncio.create_task(journal.post(other, [capture()]))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await getattr(connection, ends)()
        second = await waiting
        await other.commit()
        assert second[0].is_new == (ends == "rollback")
        assert (second[0].entry_id == first[0].entry_id) == (ends == "commit")
        assert len(await reports.entries(other)) == 1
