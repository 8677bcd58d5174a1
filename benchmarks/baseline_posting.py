"""The hand-written posting: SQL that inserts the same rows and keeps the same balances, without a rule or a refusal.

It writes tables that are copies of the journal's, indexes and all, but have no triggers, roles or foreign keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

COPIES = (
    "CREATE TABLE hand_entries (LIKE entries INCLUDING ALL)",
    "CREATE TABLE hand_lines (LIKE lines INCLUDING ALL)",
    "CREATE TABLE hand_balances (LIKE balances INCLUDING ALL)",
    "INSERT INTO hand_balances SELECT * FROM balances",
    "UPDATE hand_balances SET balance_minor = 0, version = 0",
)
LOCK = "SELECT 1 FROM hand_balances WHERE account_id = ANY(%s) ORDER BY account_id FOR NO KEY UPDATE"
POST = """
WITH posted AS (
    INSERT INTO hand_entries (reference, rule, description, event_at, actor, line_count, totals, content_hash, period)
    SELECT reference, 'transferred', 'a transfer', %(event_at)s, 'benchmark', 2, '{"USD": 100}', '\\x00', %(period)s
        FROM unnest(%(references)s::text[]) reference
    RETURNING entry_id, reference, event_at, recorded_at
), moves AS (
    SELECT p.entry_id, p.event_at, p.recorded_at, g.number, g.account, g.side, g.amount, g.change,
            (sum(g.change) OVER w)::bigint AS moved, row_number() OVER w AS nth
        FROM unnest(
            %(names)s::text[], %(numbers)s::integer[], %(accounts)s::bigint[], %(sides)s::text[], %(amounts)s::bigint[],
            %(changes)s::bigint[]
        ) g (name, number, account, side, amount, change)
        JOIN posted p ON p.reference = g.name
        WINDOW w AS (PARTITION BY g.account ORDER BY p.entry_id, g.number ROWS UNBOUNDED PRECEDING)
), added AS (
    INSERT INTO hand_lines (
        entry_id, line_number, account_id, side, amount_minor, currency, sequence, before_minor, after_minor,
        event_at, recorded_at, event_high
    )
    SELECT m.entry_id, m.number, m.account, m.side, m.amount, 'USD', b.version + m.nth,
            b.balance_minor + m.moved - m.change, b.balance_minor + m.moved, m.event_at, m.recorded_at, m.event_at
        FROM moves m JOIN hand_balances b ON b.account_id = m.account
)
UPDATE hand_balances b
    SET balance_minor = b.balance_minor + s.change, version = b.version + s.lines, event_high = s.high
    FROM (
        SELECT m.account, sum(m.change)::bigint AS change, count(*) AS lines, max(m.event_at) AS high
            FROM moves m GROUP BY m.account
    ) s
    WHERE b.account_id = s.account
"""


@dataclass(frozen=True)
class Transfer:
    """An amount from one account to another."""

    reference: str
    debited: int
    credited: int
    event_at: str


def written(transfers: Sequence[Transfer]) -> tuple[list[int], dict[str, object]]:
    """Prepare a batch: the accounts to lock, and the values to insert."""
    values: dict[str, object] = {
        "event_at": transfers[-1].event_at,
        "period": transfers[-1].event_at[:7],
        "references": [each.reference for each in transfers],
        "names": [each.reference for each in transfers for _ in range(2)],
        "numbers": [1, 2] * len(transfers),
        "accounts": [account for each in transfers for account in (each.debited, each.credited)],
        "sides": ["debit", "credit"] * len(transfers),
        "amounts": [100] * (2 * len(transfers)),
        "changes": [100] * (2 * len(transfers)),
    }
    return sorted({account for each in transfers for account in (each.debited, each.credited)}), values


async def post(connection: psycopg.AsyncConnection, prepared: tuple[list[int], dict[str, object]]) -> None:
    """Write a prepared batch in one transaction."""
    accounts, values = prepared
    await connection.execute(LOCK, [accounts])
    await connection.execute(POST, values)
    await connection.commit()
