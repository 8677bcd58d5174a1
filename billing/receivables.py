"""Holds what billing says is owed against the journal: for each customer, what is due and what is credit are the balances.

Read only, and written apart from what keeps it so. Give a connection whose transaction sees one state of the books.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import Money
from ledger.record import Record

MAX_FINDINGS = 1000

# A charge of which more was given back than it collected leaves that owed, and no invoice asks for it.
_CUSTOMERS = text("""
    SELECT c.customer_id, c.currency, coalesce(i.due, 0) + coalesce(p.beyond, 0) AS owed,
            coalesce(p.free, 0) AS credit, coalesce(r.balance_minor, 0) AS booked_owed,
            coalesce(k.balance_minor, 0) AS booked_credit
        FROM customers c
        LEFT JOIN LATERAL (
            SELECT sum(i.total_minor - i.applied_minor)::bigint AS due FROM invoices i
                WHERE i.customer_id = c.customer_id AND i.finalized_at IS NOT NULL AND i.voided_at IS NULL
                    AND i.written_off_at IS NULL
        ) i ON true
        LEFT JOIN LATERAL (
            SELECT sum(greatest(p.amount_minor, 0) - p.applied_minor)::bigint AS free,
                    sum(greatest(-p.amount_minor, 0))::bigint AS beyond
                FROM payments p WHERE p.customer_id = c.customer_id
        ) p ON true
        LEFT JOIN accounts ra ON ra.code = 'receivable:' || c.customer_id AND ra.currency = c.currency
        LEFT JOIN balances r ON r.account_id = ra.account_id
        LEFT JOIN accounts ka ON ka.code = 'liability:customer_credit:' || c.customer_id AND ka.currency = c.currency
        LEFT JOIN balances k ON k.account_id = ka.account_id
        WHERE coalesce(i.due, 0) + coalesce(p.beyond, 0) <> coalesce(r.balance_minor, 0)
            OR coalesce(p.free, 0) <> coalesce(k.balance_minor, 0)
        ORDER BY c.customer_id LIMIT :most
""")
_CHARGES = text("""
    SELECT h.charge_id, h.currency, s.left_minor, coalesce(p.amount_minor, 0) AS amount_minor
        FROM charges h
        JOIN invoices i ON i.invoice_id = h.invoice AND i.customer_id = h.customer AND i.currency = h.currency
        LEFT JOIN payments p ON p.charge_id = h.charge_id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(CASE l.side WHEN 'credit' THEN l.amount_minor ELSE -l.amount_minor END), 0) AS left_minor
                FROM lines l JOIN accounts a ON a.account_id = l.account_id
                WHERE l.charge_id = h.charge_id AND a.code = 'receivable:' || h.customer
        ) s
        WHERE s.left_minor <> coalesce(p.amount_minor, 0)
        ORDER BY h.charge_id LIMIT :most
""")
_SUMS = text("""
    SELECT 'invoice ' || i.invoice_id AS subject, i.currency, i.applied_minor, coalesce(s.minor, 0) AS rows_minor
        FROM invoices i
        LEFT JOIN (SELECT invoice_id, sum(amount_minor) AS minor FROM payment_applications GROUP BY 1) s USING (invoice_id)
        WHERE i.applied_minor <> coalesce(s.minor, 0)
    UNION ALL
    SELECT 'payment ' || p.payment_id, p.currency, p.applied_minor, coalesce(s.minor, 0)
        FROM payments p
        LEFT JOIN (SELECT payment_id, sum(amount_minor) AS minor FROM payment_applications GROUP BY 1) s USING (payment_id)
        WHERE p.applied_minor <> coalesce(s.minor, 0)
    ORDER BY 1 LIMIT :most
""")


class Difference(Record):
    """Something that does not agree; `finding` is a sentence that says what to do."""

    subject: str
    finding: str


async def differences(connection: AsyncConnection) -> Sequence[Difference]:
    """Return what does not agree, at most 1,000 of each kind; nothing where billing and the journal say the same."""
    most = {"most": MAX_FINDINGS}
    found = [_of_charge(row) for row in await connection.execute(_CHARGES, most)]
    found += [_of_customer(row) for row in await connection.execute(_CUSTOMERS, most)]
    found += [_of_sum(row) for row in await connection.execute(_SUMS, most)]
    return found


def _of_charge(row: Row[Any]) -> Difference:
    left, taken = _money(row.left_minor, row.currency), _money(row.amount_minor, row.currency)
    return Difference(
        subject=f"charge {row.charge_id}",
        finding=f"{left} of it pays what is owed, and {taken} is applied: run `invoices apply {row.charge_id}`",
    )


def _of_customer(row: Row[Any]) -> Difference:
    owed, booked = _money(row.owed, row.currency), _money(row.booked_owed, row.currency)
    free, kept = _money(row.credit, row.currency), _money(row.booked_credit, row.currency)
    return Difference(
        subject=f"customer {row.customer_id}",
        finding=f"{owed} is owed, and {booked} is booked as owed; {free} is credit, and {kept} is booked as credit:"
        f" compare with `ledger statement receivable:{row.customer_id}`",
    )


def _of_sum(row: Row[Any]) -> Difference:
    applied, rows = _money(row.applied_minor, row.currency), _money(row.rows_minor, row.currency)
    return Difference(subject=row.subject, finding=f"{applied} is applied, and its applications sum to {rows}")


def _money(amount_minor: int, currency: str) -> Money:
    return Money(amount_minor=int(amount_minor), currency=currency)
