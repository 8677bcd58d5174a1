"""The documents of balances, statements and the audit trail with `--json`, and with `--csv` the lines of them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from commands.documents import Document
from commands.ledger_documents import AccountDocument
from ledger.audit_trail import AuditEvent
from ledger.history import Balance, BalanceNow, TrialBalanceRow
from ledger.log_lines import LogLine
from ledger.moments import Moment
from ledger.statements import Frame, Question, Statement


class BalanceDocument(AccountDocument):
    """What an account holds or held."""

    at: datetime | None
    known_at: datetime | None
    held_minor: int | None
    available_minor: int | None
    state: str | None
    later_minor: int | None
    line_count: int


class TrialBalanceAccount(AccountDocument):
    """An account in the trial balance."""

    debit_minor: int
    credit_minor: int
    later_minor: int | None


class TrialBalanceCurrency(Document):
    """The sums of a currency."""

    currency: str
    debit_minor: int
    credit_minor: int
    difference_minor: int


class TrialBalanceDocument(Document):
    """The trial balance."""

    at: datetime | None
    known_at: datetime | None
    currencies: list[TrialBalanceCurrency]
    accounts: list[TrialBalanceAccount]


class LogLineDocument(Document):
    """A line of an account: balance before, adjustment, balance after, who, why, and from what."""

    account: str
    currency: str
    line_id: int
    sequence: int
    event_at: datetime
    recorded_at: datetime
    before_minor: int
    change_minor: int
    after_minor: int
    side: str
    amount_minor: int
    actor: str
    reason_code: str | None
    rule: str
    entry_reference: str
    description: str
    charge_id: str | None
    operation_id: str | None
    gateway: str | None
    gateway_reference: str | None
    recorded_later: bool
    reverses: str | None
    reversed_by: list[str]
    left_to_undo_minor: int | None


class StatementDocument(Document):
    """An account in one currency, in a time."""

    account: str
    type: str
    currency: str
    normal_side: str
    opening_minor: int
    closing_minor: int
    has_earlier: bool
    lines: list[LogLineDocument]


class StatementsDocument(Document):
    """Statements of the same time."""

    by: str
    begins_at: datetime | None
    ends_at: datetime | None
    known_at: datetime | None
    statements: list[StatementDocument]


class LedgerLineDocument(Document):
    """A line of CSV: an opening balance, a line of the account, or a closing balance."""

    what: str
    account: str
    currency: str
    line_id: int | None = None
    sequence: int | None = None
    event_at: datetime | None = None
    recorded_at: datetime | None = None
    before_minor: int | None = None
    change_minor: int | None = None
    after_minor: int
    actor: str | None = None
    reason_code: str | None = None
    rule: str | None = None
    entry_reference: str | None = None
    description: str | None = None
    charge_id: str | None = None
    operation_id: str | None = None
    gateway: str | None = None
    gateway_reference: str | None = None
    recorded_later: bool | None = None
    reverses: str | None = None
    reversed_by: tuple[str, ...] = ()
    left_to_undo_minor: int | None = None


class AuditEventDocument(Document):
    """Something that somebody did to the books."""

    at: datetime
    actor: str
    what: str
    subject: str
    detail: str
    reason: str | None
    rule: str | None
    event_at: datetime | None
    charge_id: str | None
    operation_id: str | None
    gateway: str | None
    gateway_reference: str | None
    reverses: str | None
    reversed_by: list[str]
    left_to_undo: dict[str, int] | None


class AuditTrailDocument(Document):
    """The audit trail of a time."""

    begins_at: datetime | None
    ends_at: datetime | None
    has_earlier: bool
    events: list[AuditEventDocument]


def of_balance_now(found: BalanceNow) -> BalanceDocument:
    """Show what an account holds."""
    return BalanceDocument(
        **found.model_dump(), available_minor=found.available_minor, at=None, known_at=None, later_minor=None
    )


def of_balance(found: Balance, moment: Moment) -> BalanceDocument:
    """Show what an account held; what was held of it is known for now only."""
    unknown = dict.fromkeys(("held_minor", "available_minor", "state"))
    return BalanceDocument(**found.model_dump(), **unknown, at=moment.happened, known_at=moment.known)


def of_trial_balance_row(row: TrialBalanceRow) -> TrialBalanceAccount:
    """Show an account of the trial balance."""
    return TrialBalanceAccount(**row.model_dump())


def of_trial_balance(rows: Sequence[TrialBalanceRow], moment: Moment) -> TrialBalanceDocument:
    """Show the trial balance with the sums of each currency."""
    debits, credited = Counter[str](), Counter[str]()
    for row in rows:
        debits[row.currency] += row.debit_minor
        credited[row.currency] += row.credit_minor
    return TrialBalanceDocument(
        at=moment.happened,
        known_at=moment.known,
        currencies=[
            TrialBalanceCurrency(
                currency=currency,
                debit_minor=debits[currency],
                credit_minor=credited[currency],
                difference_minor=debits[currency] - credited[currency],
            )
            for currency in sorted(debits)
        ],
        accounts=[of_trial_balance_row(row) for row in rows],
    )


def of_log_line(line: LogLine) -> LogLineDocument:
    """Show a line of an account."""
    return LogLineDocument(entry_reference=line.reference, **line.model_dump(exclude={"reference"}))


def of_statements(found: Sequence[Statement], question: Question) -> StatementsDocument:
    """Show statements of the same time."""
    return StatementsDocument(
        by=question.order,
        begins_at=question.span.first,
        ends_at=question.span.last,
        known_at=question.known,
        statements=[
            StatementDocument(
                lines=[of_log_line(line) for line in each.lines],
                **each.model_dump(include=StatementDocument.model_fields.keys() - {"lines"}),
            )
            for each in found
        ],
    )


def of_opening(frame: Frame) -> LedgerLineDocument:
    """Show the balance that an account opens with, as a line."""
    return LedgerLineDocument(
        what="opening", account=frame.account, currency=frame.currency, after_minor=frame.opening_minor
    )


def of_closing(frame: Frame) -> LedgerLineDocument:
    """Show the balance that an account closes with, as a line."""
    return LedgerLineDocument(
        what="closing", account=frame.account, currency=frame.currency, after_minor=frame.closing_minor
    )


def of_ledger_line(line: LogLine) -> LedgerLineDocument:
    """Show a line of an account among opening and closing balances."""
    shown = of_log_line(line).model_dump(include=set(LedgerLineDocument.model_fields))
    return LedgerLineDocument(what="line", **shown)


def of_event(event: AuditEvent) -> AuditEventDocument:
    """Show what somebody did."""
    return AuditEventDocument(**event.model_dump())
