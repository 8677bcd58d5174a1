"""Lines of an account's log: balance before, adjustment, balance after, who, why, and from what.

From what: the posting rule and the entry's reference, the operation that it books, and the object at the gateway. The log
is in one of two orders, of what was recorded or of what happened, and balances run on in that order.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum

from sqlalchemy import RowMapping

from ledger.accounts import Side
from ledger.record import Record


class Order(StrEnum):
    """By which of the two clocks a log is told."""

    HAPPENED = "happened"
    RECORDED = "recorded"


class LogLine(Record):
    """One line of an account."""

    account: str
    currency: str
    line_id: int
    sequence: int
    """1, 2, 3 and so on within the account, in the order of recording."""
    before_minor: int
    """The balance before it in the order of the log, positive on the account's normal side."""
    change_minor: int
    """What it adds to the balance."""
    after_minor: int
    side: Side
    amount_minor: int
    reference: str
    rule: str
    description: str
    reason_code: str | None
    actor: str
    charge_id: str | None
    operation_id: str | None
    gateway: str | None
    gateway_reference: str | None
    """The gateway's object that it comes from."""
    event_at: datetime
    recorded_at: datetime
    recorded_later: bool
    """Whether it was recorded only after the end of the time that was asked for."""
    reverses: str | None
    """Reference of the entry that its entry undoes."""
    reversed_by: tuple[str, ...]
    """References of the entries that undo its entry, each in full or in part."""
    left_to_undo_minor: int | None
    """Where others undo its entry, what of the entry's debits in this currency they have left."""


_FROM_THE_LOG = LogLine.model_fields.keys() - {"recorded_later"}


def of_row(row: RowMapping, before_minor: int, last: datetime | None) -> LogLine:
    """Read a row of `account_log`, after a balance, in a log of the time up to `last`."""
    values = {name: row[name] for name in _FROM_THE_LOG} | {
        "before_minor": before_minor,
        "after_minor": before_minor + row["change_minor"],
        "recorded_later": last is not None and row["recorded_at"] > last,
    }
    return LogLine.model_validate(values)


def backwards(rows: Iterable[RowMapping], closing_minor: int, last: datetime | None) -> Iterator[LogLine]:
    """Read rows from the last to the first, of which the last one ends at a balance."""
    for row in rows:
        closing_minor -= row["change_minor"]
        yield of_row(row, closing_minor, last)
