"""Each line says where it stands in its account: a number without gaps, the balance before it and after it."""

import itertools
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import journal
from ledger.errors import AccountNotInChart, InvalidEntry, LedgerError
from tests.ledger.samples import HAPPENED, capture, fee, two_currencies
from tests.ledger.test_journal_agreement import MEMO, REAL, balanced_lines, shared_database, unchecked

numbers = itertools.count(1)

LOG = """
SELECT a.code, l.currency, l.sequence, l.before_minor, l.after_minor,
        CASE WHEN l.side = a.normal_side THEN l.amount_minor ELSE -l.amount_minor END,
        l.event_at = e.event_at AND l.recorded_at = e.recorded_at, l.event_high
    FROM lines l JOIN accounts a USING (account_id) JOIN entries e USING (entry_id) ORDER BY 1, 2, 3
"""
KEPT = """
SELECT a.code, a.currency, b.version, b.balance_minor, b.event_high
    FROM balances b JOIN accounts a USING (account_id) WHERE b.version > 0 ORDER BY 1, 2
"""


def assert_kept(superuser: psycopg.Connection) -> None:
    """Read all lines, and add them up in the plainest way."""
    last: dict[tuple[str, str], tuple[int, int, Any]] = {}
    for code, currency, sequence, before, after, change, has_its_times, high in superuser.execute(LOG):
        previous, balance, latest = last.get((code, currency), (0, 0, None))
        assert (sequence, before, after) == (previous + 1, balance, balance + change)
        assert has_its_times
        assert latest is None or high >= latest
        last[code, currency] = sequence, after, high
    assert {(code, unit): tuple(kept) for code, unit, *kept in superuser.execute(KEPT)} == last


async def test_the_log_of_an_account_reads_as_sums(connection: AsyncConnection, superuser: psycopg.Connection) -> None:
    """Original balance, adjustment, resulting balance: whoever reads one line needs no other."""
    await journal.post(connection, [capture("ch_1", 5000), fee("ch_1", 200)])
    await journal.post(connection, [capture("ch_2", 700)])
    await connection.commit()
    rows = superuser.execute(
        "SELECT sequence, before_minor, after_minor FROM lines JOIN accounts USING (account_id)"
        " WHERE code = 'clearing:stripe' ORDER BY sequence"
    ).fetchall()
    assert rows == [(1, 0, 5000), (2, 5000, 4800), (3, 4800, 5500)]
    assert_kept(superuser)


@shared_database
@given(
    batches=st.lists(st.lists(balanced_lines(REAL, MEMO), min_size=1, max_size=4), min_size=1, max_size=3),
    hours=st.lists(st.integers(-1000, 1000), min_size=12, max_size=12),
)
async def test_whatever_is_posted_each_account_adds_up(
    connection: AsyncConnection, superuser: psycopg.Connection, batches: list[Any], hours: list[int]
) -> None:
    """Also where lines of one entry move an account up and down, and where facts come late."""
    late = iter(hours)
    for batch in batches:
        entries = [
            unchecked(lines).model_copy(update={"event_at": HAPPENED + timedelta(hours=next(late))}) for lines in batch
        ]
        await journal.post(connection, entries)
        await connection.commit()
    assert_kept(superuser)


async def test_a_refused_posting_leaves_no_gap(connection: AsyncConnection, superuser: psycopg.Connection) -> None:
    """A number that is missing means that something was taken away."""
    await journal.post(connection, [capture("ch_1")])
    await connection.commit()
    with pytest.raises(LedgerError):
        await journal.post(connection, [capture("ch_2"), capture("ch_1", 1)])
    await connection.rollback()
    await journal.post(connection, [capture("ch_1"), capture("ch_3"), two_currencies()])
    await connection.commit()
    assert_kept(superuser)


async def test_an_account_that_is_not_in_the_chart_is_refused(connection: AsyncConnection) -> None:
    """A slip in a code would open an account that no report knows."""
    entry = capture()
    lines = tuple(
        line.model_copy(update={"account": line.account.model_copy(update={"code": "claering:stripe"})})
        if line.account.code == "clearing:stripe"
        else line
        for line in entry.lines
    )
    with pytest.raises(AccountNotInChart, match="there is no account claering:stripe in the chart"):
        await journal.post(connection, [entry.model_copy(update={"lines": lines})])


async def test_an_account_that_can_count_no_further_refuses(
    connection: AsyncConnection, superuser: psycopg.Connection
) -> None:
    """A balance that wraps around would turn riches into debt."""
    await journal.post(connection, [capture("ch_1")])
    await connection.commit()
    superuser.execute("UPDATE balances SET balance_minor = 9223372036854775807 - 10")
    with pytest.raises(InvalidEntry, match="more than it can count"):
        await journal.post(connection, [capture("ch_2")])
