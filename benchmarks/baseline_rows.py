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

TABLES = ("accounts", "entries", "lines", "charges", "operations")
ACCOUNTS = (
    ("clearing:stripe", "asset", "debit"),
    ("clearing:paypal", "asset", "debit"),
    ("revenue:sales", "revenue", "credit"),
    ("expense:gateway_fees", "expense", "debit"),
)
CURRENCY = "USD"
"""All payments of the baseline are in one currency, in which its accounts are kept."""

CHARGE = """
INSERT INTO baseline.charges (
    charge_id, request_hash, status, customer, currency, amount_minor, capture_method, at_expiry, payment_methods,
    metadata, actor, gateway, gateway_reason, authorized_minor, captured_minor
) VALUES (%s, %s, 'captured', %s, %s, %s, 'automatic', 'void', %s, '{}', 'baseline', %s, 'chosen by hand', %s, %s)
"""
OPERATION = """
INSERT INTO baseline.operations (
    operation_id, charge_id, kind, number, attempt, gateway, payment_method, amount_minor, currency,
    payment_reference, gateway_reference, outcome, fee_minor, fee_currency, fee_status, actor, purpose,
    routing, decided_at
) VALUES (
    %s, %s, 'capture', 1, 1, %s, %s, %s, %s, %s, %s, 'succeeded', %s, %s, 'known', 'baseline', 'attempt:1',
    '{"reason": "chosen by hand"}', clock_timestamp()
)
"""
ENTRIES = """
INSERT INTO baseline.entries (
    reference, rule, description, event_at, charge_id, operation_id, actor, reason_code, line_count, totals, content_hash
) VALUES
    (%(operation_id)s, 'captured', %(captured)s, %(at)s, %(charge_id)s, %(operation_id)s, 'baseline', 'capture', 2,
        %(captured_totals)s, %(hash)s),
    (%(operation_id)s || ':fee', 'fee_charged', %(fee)s, %(at)s, %(charge_id)s, %(operation_id)s, 'baseline', 'capture', 2,
        %(fee_totals)s, %(hash)s)
RETURNING entry_id
"""
LINES = """
INSERT INTO baseline.lines (entry_id, line_number, account_id, side, amount_minor, currency, charge_id) VALUES
    (%(captured)s, 1, %(clearing)s, 'debit', %(amount)s, %(currency)s, %(charge_id)s),
    (%(captured)s, 2, %(sales)s, 'credit', %(amount)s, %(currency)s, %(charge_id)s),
    (%(fee)s, 1, %(fees)s, 'debit', %(fee_amount)s, %(currency)s, %(charge_id)s),
    (%(fee)s, 2, %(clearing)s, 'credit', %(fee_amount)s, %(currency)s, %(charge_id)s)
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
        connection.execute("GRANT USAGE ON SCHEMA baseline TO quittance_app")
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
        await connection.execute(
            CHARGE,
            (
                *(charge_id, hashlib.sha256(charge_id.encode()).hexdigest(), payment.customer, payment.currency),
                *(amount, methods, payment.gateway, amount, amount),
            ),
        )
        await connection.execute(
            OPERATION,
            (
                *(payment.operation_id, charge_id, payment.gateway, payment.token, amount, payment.currency),
                *(taken.payment_reference, taken.reference, taken.fee_minor, payment.currency),
            ),
        )
        posted = await connection.execute(ENTRIES, _entries(payment, taken))
        (captured,), (fee,) = await posted.fetchall()
        await connection.execute(
            LINES,
            {
                "captured": captured,
                "fee": fee,
                "clearing": self._accounts[f"clearing:{payment.gateway}"],
                "sales": self._accounts["revenue:sales"],
                "fees": self._accounts["expense:gateway_fees"],
                "amount": amount,
                "fee_amount": taken.fee_minor,
                "currency": payment.currency,
                "charge_id": charge_id,
            },
        )


def _entries(payment: Payment, taken: Taken) -> dict[str, object]:
    return {
        "operation_id": payment.operation_id,
        "charge_id": payment.charge_id,
        "captured": f"captured {payment.amount_minor} {payment.currency} at {payment.gateway}",
        "fee": f"fee {taken.fee_minor} {payment.currency} at {payment.gateway}",
        "at": taken.taken_at,
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
