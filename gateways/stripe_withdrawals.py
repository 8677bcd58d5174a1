"""What Stripe took back of a captured payment, as its objects tell it; pure.

The balance decides: money that did not leave it was not taken back, and money that is not on it again did not return.
An object that does not have the expected shape, or a status unknown to this API version, raises ValueError.
"""

from datetime import UTC, datetime
from typing import Final

from pydantic import BaseModel

from gateways.port import Withdrawal, WithdrawalKind, WithdrawalState
from gateways.stripe_amounts import from_stripe
from gateways.stripe_charges import BalanceTransaction
from gateways.stripe_objects import PaymentIntent, Refund
from ledger.money import Money, allocate

OPEN: Final = frozenset(
    {
        "warning_needs_response",
        "warning_under_review",
        "needs_response",
        "under_review",
        "appeal_needs_response",
        "appeal_under_review",
    }
)
CLOSED: Final = frozenset({"warning_closed", "prevented", "lost", "won"})
PARTIAL_CAPTURE: Final = "partial_capture_reversal"
"""What a balance transaction is reported as that takes out the part of an authorization which was not captured."""


class Dispute(BaseModel):
    """A payment contested by the customer's bank; its balance transactions come with it, unasked."""

    id: str
    status: str
    amount: int
    currency: str
    balance_transactions: list[BalanceTransaction]


def of_failed_payment(intent: PaymentIntent) -> Withdrawal | None:
    """Tell of a payment that failed after it had succeeded, as bank debits do; None for one that did not."""
    charge = intent.latest_charge
    if charge is None or charge.failure_balance_transaction is None:
        return None
    failure = _expanded(charge.failure_balance_transaction)
    return Withdrawal(
        kind=WithdrawalKind.REVERSAL,
        reference=failure.id,
        state=WithdrawalState.LOST,
        amount=from_stripe(charge.amount_captured, intent.currency),
        fee=_fee([failure]),
        withdrawn_at=_moment(failure),
        closed_at=_moment(failure),
    )


def of_foreign_refund(refund: Refund) -> Withdrawal | None:
    """Tell of a refund that somebody made at Stripe; None for ours, and for one that has not left the balance (yet)."""
    if refund.is_ours or refund.balance_transaction is None:
        return None
    left = _expanded(refund.balance_transaction)
    if left.reporting_category == PARTIAL_CAPTURE:
        return None
    back = None if refund.failure_balance_transaction is None else _expanded(refund.failure_balance_transaction)
    amount = from_stripe(refund.amount, refund.currency)
    return Withdrawal(
        kind=WithdrawalKind.REVERSAL,
        reference=refund.id,
        state=WithdrawalState.LOST if back is None else WithdrawalState.WON,
        amount=amount,
        returned=None if back is None else amount,
        fee=_fee([left, back] if back else [left]),
        withdrawn_at=_moment(left),
        closed_at=_moment(back or left),
    )


def of_dispute(dispute: Dispute) -> Withdrawal | None:
    """Tell of a dispute; None for one that withdrew nothing. Stripe does not say when one was lost."""
    if dispute.status not in OPEN | CLOSED:
        raise ValueError(f"dispute {dispute.id} has the unknown status {dispute.status}")
    moved = sorted(dispute.balance_transactions, key=lambda found: found.created)
    left = [found for found in moved if found.amount < 0]
    back = [found for found in moved if found.amount > 0]
    if not left:
        return None
    amount, returned = _amounts(dispute, left, back)
    if returned == amount:
        state = WithdrawalState.WON
    else:
        # One that was won and is not paid back yet is not over.
        state = WithdrawalState.LOST if dispute.status == "lost" else WithdrawalState.OPEN
    return Withdrawal(
        kind=WithdrawalKind.DISPUTE,
        reference=dispute.id,
        state=state,
        amount=amount,
        returned=returned,
        fee=_fee(moved),
        withdrawn_at=_moment(left[0]),
        closed_at=_moment(back[-1]) if back and state is not WithdrawalState.OPEN else None,
    )


def _amounts(
    dispute: Dispute, left: list[BalanceTransaction], back: list[BalanceTransaction]
) -> tuple[Money, Money | None]:
    """What left the balance, and what came back to it, in the payment's currency."""
    gone, returned = -sum(found.amount for found in left), sum(found.amount for found in back)
    if {found.currency for found in (*left, *back)} == {dispute.currency}:
        return from_stripe(gone, dispute.currency), from_stripe(returned, dispute.currency) if returned else None
    amount = from_stripe(dispute.amount, dispute.currency)
    if not returned:
        return amount, None
    if dispute.status == "won":
        return amount, amount
    # Settled in another currency, whose rate has moved since: the same share of the payment came back.
    return amount, allocate(amount, [min(returned, gone), max(gone - returned, 0)])[0]


def _expanded(moved: BalanceTransaction | str) -> BalanceTransaction:
    match moved:
        case BalanceTransaction():
            return moved
        case _:
            raise ValueError(f"balance transaction {moved} is not shown")


def _fee(moved: list[BalanceTransaction]) -> Money | None:
    """What the movements cost in all; raises ValueError where that is in several currencies."""
    fees = [from_stripe(found.fee, found.currency) for found in moved if found.fee]
    total = sum(fees[1:], fees[0]) if fees else None
    return total if total and total.amount_minor else None


def _moment(moved: BalanceTransaction) -> datetime:
    return datetime.fromtimestamp(moved.created, UTC)
