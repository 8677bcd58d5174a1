"""Reads which entry an adjustment shall undo, how much of it, and under which date."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from commands import adjustment_arguments, arguments
from commands.adjustment_arguments import TypedEntry
from commands.errors import AnswerIsNo, WrongUse
from ledger import reversals
from ledger.accounts import Account
from ledger.adjustment_requests import AdjustmentRequest
from ledger.entries import Line
from ledger.record import Record
from ledger.reversal_errors import CannotReverse
from ledger.reversals import Undoable


class TypedReversal(Record):
    """The wish to undo an entry: all that is left of it, an amount of it, or the lines that were named."""

    reference: str
    amount: str | None
    lines: TypedEntry
    date: str


def typed_reversal(reference: str | None, amount: str | None, typed: TypedEntry) -> TypedReversal | None:
    """Read the options; None where no entry is undone. Raises WrongUse."""
    if reference is None:
        if amount is not None:
            raise WrongUse("--amount: is for --reverses: name the entry to undo, or write the amount on its lines")
        return None
    if typed.lines and amount is not None:
        raise WrongUse("--amount: the lines say how much is undone: give one of the two")
    if typed.date is None:
        raise WrongUse("--date: is needed: say `today`, `effective` for the date of what is undone, or a date")
    return TypedReversal(reference=reference, amount=amount, lines=typed, date=typed.date)


def adjustment_request(
    typed: TypedReversal, original: Undoable | None, opened: Mapping[str, Account], content: Mapping[str, object]
) -> AdjustmentRequest:
    """Make the request with its exact lines; raises WrongUse, or AnswerIsNo where the entry cannot be undone so."""
    if original is None:
        raise WrongUse(f"--reverses: there is no entry {typed.reference}: `ledger entries` lists the last ones")
    try:
        lines = _lines(typed, original, opened)
    except CannotReverse as error:
        raise AnswerIsNo(str(error)) from None
    made = {"event_at": _date(typed.date, original), "lines": tuple(lines), "reverses": typed.reference}
    return adjustment_arguments.checked_request({**content, **made})


def _lines(typed: TypedReversal, original: Undoable, opened: Mapping[str, Account]) -> Sequence[Line]:
    if typed.lines.lines:
        lines = adjustment_arguments.lines_of(typed.lines, opened)
        reversals.require_within(original, lines)
        return lines
    whole = reversals.in_full(original)
    if typed.amount is None:
        return whole
    return reversals.in_part(original, arguments.money(typed.amount, whole[0].money.currency))


def _date(text: str, original: Undoable) -> datetime:
    match text.strip().lower():
        case "today":
            return reversals.today(original, datetime.now(UTC))
        case "effective":
            return original.event_at
        case _:
            return adjustment_arguments.event_at(text)
