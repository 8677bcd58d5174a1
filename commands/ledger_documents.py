"""The documents of the `ledger` commands with `--json`."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from commands.documents import Document
from ledger.reports import AccountBalance, EntryRecord, StatementLine, TrialBalanceRow


class LineDocument(Document):
    """One debit or credit of a journal entry."""

    account: str
    side: str
    amount_minor: int
    currency: str


class EntryDocument(Document):
    """A journal entry."""

    entry_reference: str
    rule: str
    description: str
    charge_id: str | None
    operation_id: str | None
    event_at: datetime
    recorded_at: datetime
    actor: str
    reason_code: str | None
    reverses: str | None
    lines: list[LineDocument]


class AccountDocument(Document):
    """An account in one currency."""

    account: str
    type: str
    currency: str
    normal_side: str
    balance_minor: int


class TrialBalanceAccount(AccountDocument):
    """An account in the trial balance."""

    debit_minor: int
    credit_minor: int


class TrialBalanceCurrency(Document):
    """The sums of a currency."""

    currency: str
    debit_minor: int
    credit_minor: int
    difference_minor: int


class TrialBalanceDocument(Document):
    """The trial balance."""

    currencies: list[TrialBalanceCurrency]
    accounts: list[TrialBalanceAccount]


class StatementLineDocument(Document):
    """A line of an account, and the account's balance after it."""

    line_id: int
    entry_reference: str
    rule: str
    description: str
    charge_id: str | None
    event_at: datetime
    recorded_at: datetime
    side: str
    amount_minor: int
    currency: str
    balance_minor: int


def of_entry(entry: EntryRecord) -> EntryDocument:
    """Show a posted entry."""
    return EntryDocument(
        entry_reference=entry.reference,
        rule=entry.rule,
        description=entry.description,
        charge_id=entry.charge_id,
        operation_id=entry.operation_id,
        event_at=entry.event_at,
        recorded_at=entry.recorded_at,
        actor=entry.actor,
        reason_code=entry.reason_code,
        reverses=entry.reverses,
        lines=[LineDocument(**line.model_dump()) for line in entry.lines],
    )


def of_account(row: AccountBalance) -> AccountDocument:
    """Show an account."""
    return AccountDocument(**row.model_dump())


def of_statement_line(line: StatementLine) -> StatementLineDocument:
    """Show a line of an account."""
    return StatementLineDocument(entry_reference=line.reference, **line.model_dump(exclude={"reference"}))


def of_trial_balance(rows: Sequence[TrialBalanceRow]) -> TrialBalanceDocument:
    """Show the trial balance with the sums of each currency."""
    debits, credited = Counter[str](), Counter[str]()
    for row in rows:
        debits[row.currency] += row.debit_minor
        credited[row.currency] += row.credit_minor
    return TrialBalanceDocument(
        currencies=[
            TrialBalanceCurrency(
                currency=currency,
                debit_minor=debits[currency],
                credit_minor=credited[currency],
                difference_minor=debits[currency] - credited[currency],
            )
            for currency in sorted(debits)
        ],
        accounts=[TrialBalanceAccount(**row.model_dump()) for row in rows],
    )
