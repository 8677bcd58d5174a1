"""What PayPal took back of a capture, as its objects tell it; pure.

The money decides: a dispute that moved none of ours took nothing back, and one is won only when all of it is there again.
A status unknown to us, or an object without an amount or a time, raises ValueError.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from pydantic import BaseModel, Field

from gateways.paypal_objects import Amount, Link, Movement
from gateways.port import OperationKind, Withdrawal, WithdrawalKind, WithdrawalState
from ledger.money import Money

OPEN: Final = frozenset({"OPEN", "WAITING_FOR_BUYER_RESPONSE", "WAITING_FOR_SELLER_RESPONSE", "UNDER_REVIEW", "OTHER"})
RESOLVED: Final = "RESOLVED"
LOST_BY_US: Final = frozenset({"RESOLVED_BUYER_FAVOUR", "ACCEPTED", "NONE"})
"""Outcomes after which nothing more comes back."""
HOLD: Final = "HOLD_"
"""What the reasons begin with of money that is set aside until a dispute is decided."""
FEE: Final = "FEE"
UNDONE: Final = frozenset({"FAILED", "CANCELLED"})


class MoneyMovement(BaseModel):
    """What a dispute did to somebody's money."""

    affected_party: str = "SELLER"
    amount: Amount
    initiated_time: datetime
    type: str
    reason: str = ""


class Outcome(BaseModel):
    """How a dispute ended."""

    outcome_code: str | None = None


class Dispute(BaseModel):
    """A dispute, read by its id."""

    dispute_id: str
    status: str
    update_time: datetime | None = None
    dispute_outcome: Outcome | None = None
    money_movements: list[MoneyMovement] = Field(default_factory=list)


class DisputeListed(BaseModel):
    """A dispute, as a list has it."""

    dispute_id: str


class DisputePage(BaseModel):
    """One page of a list of disputes."""

    items: list[DisputeListed] = Field(default_factory=list)
    links: list[Link] = Field(default_factory=list)


def of_foreign_refund(refund: Movement) -> Withdrawal | None:
    """Tell of a refund that is none of ours, which is PayPal's reversal or somebody's refund at its site; None for ours.

    A pending one has taken nothing yet. Of a failed one PayPal does not say whether it had: nothing is gone either way.
    """
    if refund.is_ours(OperationKind.REFUND) or refund.status == "PENDING":
        return None
    if refund.status != "COMPLETED" and refund.status not in UNDONE:
        raise ValueError(f"refund {refund.id} has the unknown status {refund.status}")
    if refund.amount is None or refund.create_time is None:
        raise ValueError(f"refund {refund.id} has no amount or no time")
    is_undone = refund.status in UNDONE
    amount = refund.amount.money()
    nothing = Money(amount_minor=0, currency=amount.currency)
    # What a refund says of a fee is what PayPal gave back of it, and takes again when the refund fails.
    breakdown = None if is_undone else refund.seller_payable_breakdown
    given_back = breakdown.paypal_fee.money() if breakdown and breakdown.paypal_fee else nothing
    return Withdrawal(
        kind=WithdrawalKind.REVERSAL,
        reference=refund.id,
        state=WithdrawalState.WON if is_undone else WithdrawalState.LOST,
        amount=amount,
        returned=amount if is_undone else None,
        fee=_fee(nothing - given_back),
        withdrawn_at=refund.create_time,
        closed_at=(refund.update_time or refund.create_time) if is_undone else refund.create_time,
    )


def of_dispute(dispute: Dispute) -> Withdrawal | None:
    """Tell of a dispute; None for one that withdrew nothing."""
    if dispute.status not in OPEN and dispute.status != RESOLVED:
        raise ValueError(f"dispute {dispute.dispute_id} has the unknown status {dispute.status}")
    ours = [found for found in dispute.money_movements if found.affected_party == "SELLER"]
    fees = [found for found in ours if FEE in found.reason]
    moved = [found for found in ours if FEE not in found.reason]
    debits = sorted(found.initiated_time for found in moved if found.type == "DEBIT")
    if not debits:
        return None
    amount, returned = _amounts(moved)
    state = _state(dispute, amount, returned)
    return Withdrawal(
        kind=WithdrawalKind.DISPUTE,
        reference=dispute.dispute_id,
        state=state,
        amount=amount,
        returned=returned if returned.amount_minor else None,
        fee=_fee(_sum(fees, "DEBIT", amount.currency) - _sum(fees, "CREDIT", amount.currency)),
        withdrawn_at=debits[0],
        closed_at=None if state is WithdrawalState.OPEN else dispute.update_time,
    )


def _state(dispute: Dispute, amount: Money, returned: Money) -> WithdrawalState:
    outcome = (dispute.dispute_outcome or Outcome()).outcome_code or "NONE"
    if dispute.status != RESOLVED:
        return WithdrawalState.OPEN
    if amount <= returned:
        return WithdrawalState.WON
    # What was decided for us is not over before its money is back.
    return WithdrawalState.LOST if outcome in LOST_BY_US else WithdrawalState.OPEN


def _amounts(moved: list[MoneyMovement]) -> tuple[Money, Money]:
    """What left our balance, and what came back to it.

    Money that was held and then taken for good left once: PayPal shows the hold, the settlement, and perhaps the hold's
    release between them.
    """
    currency = moved[0].amount.currency_code
    held = [found for found in moved if found.reason.startswith(HOLD)]
    settled = [found for found in moved if not found.reason.startswith(HOLD)]
    taken = _sum(settled, "DEBIT", currency)
    if not taken.amount_minor:
        return _sum(held, "DEBIT", currency), _sum(moved, "CREDIT", currency)
    amount = max(taken, _sum(held, "DEBIT", currency))
    return amount, amount - (taken - _sum(settled, "CREDIT", currency))


def _sum(moved: Iterable[MoneyMovement], direction: str, currency: str) -> Money:
    amounts = (found.amount.money() for found in moved if found.type == direction)
    return sum(amounts, Money(amount_minor=0, currency=currency))


def _fee(fee: Money) -> Money | None:
    return fee if fee.amount_minor else None
