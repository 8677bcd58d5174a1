"""The documents of the `ledger` commands with `--json`."""

from datetime import datetime

from commands.documents import Document
from ledger.reports import AccountBalance, EntryRecord


class LineDocument(Document):
    """One debit or credit of a journal entry."""

    account: str
    side: str
    amount_minor: int
    currency: str


class PostedLineDocument(LineDocument):
    """A line that is posted, and what it did to its account's balance."""

    sequence: int
    before_minor: int
    after_minor: int


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
    gateway: str | None
    gateway_reference: str | None
    reverses: str | None
    reversed_by: list[str]
    left_to_undo: dict[str, int] | None
    lines: list[PostedLineDocument]


class AccountDocument(Document):
    """An account in one currency."""

    account: str
    type: str
    currency: str
    normal_side: str
    balance_minor: int


def of_entry(entry: EntryRecord) -> EntryDocument:
    """Show a posted entry."""
    header = entry.model_dump(exclude={"entry_id", "reference", "lines"})
    lines = [PostedLineDocument(**line.model_dump()) for line in entry.lines]
    return EntryDocument(entry_reference=entry.reference, lines=lines, **header)


def of_account(row: AccountBalance) -> AccountDocument:
    """Show an account."""
    return AccountDocument(**row.model_dump())
