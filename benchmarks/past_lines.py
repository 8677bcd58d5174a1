"""Lines of a busy year, made by SQL: bulk inserted as superuser, with the guards off.

For `history_of_accounts`; without entries, which no balance reads. Each entry moves money between one hot account, which so has half of all lines, and one of 2,000 wallets. Most lines are
recorded within seconds, some late: by minutes as after an outage, by days as corrections are.
"""

from datetime import UTC, datetime, timedelta

import psycopg

WALLETS = 2_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
BATCH_ENTRIES = 100_000
"""Entries of one statement: what bounds the server's memory."""
HOT = "clearing:stripe"

ACCOUNTS = """
INSERT INTO account_codes (code, type, normal_side)
    SELECT 'clearing:stripe', 'asset', 'debit'
    UNION ALL SELECT format('wallet:user:u%%s', n), 'liability', 'credit' FROM generate_series(1, %(wallets)s) n;
"""
OPEN = """
WITH opened AS (
    INSERT INTO accounts (code, type, currency, normal_side)
        SELECT code, type, 'USD', normal_side FROM account_codes ORDER BY code RETURNING account_id
)
INSERT INTO balances (account_id) SELECT account_id FROM opened;
"""
# One entry in ten takes money out again. The delays: 1% up to an hour, 0.01% up to 30 days, the rest up to 2 seconds.
FILL = """
WITH made AS (
    SELECT n, 1 + floor(random() * 10000)::bigint AS amount, n %% 10 = 0 AS is_out,
            format('wallet:user:u%%s', 1 + floor(random() * %(wallets)s)::int) AS wallet,
            %(begin)s + n * %(pause)s::interval AS recorded_at,
            CASE WHEN n %% 10000 = 7 THEN interval '30 days' WHEN n %% 100 = 3 THEN interval '1 hour' ELSE interval '2 seconds' END
                * random() AS delay
        FROM generate_series(%(first)s::bigint, %(last)s) n
), sides AS (
    SELECT n, 1 AS line_number, %(hot)s AS code, CASE WHEN is_out THEN 'credit' ELSE 'debit' END AS side, amount,
            CASE WHEN is_out THEN -amount ELSE amount END AS change, recorded_at, recorded_at - delay AS event_at FROM made
    UNION ALL
    SELECT n, 2, wallet, CASE WHEN is_out THEN 'debit' ELSE 'credit' END, amount,
            CASE WHEN is_out THEN -amount ELSE amount END, recorded_at, recorded_at - delay FROM made
), moves AS (
    SELECT s.*, a.account_id, sum(s.change) OVER w AS moved, row_number() OVER w AS nth, max(s.event_at) OVER w AS high
        FROM sides s JOIN accounts a ON a.code = s.code AND a.currency = 'USD'
        WINDOW w AS (PARTITION BY a.account_id ORDER BY s.n ROWS UNBOUNDED PRECEDING)
), added AS (
    INSERT INTO lines (
        entry_id, line_number, account_id, side, amount_minor, currency,
        sequence, before_minor, after_minor, event_at, recorded_at, event_high
    )
    SELECT m.n, m.line_number, m.account_id, m.side, m.amount, 'USD', b.version + m.nth,
            b.balance_minor + m.moved - m.change, b.balance_minor + m.moved, m.event_at, m.recorded_at,
            greatest(b.event_high, m.high)
        FROM moves m JOIN balances b ON b.account_id = m.account_id ORDER BY m.n, m.line_number
)
UPDATE balances b
    SET balance_minor = b.balance_minor + s.change, version = b.version + s.lines, event_high = greatest(b.event_high, s.high)
    FROM (
        SELECT account_id, sum(change)::bigint AS change, count(*) AS lines, max(event_at) AS high
            FROM moves GROUP BY account_id
    ) s
    WHERE b.account_id = s.account_id;
"""
PLAIN_INDEXES = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
    WHERE i.indrelid = 'lines'::regclass AND NOT i.indisunique
"""


def fill(url: str, lines: int) -> None:
    """Write so many lines, spread over a year, into a migrated database without any."""
    entries = lines // 2
    values = {"wallets": WALLETS, "hot": HOT, "begin": BEGIN, "pause": YEAR / entries}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE lines DISABLE TRIGGER ALL")
        connection.execute(ACCOUNTS, values)
        connection.execute(OPEN)
        connection.execute("SELECT setseed(0.4)")
        # Made anew at the end: ten million lines are inserted in half the time.
        indexes = connection.execute(PLAIN_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(psycopg.sql.SQL("DROP INDEX {}").format(psycopg.sql.Identifier(name)))
        for first in range(1, entries + 1, BATCH_ENTRIES):
            connection.execute(FILL, values | {"first": first, "last": min(first + BATCH_ENTRIES - 1, entries)})
        connection.execute("SET maintenance_work_mem = '512MB'")
        for _, definition in indexes:
            connection.execute(definition)
        connection.execute("ALTER TABLE lines ENABLE TRIGGER ALL")
        connection.execute("VACUUM (ANALYZE) lines, balances, accounts")
