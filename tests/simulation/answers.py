"""What a gateway in memory says of a payment: pure functions of what it keeps, and of the time."""

from datetime import datetime

from gateways.port import (
    ActionRequired,
    Declined,
    Outcome,
    Pending,
    RefusalCode,
    Refused,
    Succeeded,
)
from ledger.money import Money
from tests.simulation.payments import Payment, Refund


def money(amount_minor: int) -> Money:
    """Make an amount; all runs are in one currency."""
    return Money.model_construct(amount_minor=amount_minor, currency="USD")


def of_attempt(payment: Payment, gateway: str, now: datetime) -> Outcome | None:
    """What became of what opened a payment; None where nothing has, or the gateway waits for our part."""
    if payment.was_held:
        return Succeeded(
            reference=payment.reference,
            amount=money(payment.amount_minor),
            occurred_at=payment.done_at or now,
            capture_before=payment.held_until,
        )
    return of_capture(payment, now) if payment.status == "taken" else _not_made(payment, gateway)


def of_capture(payment: Payment, now: datetime) -> Succeeded:
    """What was taken, with its fee where that is known by now."""
    known = payment.fee_at is not None and payment.fee_at <= now
    return Succeeded(
        reference=payment.reference,
        amount=money(payment.taken_minor),
        fee=money(payment.fee_minor) if known else None,
        fee_pending=not known,
        occurred_at=payment.done_at or now,
    )


def of_void(payment: Payment, now: datetime) -> Outcome | None:
    """What became of a void; whoever released it, it is released."""
    if payment.status == "lapsed":
        return Refused(code=RefusalCode.AUTHORIZATION_EXPIRED, message="it had lapsed", reference=payment.reference)
    if payment.status != "canceled":
        return None
    amount = money(payment.amount_minor)
    return Succeeded(reference=payment.reference, amount=amount, occurred_at=payment.done_at or now)


def of_refund(refund: Refund) -> Outcome:
    """What became of a refund so far."""
    match refund.status:
        case "succeeded":
            return Succeeded(reference=refund.reference, amount=money(refund.amount_minor), occurred_at=refund.at)
        case "pending":
            return Pending(reference=refund.reference, reason="at the bank")
        case _:
            return Declined(reference=refund.reference, code="expired_card", message="it came back")


def not_held(payment: Payment) -> Refused | None:
    """Why there is nothing to capture or to void; None where there is."""
    code: str | None = {
        "taken": RefusalCode.ALREADY_CAPTURED,
        "lapsed": RefusalCode.AUTHORIZATION_EXPIRED,
        "canceled": RefusalCode.AUTHORIZATION_VOIDED,
        "held": None if payment.pending_capture is None else "in_progress",
    }.get(payment.status, "unexpected_state")
    if code is None:
        return None
    return Refused(code=code, message=f"the payment is {payment.status}", reference=payment.reference)


def _not_made(payment: Payment, gateway: str) -> Outcome | None:
    reference = payment.reference
    match payment.status:
        case "action":
            return ActionRequired(reference=reference, action_url=f"https://{gateway}.example/{reference}")
        case "processing":
            return Pending(reference=reference, reason="processing")
        case "declined":
            return Declined(code=payment.code, message="the issuer said no", reference=reference)
        case "canceled":
            code = RefusalCode.NO_EFFECT if payment.fenced else RefusalCode.AUTHORIZATION_VOIDED
            return Refused(code=code, message="it was canceled before it was made", reference=reference)
        case _:
            return None
