"""What a pack has of the database: each file with its columns, what it is for, and the query that fills it.

`:period` is its name, `:first` and `:end` its first moment and the first one after it, `:settled` that of its last change where
that came later. A file of the period leaves out what could still change once the period is closed.
"""

from dataclasses import dataclass

from sqlalchemy import TextClause, text


@dataclass(frozen=True)
class TableFile:
    """A CSV file of a pack; columns that end in `_minor` come in major units as well."""

    name: str
    about: str
    """What it is, for the README of the pack."""
    columns: tuple[str, ...]
    query: TextClause


# A line of an entry belongs to the period of the entry; what happened, and what is in which period, are two questions.
_SIGNED = "CASE l.side WHEN 'debit' THEN l.amount_minor ELSE -l.amount_minor END"
_SUMS = f"""
    coalesce(sum({_SIGNED}) FILTER (WHERE p.starts_on < CAST(:first AS date)), 0) AS opening,
    coalesce(sum(l.amount_minor) FILTER (WHERE p.name = :period AND l.side = 'debit'), 0) AS debits,
    coalesce(sum(l.amount_minor) FILTER (WHERE p.name = :period AND l.side = 'credit'), 0) AS credits,
    sum({_SIGNED}) AS closing
    FROM lines l JOIN entries e ON e.entry_id = l.entry_id JOIN periods p ON p.name = e.period
    WHERE p.starts_on <= CAST(:first AS date)
"""
_ON_ITS_SIDE = "CASE a.normal_side WHEN 'debit' THEN {sum} ELSE -{sum} END"
_BALANCES = (
    f"{_ON_ITS_SIDE.format(sum='s.opening')} AS opening_minor, s.debits AS debits_minor, s.credits AS credits_minor,"
    f" {_ON_ITS_SIDE.format(sum='s.closing')} AS closing_minor"
)

ENTRIES = TableFile(
    "entries.csv",
    "every entry that belongs to the period, in the order of its number, with the seal that covers it",
    (
        *("entry_id", "reference", "rule", "description", "event_at", "recorded_at", "charge_id", "operation_id"),
        *(
            "actor",
            "reason_code",
            "reverses",
            "line_count",
            "totals",
            "content_hash",
            "seal",
            "leaf_index",
            "leaf_hash",
        ),
    ),
    text(
        "SELECT e.entry_id, e.reference, e.rule, e.description, e.event_at, e.recorded_at, e.charge_id, e.operation_id,"
        " e.actor, e.reason_code, u.reference AS reverses, e.line_count, e.totals, e.content_hash, k.seal_number AS seal,"
        " k.leaf_index, k.leaf_hash FROM entries e LEFT JOIN entries u ON u.entry_id = e.reverses_entry_id"
        " LEFT JOIN seal_leaves k ON k.entry_id = e.entry_id WHERE e.period = :period ORDER BY e.entry_id"
    ),
)
LINES = TableFile(
    "lines.csv",
    "their lines, each with its number in its account and the account's balance before and after it",
    (
        *("entry_id", "reference", "rule", "line_number", "account", "side", "currency", "amount_minor", "charge_id"),
        *("sequence", "before_minor", "after_minor"),
    ),
    text(
        "SELECT e.entry_id, e.reference, e.rule, l.line_number, a.code AS account, l.side, l.currency, l.amount_minor,"
        " l.charge_id, l.sequence, l.before_minor, l.after_minor FROM entries e JOIN lines l ON l.entry_id = e.entry_id"
        " JOIN accounts a ON a.account_id = l.account_id WHERE e.period = :period ORDER BY e.entry_id, l.line_number"
    ),
)
TRIAL_BALANCE = TableFile(
    "trial_balance.csv",
    "each account with what it held before the period, its debits and credits in it, and what it held after it",
    (
        *("account", "type", "currency", "normal_side"),
        *("opening_minor", "debits_minor", "credits_minor", "closing_minor"),
    ),
    text(
        f"SELECT a.code AS account, a.type, a.currency, a.normal_side, {_BALANCES} FROM ("  # noqa: S608
        f" SELECT l.account_id, {_SUMS} GROUP BY l.account_id) s JOIN accounts a ON a.account_id = s.account_id"
        " ORDER BY a.currency, a.code"
    ),
)
RULES = TableFile(
    "posting_rules.csv",
    "how many entries each posting rule made, and what they debit and credit",
    ("rule", "currency", "entries", "debits_minor", "credits_minor"),
    text(
        "SELECT e.rule, l.currency, count(DISTINCT e.entry_id) AS entries,"
        " coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'debit'), 0) AS debits_minor,"
        " coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'credit'), 0) AS credits_minor"
        " FROM entries e JOIN lines l ON l.entry_id = e.entry_id WHERE e.period = :period"
        " GROUP BY e.rule, l.currency ORDER BY e.rule, l.currency"
    ),
)
CLEARING = TableFile(
    "clearing.csv",
    "the clearing accounts charge by charge: what the gateway owed of it before, what moved, and what it owes after",
    ("account", "currency", "charge_id", "opening_minor", "debits_minor", "credits_minor", "closing_minor"),
    text(
        f"SELECT a.code AS account, a.currency, s.charge_id, {_BALANCES} FROM ("  # noqa: S608
        f" SELECT l.account_id, l.charge_id, count(*) FILTER (WHERE p.name = :period) AS moved, {_SUMS}"
        "  AND l.account_id IN (SELECT c.account_id FROM accounts c WHERE c.code LIKE 'clearing:%')"
        "  GROUP BY l.account_id, l.charge_id) s JOIN accounts a ON a.account_id = s.account_id"
        " WHERE s.moved > 0 OR s.opening <> 0 ORDER BY a.currency, a.code, s.charge_id NULLS FIRST"
    ),
)
# An adjustment of which the period saw no end is open, whatever became of it since.
_ADJUSTMENTS = (
    "adjustments j LEFT JOIN entries e ON e.entry_id = j.posted_entry_id AND (e.period = :period OR j.changed_at < :end)"
    " WHERE e.period = :period OR (j.requested_at < :end AND (j.changed_at >= :first OR j.state IN ('requested', 'approved')))"
)
ADJUSTMENTS = TableFile(
    "adjustments.csv",
    "manual adjustments that were posted into the period, or asked for or open in its days: who, why, on what evidence, the exact entry",
    (
        *("adjustment_id", "state", "requester", "reason_code", "because", "evidence", "entry", "entry_hash", "tier"),
        *("approvals_needed", "requested_at", "expires_at", "posted_reference", "posted_period"),
    ),
    text(
        "SELECT j.adjustment_id, CASE WHEN e.entry_id IS NOT NULL THEN 'posted'"  # noqa: S608
        " WHEN j.state IN ('rejected', 'expired') AND j.changed_at < :end THEN j.state ELSE 'open' END AS state,"
        " j.requester, j.reason_code, j.because, j.evidence, j.entry, j.entry_hash, j.tier, j.approvals_needed,"
        " j.requested_at, j.expires_at, e.reference AS posted_reference, e.period AS posted_period"
        f" FROM {_ADJUSTMENTS} ORDER BY j.requested_at, j.adjustment_id"
    ),
)
DECISIONS = TableFile(
    "decisions.csv",
    "what was decided of these adjustments, by whom, when, and of which exact entry",
    ("adjustment_id", "person", "decision", "because", "seen_hash", "decided_at"),
    text(
        "SELECT d.adjustment_id, d.person, d.decision, d.because, d.seen_hash, d.decided_at FROM adjustment_decisions d"  # noqa: S608
        f" JOIN (SELECT j.adjustment_id, e.period FROM {_ADJUSTMENTS}) k ON k.adjustment_id = d.adjustment_id"
        " WHERE k.period = :period OR d.decided_at < :end ORDER BY d.decided_at, d.adjustment_id, d.person"
    ),
)
PERIOD_CHANGES = TableFile(
    "period_changes.csv",
    "how the period was closed or reopened: by whom, why, and what was open in it",
    ("change_id", "from_state", "to_state", "changed_at", "changed_by", "because", "approved_by", "warnings"),
    text(
        "SELECT change_id, from_state, to_state, changed_at, changed_by, because, approved_by, warnings"
        " FROM period_changes WHERE period = :period ORDER BY change_id"
    ),
)
ACCOUNT_CHANGES = TableFile(
    "account_changes.csv",
    "accounts that were frozen, opened, closed or limited in the days of the period, by whom and why",
    ("change_id", "account", "currency", "state", "bill_back_minor", "actor", "because", "changed_at"),
    text(
        "SELECT c.change_id, a.code AS account, a.currency, c.state, c.bill_back_minor, c.actor, c.because, c.changed_at"
        " FROM account_changes c JOIN accounts a ON a.account_id = c.account_id"
        " WHERE c.changed_at >= :first AND c.changed_at < :end ORDER BY c.change_id"
    ),
)
PEOPLE = TableFile(
    "people.csv",
    "who held which role from the first day of the period to its last change; without an end, still then",
    ("person", "role", "from_at", "until_at"),
    text(
        "SELECT person, role, from_at, CASE WHEN until_at <= :settled THEN until_at END AS until_at FROM people_roles"
        " WHERE from_at <= :settled AND (until_at IS NULL OR until_at >= :first) ORDER BY person, role, from_at"
    ),
)
SEALS = TableFile(
    "seals.csv",
    "the seals that cover entries of the period, with what was signed and the signature",
    (
        *(
            "number",
            "entries_of_period",
            "sealed_at",
            "entry_count",
            "first_leaf",
            "last_leaf",
            "root",
            "previous_digest",
        ),
        *("digest", "key_fingerprint", "statement", "signature"),
    ),
    text(
        "SELECT s.*, k.entries_of_period FROM seals s JOIN ("
        " SELECT k.seal_number, count(*) AS entries_of_period FROM seal_leaves k JOIN entries e ON e.entry_id = k.entry_id"
        " WHERE e.period = :period GROUP BY k.seal_number) k ON k.seal_number = s.number ORDER BY s.number"
    ),
)
OPERATIONS = TableFile(
    "operations.csv",
    "the operations that entries of the period name, with the gateway's object, as known when the pack was written",
    (
        *("operation_id", "charge_id", "kind", "gateway", "currency", "amount_minor", "payment_reference"),
        *("gateway_reference", "outcome", "requested_at", "decided_at", "actor"),
    ),
    text(
        "SELECT o.operation_id, o.charge_id, o.kind, o.gateway, o.currency, o.amount_minor, o.payment_reference,"
        " o.gateway_reference, o.outcome, o.requested_at, o.decided_at, o.actor FROM operations o"
        " WHERE o.operation_id IN (SELECT e.operation_id FROM entries e WHERE e.period = :period)"
        " ORDER BY o.operation_id"
    ),
)
