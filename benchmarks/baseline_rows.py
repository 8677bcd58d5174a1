"""The rows of the baseline: those of a charge, written by hand in one transaction.

Into tables of its own, with the columns, defaults, checks and indexes of ours, but without our triggers and functions:
what guards the books is part of what a charge costs, and not of the baseline.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg import AsyncConnection
from temporalio import activity

from benchmarks.baseline_payment import Payment, Taken

TABLES = ("accounts", "balances", "entries", "lines", "charges", "operations")
ACCOUNTS = (
    ("clearing:stripe", "asset", "debit"),
    ("clearing:paypal", "asset", "debit"),
    ("revenue:sales", "revenue", "credit"),
    ("expense:gateway_fees", "expense", "debit"),
)
CURRENCY = "USD"
"""All payments of the baseline are in one currency, in which its accounts are kept."""
CARD = {
    "fingerprint": "fp_0123456789abcdef",
    "brand": "visa",
    "country": "US",
    "funding": "credit",
    "expires": "2034-12",
}
ANSWERS = {"stripe": json.dumps({"network": "visa", "reached_issuer": True, "card": CARD})}
"""What is kept of a gateway's answer; PayPal says nothing more of a wallet."""

CHARGE = """
INSERT INTO baseline.charges (
    charge_id, request_hash, status, customer, currency, amount_minor, capture_method, at_expiry, payment_methods,
    metadata, actor, gateway, gateway_reason, authorized_minor, captured_minor, answer
) VALUES (%s, %s, 'captured', %s, %s, %s, 'automatic', 'void', %s, '{}', 'baseline', %s, 'chosen by hand', %s, %s, %s)
"""
OPERATION = """
INSERT INTO baseline.operations (
    operation_id, charge_id, kind, number, attempt, gateway, payment_method, amount_minor, currency,
    payment_reference, gateway_reference, outcome, fee_minor, fee_currency, fee_status, actor, purpose,
    routing, decided_at, answer
) VALUES (
    %s, %s, 'capture', 1, 1, %s, %s, %s, %s, %s, %s, 'succeeded', %s, %s, 'known', 'baseline', 'attempt:1',
    '{"reason": "chosen by hand"}', clock_timestamp(), %s
)
"""
ENTRIES = """
INSERT INTO baseline.entries (
    reference, rule, description, event_at, charge_id, operation_id, actor, reason_code, line_count, totals, content_hash,
    period
) VALUES
    (%(operation_id)s, 'captured', %(captured)s, %(at)s, %(charge_id)s, %(operation_id)s, 'baseline', 'capture', 2,
        %(captured_totals)s, %(hash)s, %(period)s),
    (%(operation_id)s || ':fee', 'fee_charged', %(fee)s, %(at)s, %(charge_id)s, %(operation_id)s, 'baseline', 'capture', 2,
        %(fee_totals)s, %(hash)s, %(period)s)
RETURNING entry_id
"""
LOCK = "SELECT FROM baseline.balances WHERE account_id = ANY(%s) ORDER BY account_id FOR NO KEY UPDATE"
LINES = """
WITH moves AS (
    SELECT v.*, sum(v.change) OVER w AS moved, row_number() OVER w AS nth
    FROM (VALUES
        (%(captured)s::bigint, 1, %(clearing)s::bigint, 'debit', %(amount)s::bigint, %(amount)s::bigint),
        (%(captured)s, 2, %(sales)s, 'credit', %(amount)s, %(amount)s),
        (%(fee)s, 1, %(fees)s, 'debit', %(fee_amount)s, %(fee_amount)s),
        (%(fee)s, 2, %(clearing)s, 'credit', %(fee_amount)s, -%(fee_amount)s::bigint)
    ) v (entry_id, number, account_id, side, amount, change)
    WINDOW w AS (PARTITION BY v.account_id ORDER BY v.entry_id, v.number ROWS UNBOUNDED PRECEDING)
), added AS (
    INSERT INTO baseline.lines (
        entry_id, line_number, account_id, side, amount_minor, currency, charge_id, sequence, before_minor, after_minor,
        event_at, recorded_at, event_high
    )
    SELECT m.entry_id, m.number, m.account_id, m.side, m.amount, %(currency)s, %(charge_id)s, b.version + m.nth,
        b.balance_minor + m.moved - m.change, b.balance_minor + m.moved, %(at)s::timestamptz, clock_timestamp(),
        greatest(b.event_high, %(at)s::timestamptz)
    FROM moves m JOIN baseline.balances b USING (account_id)
)
UPDATE baseline.balances b
SET balance_minor = b.balance_minor + s.change, version = b.version + s.lines, event_high = greatest(b.event_high, %(at)s::timestamptz)
FROM (SELECT account_id, sum(change) AS change, count(*) AS lines FROM moves GROUP BY account_id) s
WHERE b.account_id = s.account_id
"""


def create_tables(superuser_url: str) -> None:
    """Make the tables, with the accounts opened, for the application's role to write."""
    with psycopg.connect(superuser_url) as connection:
        connection.execute("CREATE SCHEMA baseline")
        for table in TABLES:
            connection.execute(
                psycopg.sql.SQL("CREATE TABLE baseline.{0} (LIKE public.{0} INCLUDING ALL)").format(
                    psycopg.sql.Identifier(table)
                )
            )
        connection.cursor().executemany(
            "INSERT INTO baseline.accounts (code, type, currency, normal_side) VALUES (%s, %s, %s, %s)",
            [(code, kind, CURRENCY, side) for code, kind, side in ACCOUNTS],
        )
        connection.execute("INSERT INTO baseline.balances (account_id) SELECT account_id FROM baseline.accounts")
        connection.execute("GRANT USAGE ON SCHEMA baseline TO quittance_app")
        connection.execute("GRANT UPDATE ON baseline.balances TO quittance_app")
        connection.execute("GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA baseline TO quittance_app")


class Rows:
    """The connections, as many as our worker has, and the ids of the accounts."""

    def __init__(self, connections: list[AsyncConnection], accounts: dict[str, int]) -> None:
        """Use `open_rows`."""
        self._free: asyncio.Queue[AsyncConnection] = asyncio.Queue()
        for connection in connections:
            self._free.put_nowait(connection)
        self._accounts = accounts

    @activity.defn(name="write_rows")
    async def write(self, payment: Payment, taken: Taken) -> None:
        """Write the charge, its operation, two entries and four lines, and commit."""
        connection = await self._free.get()
        try:
            async with connection.transaction():
                await self._write(connection, payment, taken)
        finally:
            self._free.put_nowait(connection)

    async def _write(self, connection: AsyncConnection, payment: Payment, taken: Taken) -> None:
        amount, charge_id = payment.amount_minor, payment.charge_id
        methods = json.dumps([{"gateway": payment.gateway, "token": payment.token}])
        answer = ANSWERS.get(payment.gateway)
        await connection.execute(
            CHARGE,
            (
                *(charge_id, hashlib.sha256(charge_id.encode()).hexdigest(), payment.customer, payment.currency),
                *(amount, methods, payment.gateway, amount, amount, answer),
            ),
        )
        await connection.execute(
            OPERATION,
            (
                *(payment.operation_id, charge_id, payment.gateway, payment.token, amount, payment.currency),
                *(taken.payment_reference, taken.reference, taken.fee_minor, payment.currency, answer),
            ),
        )
        posted = await connection.execute(ENTRIES, _entries(payment, taken))
        (captured,), (fee,) = await posted.fetchall()
        accounts = [
            self._accounts[code] for code in (f"clearing:{payment.gateway}", "revenue:sales", "expense:gateway_fees")
        ]
        await connection.execute(LOCK, [accounts])
        lines = dict(zip(("clearing", "sales", "fees"), accounts, strict=True))
        lines |= {"captured": captured, "fee": fee, "amount": amount, "fee_amount": taken.fee_minor}
        await connection.execute(
            LINES, {**lines, "currency": payment.currency, "charge_id": charge_id, "at": taken.taken_at}
        )


def _entries(payment: Payment, taken: Taken) -> dict[str, object]:
    return {
        "operation_id": payment.operation_id,
        "charge_id": payment.charge_id,
        "captured": f"captured {payment.amount_minor} {payment.currency} at {payment.gateway}",
        "fee": f"fee {taken.fee_minor} {payment.currency} at {payment.gateway}",
        "at": taken.taken_at,
        "period": taken.taken_at[:7],
        "captured_totals": json.dumps({payment.currency: payment.amount_minor}),
        "fee_totals": json.dumps({payment.currency: taken.fee_minor}),
        "hash": hashlib.sha256(payment.operation_id.encode()).digest(),
    }


@asynccontextmanager
async def open_rows(url: str, connections: int) -> AsyncIterator[Rows]:
    """Open the connections for as long as the block runs."""
    opened = [await AsyncConnection.connect(url) for _ in range(connections)]
    try:
        async with opened[0].transaction():
            found = await (await opened[0].execute("SELECT code, account_id FROM baseline.accounts")).fetchall()
        yield Rows(opened, dict(found))
    finally:
        for connection in opened:
            await connection.close()
