"""Balances of the past are the plain sum of the lines that count, at every moment and by both clocks."""

import re
from collections import Counter

import pytest
from hypothesis import given
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import history, journal, posting
from ledger.accounts import AccountType, Side
from ledger.entries import Entry
from ledger.errors import TooManyRows, UnknownAccount
from ledger.moments import TICK, Moment
from tests.ledger import pasts
from tests.ledger.pasts import CHART, DAY, many_pasts
from tests.ledger.samples import HAPPENED, capture, fact, fee, two_currencies


@many_pasts
@given(batches=pasts.postings())
async def test_at_every_moment_balances_are_the_sum_of_the_lines_that_count(
    connection: AsyncConnection, batches: list[list[Entry]]
) -> None:
    """Whatever came late, and however late: what had happened by one moment and was known by another is counted, no more."""
    past = await pasts.post(connection, batches)
    for happened in past.happenings:
        for known in past.recordings:
            moment = Moment(happened=happened, known=known)
            rows = await history.trial_balance(connection, moment=moment)
            found = {(row.account, row.currency): row.balance_minor for row in rows}
            assert found == past.balances(moment), moment


@many_pasts
@given(batches=pasts.postings())
async def test_the_trial_balance_is_zero_at_every_moment(
    connection: AsyncConnection, batches: list[list[Entry]]
) -> None:
    """No moment cuts an entry in two, by neither clock: in each currency debits are credits, also of memo accounts alone."""
    past = await pasts.post(connection, batches)
    for happened in past.happenings:
        for known in past.recordings:
            surplus: Counter[tuple[str, bool]] = Counter()
            for row in await history.trial_balance(connection, moment=Moment(happened=happened, known=known)):
                assert row.debit_minor * row.credit_minor == 0
                surplus[row.currency, row.type is AccountType.MEMO] += row.debit_minor - row.credit_minor
            assert not any(surplus.values()), (happened, known)


@many_pasts
@given(batches=pasts.postings())
async def test_what_came_later_is_told_apart(connection: AsyncConnection, batches: list[list[Entry]]) -> None:
    """Of a balance of the past it is marked what nobody could have known then; here everything, since it happened before."""
    past = await pasts.post(connection, batches)
    for happened in past.happenings:
        for known in (None, *past.recordings):
            moment = Moment(happened=happened, known=known)
            can_have_later = happened is not None and (known is None or known > happened)
            for row in await history.trial_balance(connection, moment=moment):
                assert row.later_minor == (row.balance_minor if can_have_later else None)


@many_pasts
@given(batches=pasts.postings())
async def test_one_accounts_balance_is_its_row_of_the_trial_balance(
    connection: AsyncConnection, batches: list[list[Entry]]
) -> None:
    """Now and then, whoever asks for one account is told what is in the whole."""
    past = await pasts.post(connection, batches)
    sums = Counter(line.account for line in past.lines)
    for code in sorted({line.account[0] for line in past.lines}):
        for now in await history.balances_now(connection, code):
            account = (now.account, now.currency)
            assert (now.balance_minor, now.line_count) == (past.balances(Moment())[account], sums[account])
        moment = Moment(happened=past.happenings[len(past.happenings) // 2], known=past.recordings[-2])
        for then in await history.balances_at(connection, code, moment):
            assert then.balance_minor == past.balances(moment).get((then.account, then.currency), 0)


async def test_a_late_fact_changes_what_was_true_and_not_what_was_known(connection: AsyncConnection) -> None:
    """The example of docs/ledger.md: a fee of the first day that is reported only after the second day's sale."""
    stripe, sales, fees = CHART[0], CHART[5], CHART[7]
    sale = [pasts.line(stripe, Side.DEBIT, 4999), pasts.line(sales, Side.CREDIT, 4999)]
    charge = [pasts.line(fees, Side.DEBIT, 175), pasts.line(stripe, Side.CREDIT, 175)]
    past = await pasts.post(
        connection,
        [
            [pasts.entry("first_sale", 1, sale)],
            [pasts.entry("second_sale", 5, sale)],
            [pasts.entry("late_fee", 2, charge)],
        ],
    )
    before_the_fee = past.recordings[2]
    at_three = DAY.replace(minute=3)

    async def held(moment: Moment) -> int:
        [balance] = await history.balances_at(connection, "clearing:stripe", moment)
        return balance.balance_minor

    assert await held(Moment(happened=at_three)) == 4999 - 175
    assert await held(Moment(happened=at_three, known=before_the_fee)) == 4999
    assert await held(Moment(known=before_the_fee)) == 2 * 4999
    assert await held(Moment(happened=DAY.replace(minute=2) - TICK)) == 4999


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


async def test_a_trial_balance_has_each_account_on_its_side(connection: AsyncConnection, books: None) -> None:
    """Finance reads here whether the books balance, and what each account holds on its own side."""
    rows = await history.trial_balance(connection)
    assert [(row.currency, row.account, row.debit_minor, row.credit_minor, row.balance_minor) for row in rows] == [
        ("JPY", "clearing:stripe", 800, 0, 800),
        ("JPY", "expense:gateway_fees", 0, 800, -800),
        ("USD", "clearing:stripe", 3 * 4824 - 500, 0, 3 * 4824 - 500),
        ("USD", "expense:gateway_fees", 525, 0, 525),
        ("USD", "liability:refunds_payable", 0, 0, 0),
        ("USD", "revenue:refunds", 1000, 0, 1000),
        ("USD", "revenue:sales", 0, 3 * 4999 + 500, 3 * 4999 + 500),
    ]
    assert (rows[0].type, rows[0].normal_side) == (AccountType.ASSET, Side.DEBIT)
    assert await history.trial_balance(connection, currency="JPY") == rows[:2]
    assert await history.trial_balance(connection, moment=Moment(happened=HAPPENED - TICK)) == []
    assert await history.trial_balance(connection, moment=Moment(known=HAPPENED)) == []


async def test_a_trial_balance_is_whole_or_refused(connection: AsyncConnection, books: None) -> None:
    """A part of one would not balance, and look like a fault in the books."""
    assert len(await history.trial_balance(connection, limit=7)) == 7
    with pytest.raises(TooManyRows, match="more than 6 rows: ask for one currency"):
        await history.trial_balance(connection, limit=6)


@pytest.mark.parametrize("moment", [Moment(), Moment(happened=HAPPENED), Moment(known=HAPPENED)])
async def test_a_balance_of_no_account_is_refused(connection: AsyncConnection, books: None, moment: Moment) -> None:
    """A misspelt code must not look like an account that holds nothing."""
    for code, currency in (("clearing:nobody", None), ("clearing:stripe", "KWD")):
        asked = (
            history.balances_now(connection, code, currency)
            if moment.is_now
            else history.balances_at(connection, code, moment, currency)
        )
        with pytest.raises(UnknownAccount, match=f"there is no account {code}"):
            await asked


async def test_the_trial_balance_of_empty_books_is_empty(connection: AsyncConnection) -> None:
    """The first day has no special case."""
    assert await history.trial_balance(connection) == []
    assert await history.trial_balance(connection, moment=Moment(happened=HAPPENED)) == []


async def test_a_balance_of_the_past_reads_a_few_pages(connection: AsyncConnection, books: None) -> None:
    """It is looked up in indexes, by whatever plan: it never reads the lines of an account."""
    for setting in ("force_custom_plan", "force_generic_plan"):
        await connection.exec_driver_sql(f"SET LOCAL plan_cache_mode = {setting}")
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = "\n".join(
            await connection.scalars(
                text("EXPLAIN SELECT * FROM balance_at(:account, CAST(:at AS timestamptz), CAST(:at AS timestamptz))"),
                {"account": 1, "at": HAPPENED},
            )
        )
        assert all(f"using {index} " in plan for index in ("lines_happened", "lines_recorded", "lines_late")), plan
        assert "Bitmap" not in plan
        # Of the late lines, by their account and by the moment.
        assert re.search(r"using lines_late .*\n +Index Cond: .*int8range.* <@ .* @> ", plan), plan
