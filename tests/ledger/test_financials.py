"""Income statements and balance sheets: they add up at every moment, each sum is of what it stands over, contra accounts are taken off."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import financials, journal
from ledger.accounts import Account, AccountType, Side
from ledger.entries import Entry
from ledger.errors import TooManyRows
from ledger.financials import FinancialRow, Leaf
from ledger.moments import TICK, Moment, Span
from tests.ledger import pasts
from tests.ledger.pasts import CHART, DAY, Past, line, many_pasts
from tests.ledger.samples import capture, fee

SIGN = {"asset": 1, "expense": 1, "liability": -1, "equity": -1, "revenue": -1}


def moved(past: Past, currency: str, kinds: set[str], span: Span, known: datetime | None) -> int:
    """What accounts of these kinds moved by in a time, positive on the kind's own side, by the plainest sum."""
    return sum(
        SIGN[each.line.account.type] * each.debit_minor
        for each in past.lines
        if each.account[1] == currency
        and each.line.account.type in kinds
        and each.counts(Moment(happened=span.last, known=known))
        and (span.first is None or each.event_at >= span.first)
    )


@many_pasts
@given(batches=pasts.postings(), data=st.data())
async def test_the_balance_sheet_balances_at_every_moment(
    connection: AsyncConnection, batches: list[list[Entry]], data: st.DataObject
) -> None:
    """In each currency assets are what is owed and owned of it, wherever the period begins and whatever came late."""
    past = await pasts.post(connection, batches)
    begins = DAY + timedelta(minutes=data.draw(st.integers(0, 6)))
    for happened in past.happenings:
        moment = Moment(happened=happened, known=data.draw(st.sampled_from(past.recordings)))
        for sheet in await financials.balance_sheets(connection, moment, begins):
            assert sheet.difference_minor == 0

            def of(kind: str, span: Span, sheet_currency: str = sheet.currency, at: Moment = moment) -> int:
                return moved(past, sheet_currency, {kind}, span, at.known)

            until = Span(last=happened)
            assert sheet.asset_minor == of("asset", until)
            assert sheet.liability_minor == of("liability", until)
            assert sheet.equity_minor == of("equity", until)
            before = Span(last=min(begins - TICK, happened) if happened else begins - TICK)
            assert sheet.retained_minor == of("revenue", before) - of("expense", before)
            whole = of("revenue", until) - of("expense", until)
            assert sheet.retained_minor + sheet.result_minor == whole


@many_pasts
@given(batches=pasts.postings(), data=st.data())
async def test_the_income_statement_is_the_sum_of_what_happened_in_its_time(
    connection: AsyncConnection, batches: list[list[Entry]], data: st.DataObject
) -> None:
    """Nothing of the time before or after is in it, and a late fact is in the time in which it happened."""
    past = await pasts.post(connection, batches)
    first, last = sorted(data.draw(st.tuples(st.integers(0, 6), st.integers(0, 6))))
    span = Span(first=DAY + timedelta(minutes=first), last=DAY + timedelta(minutes=last))
    known = data.draw(st.sampled_from(past.recordings))
    found = {each.currency: each for each in await financials.income_statements(connection, span, known=known)}
    for currency in pasts.CURRENCIES:
        revenue = moved(past, currency, {"revenue"}, span, known)
        expense = moved(past, currency, {"expense"}, span, known)
        if currency not in found:
            assert (revenue, expense) == (0, 0)
            continue
        statement = found[currency]
        assert (statement.revenue_minor, statement.expense_minor) == (revenue, expense)
        assert statement.result_minor == revenue - expense


codes = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map(":".join)


@given(amounts=st.dictionaries(codes, st.integers(-100, 100), max_size=12))
def test_each_sum_is_of_the_rows_that_stand_under_it(amounts: dict[str, int]) -> None:
    """Whatever the codes: the rows of each level add up to the row above them, and the first level to everything."""
    leaves = [
        Leaf(type=AccountType.ASSET, currency="USD", code=code, amount_minor=amount, is_contra=False, is_sum=False)
        for code, amount in sorted(amounts.items())
    ]
    rows = list(financials.rows_of(leaves, [AccountType.ASSET]))
    assert {row.account: row.amount_minor for row in rows if not row.is_sum} == amounts
    assert sum(row.amount_minor for row in rows if row.level == 0) == sum(amounts.values())
    for place, row in enumerate(rows):
        under = directly_under(rows[place + 1 :], row.level)
        assert row.is_sum == bool(under)
        if under:
            assert row.amount_minor == sum(each.amount_minor for each in under)
            assert all(each.account.startswith(row.account) for each in under)


def directly_under(rows: list[FinancialRow], level: int) -> list[FinancialRow]:
    """The rows of the next level, up to the first that is of this one again."""
    found = []
    for row in rows:
        if row.level <= level:
            break
        if row.level == level + 1:
            found.append(row)
    return found


async def test_contra_accounts_are_taken_off(connection: AsyncConnection) -> None:
    """Refunds lower revenue, and credits that were issued lower equity; neither stands among what it is not."""
    by_code = {account.code: account for account in CHART}
    stripe, sales, refunds = (by_code[code] for code in ("clearing:stripe", "revenue:sales", "revenue:refunds"))
    fees, issued, deferred = (
        by_code[code] for code in ("expense:gateway_fees", "credits:issued", "liability:deferred_revenue")
    )
    await pasts.post(
        connection,
        [
            [pasts.entry("sold", 1, [line(stripe, Side.DEBIT, 5000), line(sales, Side.CREDIT, 5000)])],
            [pasts.entry("gave_back", 2, [line(refunds, Side.DEBIT, 2000), line(stripe, Side.CREDIT, 2000)])],
            [pasts.entry("cost", 3, [line(fees, Side.DEBIT, 175), line(stripe, Side.CREDIT, 175)])],
            [pasts.entry("issued", 4, [line(issued, Side.DEBIT, 300), line(deferred, Side.CREDIT, 300)])],
        ],
    )
    [statement] = await financials.income_statements(connection, Span())
    assert [(row.account, row.level, row.amount_minor, row.is_sum, row.is_contra) for row in statement.rows] == [
        ("revenue", 0, 3000, True, False),
        ("revenue:refunds", 1, -2000, False, True),
        ("revenue:sales", 1, 5000, False, False),
        ("expense", 0, 175, True, False),
        ("expense:gateway_fees", 1, 175, False, False),
    ]
    assert (statement.revenue_minor, statement.expense_minor, statement.result_minor) == (3000, 175, 2825)
    [sheet] = await financials.balance_sheets(connection, Moment(), DAY + timedelta(minutes=3), depth=1)
    assert [(row.account, row.amount_minor, row.is_sum, row.is_contra) for row in sheet.rows] == [
        ("clearing", 2825, True, False),
        ("liability", 300, True, False),
        ("credits", -300, True, True),
    ]
    assert (sheet.retained_minor, sheet.result_minor, sheet.difference_minor) == (3000, -175, 0)


async def test_memo_accounts_stand_outside(connection: AsyncConnection) -> None:
    """Money that is only reserved is neither owned nor earned."""
    contra, memo = pasts.MEMO[1], pasts.MEMO[0]
    await pasts.post(
        connection, [[pasts.entry("unknown", 1, [line(memo, Side.DEBIT, 100), line(contra, Side.CREDIT, 100)])]]
    )
    assert await financials.balance_sheets(connection, Moment(), DAY) == []
    assert await financials.income_statements(connection, Span()) == []


async def test_a_balance_sheet_is_whole_or_refused(
    connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of one would not balance; it says how to get one that is shorter."""
    await journal.post(connection, [capture("ch_1"), fee("ch_1")])
    monkeypatch.setattr(financials, "MAX_ROWS", 1)
    with pytest.raises(
        TooManyRows, match="more than 1 rows: ask for one currency, or for fewer parts of account codes"
    ):
        await financials.income_statements(connection, Span())


async def test_many_wallets_are_one_sum(connection: AsyncConnection) -> None:
    """A balance sheet of as many wallets as there are customers is as short as it is asked to be."""
    bank = CHART[1]
    wallets = [
        Account(code=f"wallet:user:u{number}", type=AccountType.LIABILITY, normal_side=Side.CREDIT)
        for number in range(20)
    ]
    paid_in = [[line(bank, Side.DEBIT, 100), line(wallet, Side.CREDIT, 100)] for wallet in wallets]
    await pasts.post(connection, [[pasts.entry(f"in_{n}", 1, lines) for n, lines in enumerate(paid_in)]])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    [sheet] = await financials.balance_sheets(connection, Moment(), begins, depth=2)
    assert [(row.account, row.amount_minor) for row in sheet.rows] == [
        ("bank", 2000),
        ("bank:main", 2000),
        ("wallet", 2000),
        ("wallet:user", 2000),
    ]
