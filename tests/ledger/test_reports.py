"""Reports: balances are sums of lines, statements run on from page to page, nothing is listed without end."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import journal, posting, reports
from ledger.accounts import AccountType, Side
from ledger.errors import TooManyRows, UnknownAccount
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


async def test_a_trial_balance_sums_up_every_account(connection: AsyncConnection, books: None) -> None:
    """Finance reads here whether the books balance, and what each account holds on its own side."""
    rows = await reports.trial_balance(connection)
    assert [(row.currency, row.account, row.debit_minor, row.credit_minor, row.balance_minor) for row in rows] == [
        ("JPY", "clearing:stripe", 800, 0, 800),
        ("JPY", "expense:gateway_fees", 0, 800, -800),
        ("USD", "clearing:stripe", 3 * 4999 + 500, 3 * 175 + 1000, 3 * 4824 - 500),
        ("USD", "expense:gateway_fees", 525, 0, 525),
        ("USD", "liability:refunds_payable", 1000, 1000, 0),
        ("USD", "revenue:refunds", 1000, 0, 1000),
        ("USD", "revenue:sales", 0, 3 * 4999 + 500, 3 * 4999 + 500),
    ]
    assert (rows[0].type, rows[0].normal_side) == (AccountType.ASSET, Side.DEBIT)
    assert await reports.trial_balance(connection, currency="JPY") == rows[:2]


async def test_a_trial_balance_is_whole_or_refused(connection: AsyncConnection, books: None) -> None:
    """A part of one would not balance, and look like a fault in the books."""
    assert len(await reports.trial_balance(connection, limit=7)) == 7
    with pytest.raises(TooManyRows, match="more than 6 rows: ask for one currency"):
        await reports.trial_balance(connection, limit=6)


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
    trial = {(row.account, row.currency): row.balance_minor for row in await reports.trial_balance(connection)}
    assert {(row.account, row.currency): row.balance_minor for row in first + rest} == trial
    found = await reports.account_balances(connection, prefix="revenue:", currency="USD")
    assert [row.account for row in found] == ["revenue:refunds", "revenue:sales"]
    assert await reports.account_balances(connection, prefix="revenue%") == []


async def test_a_statement_runs_on_from_page_to_page(connection: AsyncConnection, books: None) -> None:
    """Each line shows the balance after it, however the statement is cut."""
    whole = await reports.statement(connection, "clearing:stripe", currency="USD")
    balances = [line.balance_minor for line in whole]
    assert balances == [4999, 4824, 9823, 9648, 14647, 14472, 13472, 13972]
    assert [line.reference for line in whole[-2:]] == ["ch_2:refund:1", "exchange_1"]
    assert whole[1].side is Side.CREDIT
    pages: list[reports.StatementLine] = []
    while page := await reports.statement(
        connection, "clearing:stripe", currency="USD", limit=3, before=pages[0].line_id if pages else None
    ):
        assert len(page) <= 3
        pages = page + pages
    assert pages == whole


async def test_a_statement_of_several_currencies_keeps_a_balance_for_each(
    connection: AsyncConnection, books: None
) -> None:
    """Yen are not added to dollars."""
    lines = await reports.statement(connection, "clearing:stripe", limit=2)
    assert [(line.currency, line.balance_minor) for line in lines] == [("USD", 13972), ("JPY", 800)]


async def test_a_credit_account_grows_by_credits(connection: AsyncConnection, books: None) -> None:
    """A balance is positive on the account's normal side."""
    lines = await reports.statement(connection, "revenue:sales", limit=100)
    assert [line.balance_minor for line in lines] == [4999, 9998, 14997, 15497]


@pytest.mark.parametrize(("code", "currency"), [("clearing:nobody", None), ("clearing:stripe", "KWD")])
async def test_a_statement_of_no_account_is_refused(
    connection: AsyncConnection, books: None, code: str, currency: str | None
) -> None:
    """A misspelt code must not look like an account that nothing has moved."""
    with pytest.raises(UnknownAccount, match=f"there is no account {code}"):
        await reports.statement(connection, code, currency=currency)


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


async def test_every_list_has_a_limit(connection: AsyncConnection) -> None:
    """Nobody reads, or can be made to send, a million rows."""
    await journal.post(connection, [capture(f"ch_{number}") for number in range(1000)])
    await journal.post(connection, [capture("ch_last")])
    assert len(await reports.entries(connection, limit=10**9)) == reports.MAX_LISTED
    assert len(await reports.statement(connection, "clearing:stripe", limit=10**9)) == reports.MAX_LISTED
    assert len(await reports.entries(connection)) == 100


async def test_reports_of_empty_books_are_empty(connection: AsyncConnection) -> None:
    """The first day has no special case."""
    assert await reports.trial_balance(connection) == []
    assert await reports.account_balances(connection) == []
    assert await reports.entries(connection) == []
