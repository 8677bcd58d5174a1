"""What was given back of money in excess, by refunds of ours and by the gateway itself: pure functions of the charge's rows."""

from collections.abc import Sequence

from activities.charge_decisions import Case
from ledger.excess_posting import Excess
from ledger.operations import Operation
from ledger.withdrawals import TakenBack


def of_withdrawal(case: Case, excess: Operation, taken: TakenBack, others: Sequence[TakenBack]) -> Excess:
    """Sum up for a withdrawal of it; `others` are the charge's withdrawals without that one."""
    if taken.currency != excess.currency:  # nothing is owed in it, whatever a gateway may think of
        return Excess(taken_minor=0, otherwise_back_minor=0)
    refunds = sum(each.amount_minor for each in _refunds(case, excess))
    return Excess(taken_minor=_taken(case, excess), otherwise_back_minor=refunds + kept_of(excess, others))


def of_refund(case: Case, refund: Operation, stored: Sequence[TakenBack]) -> Excess:
    """Sum up for a refund of it; `stored` are all withdrawals of the charge."""
    excess = case.operation(refund.compensates or "")
    others = sum(each.amount_minor for each in _refunds(case, excess) if each.operation_id != refund.operation_id)
    return Excess(taken_minor=_taken(case, excess), otherwise_back_minor=others + kept_of(excess, stored))


def kept_of(excess: Operation, stored: Sequence[TakenBack]) -> int:
    """Count what a gateway has taken of one capture for good, in its currency."""
    of_it = (each for each in stored if each.operation_id == excess.operation_id and each.state == "lost")
    return sum(each.kept_minor for each in of_it if each.currency == excess.currency)


def _refunds(case: Case, excess: Operation) -> list[Operation]:
    return [each for each in _compensations(case, excess) if each.outcome == "succeeded"]


def _compensations(case: Case, excess: Operation) -> list[Operation]:
    return [each for each in case.operations if each.compensates == excess.operation_id]


def _taken(case: Case, excess: Operation) -> int:
    """What was booked as taken: the first of those that give it back was made with it, for what the gateway said."""
    return next((each.amount_minor for each in _compensations(case, excess)), excess.amount_minor)
