"""Reads the courses of unpaid invoices from the books: what `billing.dunning.recovery` measures."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.dunning.recovery import Course
from billing.tries import InvoiceTry

# Of each invoice: its first try and first decline, when it was tried and written about, and what came after.
_COURSES = text("""
    SELECT d.*, first.network, answered.declined,
            ARRAY (
                SELECT c.tried_at FROM invoice_tries t JOIN card_tries c ON c.charge_id = t.charge_id
                    WHERE t.invoice_id = d.invoice_id AND t.number > 0 AND c.at_network ORDER BY 1
            ) AS tries,
            ARRAY (
                SELECT t.tried_at FROM invoice_tries t WHERE t.invoice_id = d.invoice_id AND t.is_rung AND EXISTS (
                    SELECT FROM card_tries c WHERE c.charge_id = t.charge_id AND c.at_network AND NOT c.is_technical
                ) ORDER BY 1
            ) AS rungs,
            ARRAY (
                SELECT n.sent_at FROM dunning_notices n WHERE n.invoice_id = d.invoice_id AND n.sent_at IS NOT NULL
                    ORDER BY 1
            ) AS notices,
            coalesce(d.reason <> 'paid' AND i.state = 'paid', false) AS is_paid_after_end,
            coalesce(d.reason NOT IN ('paid', 'voided', 'subscription_cancelled') AND s.state = 'canceled'
                AND p.content #>> '{end,subscription}' = 'cancel', false) AS ended_subscription,
            coalesce(next.state = 'paid' OR next.has_failed, false) AS next_decided,
            coalesce(next.has_failed, false) AS next_failed
        FROM dunnings d
        JOIN invoices i ON i.invoice_id = d.invoice_id
        JOIN dunning_policies p ON (p.version, p.name) = (d.policy_version, d.policy_name)
        LEFT JOIN subscriptions s ON s.subscription_id = d.subscription_id
        LEFT JOIN LATERAL (
            SELECT t.network FROM invoice_tries t WHERE t.invoice_id = d.invoice_id AND t.withdrawn_at IS NULL
                ORDER BY t.number LIMIT 1
        ) first ON true
        LEFT JOIN LATERAL (
            SELECT to_jsonb(declined) AS declined FROM (
                SELECT t.*, c.status, c.decline_code, c.answer
                    FROM invoice_tries t JOIN charges c ON c.charge_id = t.charge_id
                    WHERE t.invoice_id = d.invoice_id AND c.status = 'declined' ORDER BY t.number LIMIT 1
            ) declined
        ) answered ON true
        LEFT JOIN LATERAL (
            SELECT n.state, EXISTS (SELECT FROM dunnings x WHERE x.invoice_id = n.invoice_id) AS has_failed
                FROM invoices n WHERE n.subscription_id = d.subscription_id AND n.period_number > i.period_number
                    AND n.voided_at IS NULL
                ORDER BY n.period_number LIMIT 1
        ) next ON true
        WHERE d.failed_at >= :first AND d.failed_at <= :last
        ORDER BY d.failed_at, d.invoice_id
""")


async def courses(connection: AsyncConnection, first: datetime, last: datetime) -> Sequence[Course]:
    """Read what became of the invoices whose payment failed from `first` to `last`, in the order of their failures."""
    rows = (await connection.execute(_COURSES, {"first": first, "last": last})).mappings()
    return [_course(row) for row in rows]


def _class_of(declined: dict[str, Any] | None) -> str:
    found = InvoiceTry.model_validate(declined).as_tried().classified if declined is not None else None
    return str(found.decline_class) if found is not None else ""


def _course(row: RowMapping) -> Course:
    return Course(
        invoice_id=row["invoice_id"],
        customer_id=row["customer_id"],
        policy=f"{row['policy_version']}/{row['policy_name']}",
        decline_class=_class_of(row["declined"]),
        network=row["network"] or "",
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        failed_at=row["failed_at"],
        ended_at=row["ended_at"],
        reason=row["reason"],
        recovered_by=row["recovered_by"],
        tries=row["tries"],
        rungs=row["rungs"],
        notices=row["notices"],
        is_paid_after_end=row["is_paid_after_end"],
        ended_subscription=row["ended_subscription"],
        next_decided=row["next_decided"],
        next_failed=row["next_failed"],
    )
