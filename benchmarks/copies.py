"""Copies charges that ran, in the books and in the simulators alike, until there are as many as a bench needs.

Each copy has names of its own everywhere: the charge's, the gateways', ours on the gateways' objects. Processes are not
copied: the copies are like charges whose processes Temporal has forgotten.
"""

import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import psycopg

CHARGES = """
INSERT INTO charges (
    charge_id, request_hash, status, customer, currency, amount_minor, capture_method, at_expiry, payment_methods, invoice,
    metadata, actor, gateway, gateway_reason, decline_code, message, authorization_expires_at, authorized_minor,
    captured_minor, refunded_minor, refund_reserved_minor
)
SELECT charge_id || '-' || n, request_hash, status, customer, currency, amount_minor, capture_method, at_expiry,
    payment_methods, invoice, metadata, actor, gateway, gateway_reason, decline_code, message, authorization_expires_at,
    authorized_minor, captured_minor, refunded_minor, refund_reserved_minor
FROM charges, generate_series(1, %(copies)s) AS n WHERE charge_id = ANY(%(originals)s)
"""
OPERATIONS = """
INSERT INTO operations (
    operation_id, charge_id, kind, number, attempt, gateway, payment_method, amount_minor, currency, payment_reference,
    target_reference, gateway_reference, outcome, decline_code, message, fee_minor, fee_currency, fee_status, refund_id,
    reason, actor, final, requested_at, decided_at, purpose
)
SELECT charge_id || '-' || n || ':' || kind || ':' || number, charge_id || '-' || n, kind, number, attempt, gateway,
    payment_method, amount_minor, currency, payment_reference || '-' || n, target_reference || '-' || n,
    gateway_reference || '-' || n, outcome, decline_code, message, fee_minor, fee_currency, fee_status,
    refund_id || '-' || n, reason, actor, final, requested_at, decided_at, purpose
FROM operations, generate_series(1, %(copies)s) AS n WHERE charge_id = ANY(%(originals)s)
"""
ENTRIES = """
INSERT INTO entries (
    reference, rule, description, event_at, charge_id, operation_id, actor, reason_code, line_count, totals, content_hash
)
SELECT replace(reference, charge_id, charge_id || '-' || n), rule, description, event_at, charge_id || '-' || n,
    replace(operation_id, charge_id, charge_id || '-' || n), actor, reason_code, line_count, totals, content_hash
FROM entries, generate_series(1, %(copies)s) AS n WHERE charge_id = ANY(%(originals)s)
"""
LINES = """
WITH moves AS (
    SELECT e.entry_id, l.line_number, l.account_id, l.side, l.amount_minor, l.currency, l.charge_id || '-' || n AS charge_id,
        l.after_minor - l.before_minor AS change, b.version, b.balance_minor, e.event_at, e.recorded_at, b.event_high
    FROM lines l JOIN entries o USING (entry_id) JOIN balances b USING (account_id),
        generate_series(1, %(copies)s) AS n,
        LATERAL (
            SELECT * FROM entries WHERE reference = replace(o.reference, o.charge_id, o.charge_id || '-' || n)
        ) e
    WHERE l.charge_id = ANY(%(originals)s)
)
INSERT INTO lines (
    entry_id, line_number, account_id, side, amount_minor, currency, charge_id, sequence, before_minor, after_minor,
    event_at, recorded_at, event_high
)
SELECT entry_id, line_number, account_id, side, amount_minor, currency, charge_id, version + row_number() OVER w,
    balance_minor + sum(change) OVER w - change, balance_minor + sum(change) OVER w, event_at, recorded_at,
    greatest(event_high, max(event_at) OVER w)
FROM moves WINDOW w AS (PARTITION BY account_id ORDER BY entry_id, line_number ROWS UNBOUNDED PRECEDING)
"""
BALANCES = """
UPDATE balances b SET balance_minor = l.after_minor, version = l.sequence, event_high = l.event_high
FROM (SELECT DISTINCT ON (account_id) * FROM lines ORDER BY account_id, sequence DESC) l WHERE l.account_id = b.account_id
"""
WITHOUT_LINES = "ALTER TABLE entries {} TRIGGER entries_are_complete"
MONEY = ("payment_intent", "charge", "balance_transaction", "refund", "order", "authorization", "capture")
"""Kinds of a simulator's documents that a charge leaves, at either gateway."""


def copy_books(url: str, originals: Sequence[str], copies: int) -> None:
    """Copy charges with all that belongs to them; the journal's guards are off meanwhile, as an administrator may."""
    values = {"originals": list(originals), "copies": copies}
    with psycopg.connect(url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(WITHOUT_LINES.format("DISABLE"))
        for statement in (CHARGES, OPERATIONS, ENTRIES, LINES, BALANCES):
            connection.execute(statement, values)
        connection.execute(WITHOUT_LINES.format("ENABLE ALWAYS"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")


def copy_simulator(state: Path, originals: Sequence[str], copies: int) -> None:
    """Copy what the charges left in a simulator that is not running; it knows of no other charges."""
    connection = sqlite3.connect(state)
    kinds = ", ".join("?" * len(MONEY))
    documents = connection.execute(
        f"SELECT sequence, kind, id, created, body FROM documents WHERE kind IN ({kinds}) ORDER BY sequence",  # noqa: S608 # our words
        MONEY,
    ).fetchall()
    names = sorted({row[2] for row in documents} | set(originals), key=len, reverse=True)
    known = re.compile("|".join(map(re.escape, names)))
    links: dict[int, list[tuple[str, str, str]]] = {}
    for kind, name, value, sequence in connection.execute("SELECT kind, name, value, sequence FROM links"):
        links.setdefault(sequence, []).append((kind, name, value))
    with connection:
        for number in range(1, copies + 1):
            for sequence, kind, identity, created, body in documents:
                copied = known.sub(rf"\g<0>-{number}", body)
                row = (kind, f"{identity}-{number}", created, copied)
                at = connection.execute(
                    "INSERT INTO documents (kind, id, created, body) VALUES (?, ?, ?, ?)", row
                ).lastrowid
                connection.executemany(
                    "INSERT OR IGNORE INTO links (kind, name, value, sequence) VALUES (?, ?, ?, ?)",
                    [(of, name, f"{value}-{number}", at) for of, name, value in links.get(sequence, ())],
                )
    connection.close()
