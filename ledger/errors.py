"""What the books refuse.

LedgerError
|-- InvalidEntry         an entry that cannot be posted as it is
|   |-- UnbalancedEntry      its debits are not its credits, in some currency
|   |-- PeriodNotOpen        the period that was asked for is closed, or closing and not for this actor
|   |-- NoPeriod             it happened before the books begin, or more than a month from now
|   |-- AccountConflict      an account keeps the type and the normal side that it was opened with
|   |-- AccountNotInChart    the chart has no such account
|   |-- AccountNotOpen       the account is frozen or closed
|   |-- AccountVersionChanged  the account has moved since the caller looked
|   |-- AccountConditionFailed the account does not hold what the caller asked for
|   `-- AccountShort         a guarded account would fall below what it may
|-- ReferenceConflict    the reference stands for an entry with other content
|-- ChargeConflict       the charge id stands for a charge with other content
|-- SplitConflict        the split id stands for a split with other content
|-- OperationConflict    the operation id stands for another operation
|-- LimitExceeded        more would be authorized, captured or refunded than there is
|-- RefundConflict       the refund id stands for another refund
|-- RefundExceedsCapture more would be refunded than is left of what was captured
|-- UnknownCharge        there is no charge with this id
|-- UnknownSplit         there is no split with this id
|-- UnknownOperation     there is no operation with this id
|-- TransmissionConflict the transmission of a webhook stands for another event or body
|-- ChartFault           a chart of accounts that cannot be used
|-- UnknownAccount       there is no account with this code
|-- AccountChangeRefused an account cannot be frozen, opened, closed or given a limit so
|-- HoldError            of holds: see `ledger/hold_errors.py`
|-- UnknownLine          the account has no such line
|-- NotInReview          the charge or refund never had a case
|-- ReviewClosed         the case is resolved already
|-- NotAReviewer         this person may not resolve a case
|-- ResolutionRefused    the resolution contradicts the gateway, or there is nothing that it could decide
|-- of rates, conversions and fees: see `ledger/exchange_errors.py`
|-- of periods: see `ledger/period_errors.py`
|-- of reversals: see `ledger/reversal_errors.py`
|-- LedgerNotProtected   the database grants, guards or keeps other than it must
|-- AdjustmentConflict   the adjustment id stands for an adjustment with other content
|-- UnknownAdjustment    there is no adjustment with this id
|-- AdjustmentRefused    the database refuses a request, a decision or the posting of an adjustment
`-- TooManyRows          a report would be longer than its limit
"""

from collections.abc import Sequence

from ledger.money import Money


class LedgerError(Exception):
    """The books refuse; the message says what, and what to do."""


class InvalidEntry(LedgerError):
    """An entry cannot be posted as it is; sending it again cannot work."""

    def __init__(self, reference: str, fault: str) -> None:
        super().__init__(f"entry {reference} cannot be posted: {fault}")
        self.reference = reference


class UnbalancedEntry(InvalidEntry):
    """Debits and credits differ in some currency, or memo accounts do not balance among themselves."""


class AccountConflict(InvalidEntry):
    """A line names an account with another type or normal side than it was opened with."""


class AccountNotInChart(InvalidEntry):
    """The chart has no such account."""


class AccountNotOpen(InvalidEntry):
    """The account is frozen or closed; `fault` says which."""


class AccountShort(InvalidEntry):
    """A guarded account has less than the entry takes from it; `missing` is how much."""

    def __init__(self, reference: str, account: str, missing: Money) -> None:
        super().__init__(reference, f"account {account} is short of {missing}: it may not fall below its limit")
        self.account = account
        self.missing = missing


class AccountVersionChanged(InvalidEntry):
    """The account has moved since the caller looked: look again, and decide again."""

    def __init__(self, reference: str, account: str, *, expected: int, found: int) -> None:
        super().__init__(
            reference, f"account {account} is at version {found}, not {expected}: read it again and decide anew"
        )
        self.account = account
        self.found = found


class AccountConditionFailed(InvalidEntry):
    """What is available of an account is not what the caller made a condition."""

    def __init__(self, reference: str, account: str, available: Money) -> None:
        super().__init__(
            reference, f"{available} is available of account {account}, which the condition does not allow"
        )
        self.account = account
        self.available = available


class PeriodNotOpen(InvalidEntry):
    """Whoever asks for a period by name gets that one or none."""


class NoPeriod(InvalidEntry):
    """No period is for an entry of this time."""


class ReferenceConflict(LedgerError):
    """The reference was used for other content: a new fact needs a reference of its own."""

    def __init__(self, reference: str) -> None:
        super().__init__(
            f"entry {reference} is already posted with other content: entries never change, post a correction instead"
        )
        self.reference = reference


class ChargeConflict(LedgerError):
    """The charge id was used for other content."""

    def __init__(self, charge_id: str) -> None:
        super().__init__(f"charge {charge_id} exists with other content: use another id for another charge")
        self.charge_id = charge_id


class SplitConflict(LedgerError):
    """The split id was used for other content."""

    def __init__(self, split_id: str) -> None:
        super().__init__(f"split {split_id} exists with other content: use another id for another split")
        self.split_id = split_id


class OperationConflict(LedgerError):
    """The operation id was used for another operation."""

    def __init__(self, operation_id: str) -> None:
        super().__init__(f"operation {operation_id} exists with other content: number the next operation higher")
        self.operation_id = operation_id


_LIMITS = {
    "authorized_within_amount": "no more can be authorized than its amount",
    "captured_within_authorized": "no more can be captured than was authorized",
    "refunded_within_captured": "no more can be refunded than was captured",
}


class LimitExceeded(LedgerError):
    """PostgreSQL refused a charge's new amounts; `detail` is its message, which names the limit."""

    def __init__(self, charge_id: str, detail: str) -> None:
        limit = next((sentence for name, sentence in _LIMITS.items() if name in detail), detail)
        super().__init__(f"charge {charge_id}: {limit}")
        self.charge_id = charge_id


class UnknownCharge(LedgerError):
    """No such charge."""

    def __init__(self, charge_id: str) -> None:
        super().__init__(f"there is no charge {charge_id}: check the id with `charges`")
        self.charge_id = charge_id


class UnknownSplit(LedgerError):
    """No such split."""

    def __init__(self, split_id: str) -> None:
        super().__init__(f"there is no split {split_id}: check the id")
        self.split_id = split_id


class RefundConflict(LedgerError):
    """The refund id was used for another refund."""

    def __init__(self, refund_id: str) -> None:
        super().__init__(f"refund {refund_id} exists with other content: use another id for another refund")
        self.refund_id = refund_id


class RefundExceedsCapture(LedgerError):
    """Less is left of the charge than was asked for."""

    def __init__(self, charge_id: str, *, asked: Money, left: Money) -> None:
        if left.amount_minor == 0:
            message = f"charge {charge_id} has nothing left to refund"
        else:
            message = f"{asked} is more than the {left} that is left to refund of charge {charge_id}"
        super().__init__(message)
        self.charge_id = charge_id


class UnknownOperation(LedgerError):
    """No such operation; its intent is written down before anything else."""

    def __init__(self, operation_id: str) -> None:
        super().__init__(f"there is no operation {operation_id}")
        self.operation_id = operation_id


class TransmissionConflict(LedgerError):
    """A webhook's transmission came before with another event or another body: one of the two is not the gateway's."""

    def __init__(self, gateway: str, transmission_id: str) -> None:
        super().__init__(f"transmission {transmission_id} of {gateway} is known with other content")
        self.transmission_id = transmission_id


class ChartFault(LedgerError):
    """A chart of accounts cannot be used; one line for each fault, with what is wrong where."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class UnknownAccount(LedgerError):
    """No such account; accounts are opened by their first line."""

    def __init__(self, code: str, currency: str | None) -> None:
        name = code if currency is None else f"{code} in {currency}"
        super().__init__(f"there is no account {name}: see `ledger accounts` for those there are")
        self.code = code


class AccountChangeRefused(LedgerError):
    """An account cannot be changed so; `why` says what is in the way."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"account {code} cannot be changed so: {why}")
        self.code = code
        self.why = why


class UnknownLine(LedgerError):
    """A page is asked for before a line that the account has not."""

    def __init__(self, code: str, line_id: int) -> None:
        super().__init__(f"account {code} has no line {line_id}: give the number of the first line of a page")


class LedgerNotProtected(LedgerError):
    """Nobody works on books that are not guarded; `faults` are lines, each of which says what is wrong and what to do."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("the ledger is not protected:\n" + "\n".join(faults))
        self.faults = faults


class TooManyRows(LedgerError):
    """A report that must be complete to be right would be longer than its limit."""

    def __init__(self, report: str, limit: int, instead: str = "ask for one currency, or raise the limit") -> None:
        super().__init__(f"the {report} has more than {limit:,} rows: {instead}")


def _subject(charge_id: str, refund_id: str | None) -> str:
    return f"charge {charge_id}" if refund_id is None else f"refund {refund_id} of charge {charge_id}"


class NotInReview(LedgerError):
    """No person is asked about this charge or refund."""

    def __init__(self, charge_id: str, refund_id: str | None) -> None:
        super().__init__(
            f"{_subject(charge_id, refund_id)} is not in review: `review list` shows what waits for a person"
        )
        self.charge_id = charge_id
        self.refund_id = refund_id


class ReviewClosed(LedgerError):
    """A case is resolved once; `resolution` is how it was, `resolved_by` by whom."""

    def __init__(
        self, charge_id: str, refund_id: str | None, *, resolution: str | None, resolved_by: str | None
    ) -> None:
        how = "by the gateway's own word" if resolution == "settled_by_gateway" else f"as {resolution} by {resolved_by}"
        super().__init__(
            f"the review of {_subject(charge_id, refund_id)} is closed already, {how}: a case is resolved once"
        )
        self.charge_id = charge_id
        self.refund_id = refund_id


class NotAReviewer(LedgerError):
    """The person who asks has not the right; `why` says what to do."""

    def __init__(self, by: str, why: str) -> None:
        super().__init__(f"{by} may not resolve a review: {why}")
        self.by = by


class ResolutionRefused(LedgerError):
    """What a person says cannot be taken for the outcome; `why` is the whole sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)


class AdjustmentConflict(LedgerError):
    """The adjustment id was used for other content."""

    def __init__(self, adjustment_id: str) -> None:
        super().__init__(f"adjustment {adjustment_id} exists with other content: use another id for another adjustment")
        self.adjustment_id = adjustment_id


class UnknownAdjustment(LedgerError):
    """No such adjustment."""

    def __init__(self, adjustment_id: str) -> None:
        super().__init__(f"there is no adjustment {adjustment_id}: check the id with `adjustment list`")
        self.adjustment_id = adjustment_id


class AdjustmentRefused(LedgerError):
    """PostgreSQL refused; `rule` is the name of what it held against it, `said` its message, which is one line."""

    def __init__(self, adjustment_id: str, *, rule: str, said: str) -> None:
        super().__init__(said)
        self.adjustment_id = adjustment_id
        self.rule = rule
