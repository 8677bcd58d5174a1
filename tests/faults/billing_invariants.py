"""The invariants of what is owed, read from the tables by code that shares nothing with the system: plain SQL, its own sums.

B1 a try is one charge, and what was withdrawn is none. B2 an invoice is paid once: what its charges kept, and what came from
outside, is what was due, and a surplus went back once. B3 each notice goes out at most once. B4 each change of access is told
once, and a dunning ends once. B5 the tries that cards are counted by are those that gateways heard of.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.faults.evidence import Evidence, Row, operation_of
from tests.faults.invariants import Violation

TRIES = """
SELECT t.charge_id, t.invoice_id, t.number, t.withdrawn_at IS NOT NULL AS is_withdrawn, t.amount_minor, t.currency,
        c.invoice AS charged_for, c.amount_minor AS charged_minor, c.currency AS charged_in,
        k.operation_id, k.is_decided, k.is_approved, k.at_network
    FROM invoice_tries t LEFT JOIN charges c USING (charge_id) LEFT JOIN card_tries k ON k.charge_id = t.charge_id
"""
UNKNOWN_CHARGES = """
SELECT c.charge_id FROM charges c JOIN invoices i ON i.invoice_id = c.invoice
    WHERE NOT EXISTS (SELECT FROM invoice_tries t WHERE t.charge_id = c.charge_id)
"""
INVOICES = """
SELECT i.invoice_id, i.state, i.total_minor, i.applied_minor,
        coalesce((SELECT sum(c.captured_minor - c.refunded_minor - c.withdrawn_minor) FROM charges c
            WHERE c.invoice = i.invoice_id), 0)::bigint AS kept_minor,
        (SELECT count(*) FROM charges c WHERE c.invoice = i.invoice_id
            AND c.captured_minor > c.refunded_minor + c.withdrawn_minor) AS keeping,
        coalesce((SELECT sum(a.amount_minor) FROM payment_applications a JOIN payments p USING (payment_id)
            WHERE a.invoice_id = i.invoice_id AND p.charge_id IS NULL), 0)::bigint AS outside_minor,
        coalesce((SELECT sum(p.amount_minor - p.applied_minor) FROM payments p JOIN charges c USING (charge_id)
            WHERE c.invoice = i.invoice_id), 0)::bigint AS left_over_minor,
        (SELECT count(*) FROM invoices o WHERE o.subscription_id = i.subscription_id
            AND o.period_number = i.period_number AND o.voided_at IS NULL) AS of_its_period
    FROM invoices i WHERE i.finalized_at IS NOT NULL
"""
NOTICES = """
SELECT n.invoice_id, n.key, n.sent_at IS NOT NULL AS is_sent, n.failed_at IS NOT NULL AS is_failed,
        (SELECT count(*) FROM events e WHERE e.body ->> 'invoice' = n.invoice_id AND e.body ->> 'notice' = n.key) AS told
    FROM dunning_notices n
"""
ACCESS = """
SELECT a.invoice_id, a.number, a.access, lag(a.access) OVER (PARTITION BY a.invoice_id ORDER BY a.number) AS before,
        (SELECT count(*) FROM events e WHERE starts_with(e.kind, 'access.') AND e.body ->> 'invoice' = a.invoice_id) AS told,
        count(*) OVER (PARTITION BY a.invoice_id) AS changes
    FROM dunning_access a
"""
DUNNINGS = """
SELECT d.invoice_id, d.ended_at IS NOT NULL AS is_over,
        (SELECT count(*) FROM dunning_events e WHERE e.invoice_id = d.invoice_id AND e.kind = 'ended') AS ends,
        (SELECT count(*) FROM events e WHERE e.body ->> 'invoice' = d.invoice_id
            AND e.kind IN ('dunning.ended', 'dunning.recovered')) AS told,
        (SELECT count(*) FROM events e WHERE e.body ->> 'invoice' = d.invoice_id AND e.kind = 'dunning.began') AS begun
    FROM dunnings d
"""
WAKES = "SELECT process, subject FROM process_wakes WHERE noted_at < clock_timestamp() - interval '30 seconds'"


def billing_violations(
    database_url: str,
    evidence: Evidence,
    requests: Mapping[str, Sequence[Row]],
    mailed: Collection[str] = (),
) -> list[Violation]:
    """Everything that is wrong when all has come to rest; `mailed` are the ids of the messages that a mail server took."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:

        def rows(statement: str) -> list[dict[str, Any]]:
            return list(connection.execute(statement))

        return [
            *_tries(rows(TRIES), rows(UNKNOWN_CHARGES)),
            *_paid_once(rows(INVOICES)),
            *_notices(rows(NOTICES), mailed),
            *_told_once(rows(ACCESS), rows(DUNNINGS)),
            *_counted(rows(TRIES), evidence, requests),
            *(Violation("B4", row["subject"], f"nobody has woken its {row['process']}") for row in rows(WAKES)),
        ]


def _tries(tries: Sequence[Row], unknown: Sequence[Row]) -> Iterator[Violation]:
    for row in tries:
        asked = row["invoice_id"], row["amount_minor"], row["currency"]
        charged = row["charged_for"], row["charged_minor"], row["charged_in"]
        if row["is_withdrawn"] and row["charged_for"] is not None:
            yield Violation("B1", row["charge_id"], "the try was withdrawn, and there is a charge of it")
        if not row["is_withdrawn"] and asked != charged:
            yield Violation("B1", row["charge_id"], f"the try is of {asked}, and its charge of {charged}")
    for row in unknown:
        yield Violation("B1", row["charge_id"], "it charges an invoice, and is no try of it")


def _paid_once(invoices: Sequence[Row]) -> Iterator[Violation]:
    for row in invoices:
        name, paid = row["invoice_id"], row["kept_minor"] + row["outside_minor"]
        if row["keeping"] > 1 or paid > row["total_minor"]:
            yield Violation("B2", name, f"of {row['total_minor']} was taken {paid}, by {row['keeping']} charges")
        if row["left_over_minor"]:
            yield Violation("B2", name, f"{row['left_over_minor']} that was too much is not given back")
        if row["applied_minor"] != paid or (row["state"] == "paid") != (paid == row["total_minor"]):
            yield Violation("B2", name, f"it is {row['state']}: {paid} came in, and {row['applied_minor']} is applied")
        if row["of_its_period"] > 1:
            yield Violation("B2", name, f"its period has {row['of_its_period']} invoices")


def _notices(notices: Sequence[Row], mailed: Collection[str]) -> Iterator[Violation]:
    for row in notices:
        if row["is_sent"] + row["is_failed"] != 1 or row["told"] != 1:
            yield Violation(
                "B3", row["invoice_id"], f"notice {row['key']} is not settled, or was told {row['told']} times"
            )
    for message_id, times in Counter(mailed).items():
        if times > 1:
            yield Violation("B3", None, f"message {message_id} was mailed {times} times")
    sent = sum(row["is_sent"] for row in notices)
    if mailed and sent > len(set(mailed)):
        yield Violation("B3", None, f"{sent} notices are said to be sent, and {len(set(mailed))} were mailed")


def _told_once(access: Sequence[Row], dunnings: Sequence[Row]) -> Iterator[Violation]:
    for row in access:
        if row["access"] == row["before"] or row["told"] != row["changes"]:
            yield Violation("B4", row["invoice_id"], f"access {row['access']} again, or told {row['told']} times")
    for row in dunnings:
        once = int(row["is_over"])
        if (row["ends"], row["told"], row["begun"]) != (once, once, 1):
            yield Violation("B4", row["invoice_id"], f"its dunning ended {row['ends']} times, told {row['told']} times")


def _counted(tries: Sequence[Row], evidence: Evidence, requests: Mapping[str, Sequence[Row]]) -> Iterator[Violation]:
    sent = {operation_of(request["idempotency_key"]) for each in requests.values() for request in each}
    captured = {effect.operation_id for effect in evidence.effects if effect.kind == "capture"}
    for row in tries:
        operation_id = row["operation_id"]
        counted = row["is_decided"], row["is_approved"]
        if counted != (True, operation_id in captured):
            yield Violation("B5", row["charge_id"], f"its card was tried (decided, approved): {counted}")
        if row["at_network"] and operation_id not in sent:
            yield Violation("B5", row["charge_id"], "its card is counted as tried, and no gateway heard of it")
