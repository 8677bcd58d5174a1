"""The lines that balances are measured on are as the posting function would have written them."""

import psycopg

from benchmarks import past_lines
from tests.conftest import Database

LINES = 6_000
WRONG = """
SELECT count(*) FROM (
    SELECT l.*, lag(l.after_minor, 1, 0::bigint) OVER w AS left_minor, row_number() OVER w AS nth,
            max(l.event_at) OVER w AS high, lag(l.recorded_at) OVER w AS recorded_before, a.normal_side
        FROM lines l JOIN accounts a ON a.account_id = l.account_id
        WINDOW w AS (PARTITION BY l.account_id ORDER BY l.sequence)
) l
WHERE l.sequence <> l.nth OR l.before_minor <> l.left_minor OR l.event_high <> l.high OR l.recorded_at < l.recorded_before
    OR l.after_minor - l.before_minor <> CASE WHEN l.side = l.normal_side THEN l.amount_minor ELSE -l.amount_minor END
"""
OFF = """
SELECT count(*) FROM balances b LEFT JOIN LATERAL (
    SELECT sum(l.after_minor - l.before_minor) AS total, count(*) AS lines FROM lines l WHERE l.account_id = b.account_id
) s ON true
WHERE b.balance_minor <> coalesce(s.total, 0) OR b.version <> s.lines
"""
MISSED = """
SELECT count(*) FROM accounts a CROSS JOIN generate_series(%(begin)s, %(end)s, interval '61 days') at
    CROSS JOIN LATERAL balance_at(a.account_id, at, at + interval '1 day') b
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(l.after_minor - l.before_minor), 0) AS total FROM lines l
            WHERE l.account_id = a.account_id AND l.event_at <= at AND l.recorded_at <= at + interval '1 day'
    ) s WHERE b.balance_minor <> s.total
"""


def test_made_up_lines_are_whole_and_their_balances_are_found(database: Database) -> None:
    """A figure that was measured on other lines than there are in books would say nothing."""
    past_lines.fill(database.superuser_url, LINES)
    with psycopg.connect(database.superuser_url) as connection:
        count = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE event_at < event_high) FROM lines"
        ).fetchall()
        assert count[0][0] == LINES
        assert 0 < count[0][1] < LINES / 10
        assert connection.execute(WRONG).fetchall() == [(0,)]
        assert connection.execute(OFF).fetchall() == [(0,)]
        times = {"begin": past_lines.BEGIN, "end": past_lines.BEGIN + past_lines.YEAR}
        assert connection.execute(MISSED, times).fetchall() == [(0,)]
