"""Accounts and entries as they are listed: by page, with where they come from, and never without end."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import history, journal, posting, reports
from tests.ledger.samples import capture, fact, fee, two_currencies


@pytest.fixture
async def books(connection: AsyncConnection) -> None:
    """Three captures with fees, one of them refunded; then an entry in two currencies."""
    for charge_id in ("ch_1", "ch_2", "ch_3"):
        await journal.post(connection, [capture(charge_id), fee(charge_id)])
    refund = fact("ch_2", 1000, kind="refund")
    await journal.post(connection, [posting.refund_reserved(refund)])
    await journal.post(connection, [posting.refund_succeeded(refund, refund.money)])
    await journal.post(connection, [two_currencies()])
    await connection.commit()


async def test_balances_are_listed_by_code_and_page(connection: AsyncConnection, books: None) -> None:
    """One page goes on where the last ended, also in the middle of an account's currencies."""
    first = await reports.account_balances(connection, limit=3)
    rest = await reports.account_balances(connection, after=(first[-1].account, first[-1].currency))
    assert [(row.account, row.currency) for row in first + rest] == [
        ("clearing:stripe", "JPY"),
        ("clearing:stripe", "USD"),
        ("expense:gateway_fees", "JPY"),
        ("expense:gateway_fees", "USD"),
        ("liability:refunds_payable", "USD"),
        ("revenue:refunds", "USD"),
        ("revenue:sales", "USD"),
    ]
    trial = {(row.account, row.currency): row.balance_minor for row in await history.trial_balance(connection)}
    assert {(row.account, row.currency): row.balance_minor for row in first + rest} == trial
    found = await reports.account_balances(connection, prefix="revenue:", currency="USD")
    assert [row.account for row in found] == ["revenue:refunds", "revenue:sales"]
    assert await reports.account_balances(connection, prefix="revenue%") == []


async def test_entries_are_listed_oldest_first_the_last_of_them(connection: AsyncConnection, books: None) -> None:
    """A journal is read like a log."""
    everything = await reports.entries(connection)
    assert len(everything) == 9
    assert [entry.entry_id for entry in everything] == sorted(entry.entry_id for entry in everything)
    assert await reports.entries(connection, limit=2) == everything[-2:]
    of_charge = await reports.entries(connection, charge_id="ch_2")
    assert [entry.reference for entry in of_charge] == [
        "ch_2:capture:1",
        "ch_2:capture:1:fee",
        "ch_2:refund:1:reserved",
        "ch_2:refund:1",
    ]
    last = everything[-1]
    assert await reports.entries(connection, since=last.recorded_at) == [last]
    assert await reports.entries(connection, since=last.recorded_at + timedelta(seconds=1)) == []


async def test_an_entry_is_found_by_its_reference(connection: AsyncConnection, books: None) -> None:
    """The operation's name is all that is needed to find what it did to the books."""
    entry = await reports.entry_by_reference(connection, "exchange_1")
    assert entry is not None
    assert [(line.account, line.side, line.amount_minor, line.currency) for line in entry.lines] == [
        (line.account.code, line.side, line.money.amount_minor, line.money.currency) for line in two_currencies().lines
    ]
    assert await reports.entry_by_reference(connection, "nothing") is None


async def test_an_entry_says_what_it_did_to_each_balance(connection: AsyncConnection, books: None) -> None:
    """Whoever doubts a balance follows it from entry to entry: each starts where the one before it ended."""
    capture_, refund = [
        entry
        for reference in ("ch_2:capture:1", "ch_2:refund:1:reserved")
        if (entry := await reports.entry_by_reference(connection, reference)) is not None
    ]
    assert [(line.account, line.sequence, line.before_minor, line.after_minor) for line in capture_.lines] == [
        ("clearing:stripe", 3, 4824, 9823),
        ("revenue:sales", 2, 4999, 9998),
    ]
    assert [(line.sequence, line.before_minor, line.after_minor) for line in refund.lines] == [(1, 0, 1000)] * 2


async def test_an_entry_and_the_one_that_undoes_it_name_each_other(connection: AsyncConnection) -> None:
    """From either of the two a reader finds the other."""
    await journal.post(connection, [posting.outcome_unknown(fact())])
    await journal.post(connection, [posting.outcome_known(fact())])
    unknown, known = await reports.entries(connection)
    assert (unknown.reverses, unknown.reversed_by) == (None, (known.reference,))
    assert (known.reverses, known.reversed_by) == (unknown.reference, ())


async def test_every_list_has_a_limit(connection: AsyncConnection) -> None:
    """Nobody reads, or can be made to send, a million rows."""
    await journal.post(connection, [capture(f"ch_{number}") for number in range(1000)])
    await journal.post(connection, [capture("ch_last")])
    assert len(await reports.entries(connection, limit=10**9)) == reports.MAX_LISTED
    assert len(await reports.entries(connection)) == 100


async def test_reports_of_empty_books_are_empty(connection: AsyncConnection) -> None:
    """The first day has no special case."""
    assert await reports.account_balances(connection) == []
    assert await reports.entries(connection) == []
