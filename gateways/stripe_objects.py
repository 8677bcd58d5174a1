"""Stripe's objects as far as we read them, and the outcomes that they tell of; pure.

An object that does not have the expected shape, or a status unknown to this API version, raises ValueError.
"""

from datetime import UTC, datetime
from typing import Final

from pydantic import BaseModel, Field

from gateways.port import ActionRequired, Declined, OperationKind, Outcome, Pending, RefusalCode, Refused, Succeeded
from gateways.stripe_amounts import from_stripe
from gateways.stripe_cards import facts_of
from gateways.stripe_charges import BalanceTransaction, Charge
from gateways.stripe_declines import of_decline
from gateways.stripe_errors import StripeFault
from ledger.money import Money

CANCELED_BY_STRIPE: Final = frozenset({"automatic", "expired"})
"""Cancellation reasons that Stripe sets itself, when an authorization lapses."""
EXPIRED_CODES: Final = frozenset({"charge_expired_for_capture", "capture_charge_authorization_expired"})


class Redirect(BaseModel):
    """Where the customer authenticates."""

    url: str


class NextAction(BaseModel):
    """What the customer has to do."""

    type: str
    redirect_to_url: Redirect | None = None


class PaymentIntent(BaseModel):
    """A payment, with `latest_charge.balance_transaction` expanded."""

    id: str
    status: str
    amount: int
    amount_received: int = 0
    currency: str
    metadata: dict[str, str] = Field(default_factory=dict)
    latest_charge: Charge | None = None
    last_payment_error: StripeFault | None = None
    next_action: NextAction | None = None
    canceled_at: int | None = None
    cancellation_reason: str | None = None


class Refund(BaseModel):
    """Money given back, with `balance_transaction` expanded."""

    id: str
    status: str | None
    amount: int
    currency: str
    created: int
    metadata: dict[str, str] | None = None
    balance_transaction: BalanceTransaction | str | None = None
    failure_balance_transaction: BalanceTransaction | str | None = None
    failure_reason: str | None = None
    pending_reason: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether an operation of ours made it, and not a person at Stripe's dashboard."""
        return "operation_id" in (self.metadata or {})


def operation_key(kind: OperationKind) -> str:
    """Key of an object's metadata under which an operation of this kind leaves its id, beside `operation_id`.

    A PaymentIntent is changed by two operations, and `operation_id` is the later one's.
    """
    return f"{kind}_operation_id"


def of_authorization(intent: PaymentIntent) -> Outcome | None:
    """What became of a confirmation that reserves the amount; also after it was captured or voided."""
    charge = intent.latest_charge
    if charge is None or not charge.had_succeeded:
        return _not_confirmed(intent)
    card = charge.card
    return Succeeded(
        reference=intent.id,
        amount=from_stripe(charge.amount, intent.currency),
        occurred_at=_moment(charge.created),
        capture_before=_moment(card.capture_before) if card and card.capture_before else None,
        card=facts_of(card),
    )


def of_payment(intent: PaymentIntent) -> Outcome | None:
    """What became of a confirmation that takes the amount at once."""
    if not _has_captured(intent):
        return _not_confirmed(intent)
    paid = _captured(intent)
    return paid.model_copy(update={"card": facts_of(intent.latest_charge.card if intent.latest_charge else None)})


def of_capture(intent: PaymentIntent, operation_id: str) -> Outcome | None:
    """What became of this capture of an authorization."""
    if intent.metadata.get(operation_key(OperationKind.CAPTURE)) != operation_id:
        return None
    if _has_captured(intent):
        return _captured(intent)
    if intent.status == "processing":
        return Pending(reference=intent.id, reason="processing")
    if intent.status == "requires_payment_method" and intent.last_payment_error:
        return of_decline(intent.last_payment_error, intent.id, intent.latest_charge)
    return None


def of_void(intent: PaymentIntent) -> Outcome | None:
    """What became of a void. Whoever else released it before (a person at Stripe's dashboard), it is released."""
    if intent.status != "canceled":
        return None
    if intent.cancellation_reason in CANCELED_BY_STRIPE:
        return Refused(
            code=RefusalCode.AUTHORIZATION_EXPIRED,
            message="the authorization had lapsed before it was voided",
            reference=intent.id,
        )
    return Succeeded(
        reference=intent.id,
        amount=from_stripe(intent.amount, intent.currency),
        occurred_at=_moment(intent.canceled_at),
    )


def of_refund(refund: Refund) -> Outcome:
    """What became of a refund so far; one that succeeded may still fail, up to 30 days later."""
    match refund.status:
        case "succeeded":
            fee, fee_pending = _fee(refund.balance_transaction)
            return Succeeded(
                reference=refund.id,
                amount=from_stripe(refund.amount, refund.currency),
                fee=fee,
                fee_pending=fee_pending,
                occurred_at=_moment(refund.created),
            )
        case "pending" | "requires_action":
            return Pending(reference=refund.id, reason=refund.pending_reason or refund.status)
        case "failed" | "canceled":
            return Declined(
                reference=refund.id,
                code=refund.failure_reason or refund.status,
                message=f"the refund {refund.status}: {refund.failure_reason or 'Stripe gives no reason'}",
            )
        case _:
            raise ValueError(f"refund {refund.id} has the unknown status {refund.status}")


def standing(refund: Refund) -> int:
    """How far a refund came: one that failed must not hide one that succeeded, under the same operation id."""
    return {"succeeded": 2, "pending": 1, "requires_action": 1}.get(refund.status or "", 0)


def of_refusal(fault: StripeFault, intent: PaymentIntent) -> Refused:
    """A refusal to capture or to void, with the reason that the PaymentIntent shows."""
    code: str = fault.most_precise_code
    if fault.code in EXPIRED_CODES or intent.cancellation_reason in CANCELED_BY_STRIPE:
        code = RefusalCode.AUTHORIZATION_EXPIRED
    elif intent.status == "canceled":
        code = RefusalCode.AUTHORIZATION_VOIDED
    elif intent.status == "succeeded":
        code = RefusalCode.ALREADY_CAPTURED
    return Refused(code=code, message=fault.message, reference=intent.id)


def of_failure(intent: PaymentIntent, kind: OperationKind) -> Refused:
    """What a capture or a void did that ended in a server error and left no trace on the PaymentIntent: nothing.

    A PaymentIntent is captured once and canceled once, so that another operation may try again: if this one took
    effect after all, the other would be refused. Raises ValueError where the PaymentIntent does not tell.
    """
    code = RefusalCode.NO_EFFECT
    captured_by = intent.metadata.get(operation_key(OperationKind.CAPTURE))
    match intent.status:
        case "canceled":
            lapsed = intent.cancellation_reason in CANCELED_BY_STRIPE
            code = RefusalCode.AUTHORIZATION_EXPIRED if lapsed else RefusalCode.AUTHORIZATION_VOIDED
        case "succeeded" if kind is OperationKind.VOID or captured_by is not None:
            code = RefusalCode.ALREADY_CAPTURED
        case "succeeded" | "processing":
            raise ValueError(f"payment {intent.id} is {intent.status}, and does not say by which operation")
    return Refused(
        code=code, message=f"Stripe had an error; payment {intent.id} is {intent.status}", reference=intent.id
    )


def of_refused_refund(fault: StripeFault) -> Refused:
    """A refusal to refund; Stripe gives none of its codes for a refund of more than what is left."""
    if fault.ended_in_failure:
        # A refund that comes to light later is found by its operation id, as a fact that contradicts the books.
        return Refused(code=RefusalCode.NO_EFFECT, message="Stripe had an error, and shows no refund of this operation")
    too_large = fault.code == "charge_already_refunded" or (fault.code is None and fault.param == "amount")
    code = RefusalCode.REFUND_TOO_LARGE if too_large else fault.most_precise_code
    return Refused(code=code, message=fault.message)


def _not_confirmed(intent: PaymentIntent) -> Outcome | None:
    match intent.status:
        case "requires_action":
            return _action(intent)
        case "processing":
            return Pending(reference=intent.id, reason="processing")
        case "requires_payment_method" if intent.last_payment_error:
            return of_decline(intent.last_payment_error, intent.id, intent.latest_charge)
        case "requires_payment_method" | "requires_confirmation":
            return None
        case "canceled":
            # Our fence gives no reason; a void, and a person at Stripe's dashboard, do.
            code = RefusalCode.AUTHORIZATION_VOIDED if intent.cancellation_reason else RefusalCode.NO_EFFECT
            return Refused(code=code, message="the payment was canceled before it was made", reference=intent.id)
        case _:
            raise ValueError(f"payment {intent.id} has the unknown status {intent.status}")


def _action(intent: PaymentIntent) -> ActionRequired:
    redirect = intent.next_action.redirect_to_url if intent.next_action else None
    if redirect is None or not redirect.url.startswith(("https://", "http://")):
        raise ValueError(f"payment {intent.id} requires an action at no address")
    return ActionRequired(reference=intent.id, action_url=redirect.url)


def _has_captured(intent: PaymentIntent) -> bool:
    """Whether it took its money, be it that the money was taken back when the payment failed at the bank later."""
    charge = intent.latest_charge
    return intent.status == "succeeded" or (charge is not None and charge.failure_balance_transaction is not None)


def _captured(intent: PaymentIntent) -> Succeeded:
    charge = intent.latest_charge
    if charge is None:
        raise ValueError(f"payment {intent.id} succeeded without a charge")
    fee, fee_pending = _fee(charge.balance_transaction)
    booked = charge.balance_transaction
    captured_at = booked.created if isinstance(booked, BalanceTransaction) else None
    return Succeeded(
        reference=intent.id,
        # Of a payment that failed since, the PaymentIntent has received nothing.
        amount=from_stripe(intent.amount_received or charge.amount_captured, intent.currency),
        fee=fee,
        fee_pending=fee_pending,
        occurred_at=_moment(captured_at),
    )


def _fee(booked: BalanceTransaction | str | None) -> tuple[Money | None, bool]:
    """The fee, if there is one, and whether it is still to come."""
    if not isinstance(booked, BalanceTransaction):
        return None, True
    return (from_stripe(booked.fee, booked.currency) if booked.fee else None), False


def _moment(unix_seconds: int | None) -> datetime:
    """A moment of Stripe's; where it tells none (a capture that is not on its balance yet), now."""
    return datetime.now(UTC) if unix_seconds is None else datetime.fromtimestamp(unix_seconds, UTC)
