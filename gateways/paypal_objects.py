"""PayPal's objects as far as we read them, and the outcomes that they tell of; pure.

A status unknown to us, or a success without an amount or a time, raises ValueError. An order that is COMPLETED says
nothing of money: its authorizations and captures do.
"""

from datetime import datetime
from decimal import Decimal
from typing import Final

from pydantic import BaseModel, Field

from gateways.paypal_amounts import from_paypal
from gateways.paypal_cards import PaymentSource
from gateways.paypal_errors import PayPalFault
from gateways.port import ActionRequired, Declined, OperationKind, Outcome, Pending, RefusalCode, Refused, Succeeded
from ledger.money import Money

REFUSALS: Final = {
    "AUTHORIZATION_EXPIRED": RefusalCode.AUTHORIZATION_EXPIRED,
    "AUTHORIZATION_VOIDED": RefusalCode.AUTHORIZATION_VOIDED,
    "PREVIOUSLY_VOIDED": RefusalCode.AUTHORIZATION_VOIDED,
    "AUTHORIZATION_ALREADY_CAPTURED": RefusalCode.ALREADY_CAPTURED,
    "PREVIOUSLY_CAPTURED": RefusalCode.ALREADY_CAPTURED,
    "ORDER_ALREADY_CAPTURED": RefusalCode.ALREADY_CAPTURED,
    "CAPTURE_FULLY_REFUNDED": RefusalCode.REFUND_TOO_LARGE,
    "REFUND_AMOUNT_EXCEEDED": RefusalCode.REFUND_TOO_LARGE,
    "ORDER_EXPIRED": RefusalCode.NO_EFFECT,
}
"""PayPal's issues that processes act upon."""
ACTION_LINKS: Final = ("payer-action", "approve")
"""Relations under which an order links to where its payer acts, the better one first."""


PAYER_ACTION_REQUIRED: Final = "PAYER_ACTION_REQUIRED"
"""State of an order that waits for its payer, and the issue with which PayPal says so."""
UNPAID: Final = frozenset({"CREATED", "SAVED", "APPROVED", PAYER_ACTION_REQUIRED})
"""States of an order that moved no money, and may still."""
GONE: Final = "GONE"
"""Our own state of an order that PayPal deleted unpaid."""
SAID_NO: Final = frozenset({"DECLINED", "DENIED", "FAILED", "CANCELLED"})
"""States of an authorization, a capture or a refund that moved no money."""


class Amount(BaseModel):
    """An amount as PayPal writes it."""

    currency_code: str
    value: str

    def money(self) -> Money:
        """Read it; raises ValueError."""
        return from_paypal(self.value, self.currency_code)


class Breakdown(BaseModel):
    """What a capture brought, or a refund cost."""

    paypal_fee: Amount | None = None


class StatusDetails(BaseModel):
    """Why something is pending or failed."""

    reason: str | None = None


class ProcessorResponse(BaseModel):
    """What a card's processor said."""

    response_code: str | None = None
    payment_advice_code: str | None = None


class Link(BaseModel):
    """Where something can be done next, or what something came from."""

    href: str
    rel: str


class Movement(BaseModel):
    """An authorization, a capture or a refund."""

    id: str
    status: str
    status_details: StatusDetails | None = None
    amount: Amount | None = None
    invoice_id: str | None = None
    custom_id: str | None = None
    links: list[Link] = Field(default_factory=list)
    seller_receivable_breakdown: Breakdown | None = None
    seller_payable_breakdown: Breakdown | None = None
    processor_response: ProcessorResponse | None = None
    create_time: datetime | None = None
    update_time: datetime | None = None
    expiration_time: datetime | None = None

    @property
    def reason(self) -> str | None:
        """Why it is pending or failed, where PayPal says so."""
        return self.status_details.reason if self.status_details else None

    @property
    def made_from(self) -> str | None:
        """What it was made from: the capture of a refund, the authorization of a capture."""
        return next((link.href.rpartition("/")[2] for link in self.links if link.rel == "up"), None)

    def is_ours(self, kind: OperationKind) -> bool:
        """Whether an operation of ours of this kind made it: PayPal copies names of what it was made from onto it."""
        return any(f":{kind}:" in (name or "") for name in (self.invoice_id, self.custom_id))


class Movements(BaseModel):
    """What happened to the money of a purchase unit."""

    authorizations: list[Movement] = Field(default_factory=list)
    captures: list[Movement] = Field(default_factory=list)
    refunds: list[Movement] = Field(default_factory=list)


def standing(movement: Movement) -> int:
    """How far a movement came: one that was declined must not hide one that succeeded after it, in the same order."""
    return 0 if movement.status in SAID_NO else 1 if movement.status == "PENDING" else 2


class PurchaseUnit(BaseModel):
    """What is bought; ours have one per order."""

    payments: Movements = Movements()


class Order(BaseModel):
    """A payment."""

    id: str
    status: str
    purchase_units: list[PurchaseUnit] = Field(default_factory=list)
    links: list[Link] = Field(default_factory=list)
    payment_source: PaymentSource | None = None

    @property
    def movements(self) -> Movements:
        """What happened to its money so far."""
        return self.purchase_units[0].payments if self.purchase_units else Movements()

    def movement(self, request_kind: OperationKind) -> Movement | None:
        """The authorization or the capture that performing the order made; see `standing`."""
        found = self.movements.authorizations if request_kind is OperationKind.AUTHORIZE else self.movements.captures
        return max(found, key=standing, default=None)

    @property
    def is_untouched(self) -> bool:
        """Whether it waits to be paid, and nobody has tried."""
        made = self.movements
        return self.status in UNPAID and not (made.authorizations or made.captures or made.refunds)


def of_authorization(authorization: Movement) -> Outcome:
    """What became of an authorization; also after it was captured or voided."""
    match authorization.status:
        case "CREATED" | "CAPTURED" | "PARTIALLY_CAPTURED" | "VOIDED":
            return Succeeded(
                reference=authorization.id,
                amount=_amount(authorization),
                occurred_at=_time(authorization.create_time),
                capture_before=authorization.expiration_time,
            )
        case "PENDING":
            return _pending(authorization)
        case "DENIED" | "DECLINED":
            return _declined(authorization)
        case _:
            raise ValueError(f"authorization {authorization.id} has the unknown status {authorization.status}")


def of_capture(capture: Movement) -> Outcome:
    """What became of a capture; also after it was refunded. Its fee comes with its completion, at the latest then."""
    match capture.status:
        case "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED":
            breakdown = capture.seller_receivable_breakdown
            return Succeeded(
                reference=capture.id,
                amount=_amount(capture),
                fee=_fee(breakdown),
                fee_pending=breakdown is None,
                occurred_at=_time(capture.create_time),
            )
        case "PENDING":
            return _pending(capture)
        case "DECLINED" | "FAILED":
            return _declined(capture)
        case _:
            raise ValueError(f"capture {capture.id} has the unknown status {capture.status}")


def of_refund(refund: Movement) -> Outcome:
    """What became of a refund so far; one that is COMPLETED may still fail later."""
    match refund.status:
        case "COMPLETED":
            fee = _fee(refund.seller_payable_breakdown)
            given_back = Money(amount_minor=-fee.amount_minor, currency=fee.currency) if fee else None
            return Succeeded(
                reference=refund.id, amount=_amount(refund), fee=given_back, occurred_at=_time(refund.create_time)
            )
        case "PENDING":
            return _pending(refund)
        case "FAILED" | "CANCELLED":
            code = refund.reason or refund.status
            return Declined(reference=refund.id, code=code, message=f"the refund is {refund.status}: {code}")
        case _:
            raise ValueError(f"refund {refund.id} has the unknown status {refund.status}")


def of_void(authorization: Movement) -> Outcome | None:
    """What became of a void. Whoever else released it before, it is released; None while it is not."""
    if authorization.status != "VOIDED":
        return None
    if has_lapsed(authorization):
        return Refused(
            code=RefusalCode.AUTHORIZATION_EXPIRED,
            message="the authorization had lapsed before it was voided",
            reference=authorization.id,
        )
    return Succeeded(
        reference=authorization.id, amount=_amount(authorization), occurred_at=_time(authorization.update_time)
    )


def has_lapsed(authorization: Movement) -> bool:
    """Whether PayPal itself voided an authorization, at its end; both times are PayPal's own."""
    if authorization.expiration_time is None or authorization.update_time is None:
        return False
    return authorization.status == "VOIDED" and authorization.update_time >= authorization.expiration_time


def of_decline(fault: PayPalFault, reference: str | None) -> Declined:
    """A decline that an error told."""
    return Declined(reference=reference, code=fault.issue, message=fault.words)


def of_refusal(fault: PayPalFault, reference: str | None) -> Refused:
    """A refusal of the request."""
    return Refused(code=REFUSALS.get(fault.issue, fault.issue), message=fault.words, reference=reference)


def action(order: Order) -> ActionRequired:
    """What the payer has to do, and where; raises ValueError for an order that does not say."""
    by_relation = {link.rel: link.href for link in order.links}
    for relation in ACTION_LINKS:
        if by_relation.get(relation, "").startswith(("https://", "http://")):
            return ActionRequired(reference=order.id, action_url=by_relation[relation])
    raise ValueError(f"order {order.id} requires its payer at no address")


def of_absent_payer(order: Order) -> Declined:
    """An order that its payer would have to act on, who is not there. It moves no money without us, and is left to lapse."""
    return Declined(
        reference=order.id,
        code=PAYER_ACTION_REQUIRED,
        message="the payer would have to act at PayPal, and is not there",
    )


def _declined(movement: Movement) -> Declined:
    processor = movement.processor_response or ProcessorResponse()
    code = processor.response_code or movement.reason or movement.status
    return Declined(
        reference=movement.id,
        code=code,
        message=f"the payment is {movement.status}: {code}",
        advice=processor.payment_advice_code,
        network_advice=processor.payment_advice_code,
        reached_issuer=True if processor.response_code else None,
        occurred_at=movement.create_time,
    )


def _pending(movement: Movement) -> Pending:
    return Pending(reference=movement.id, reason=movement.reason or "PENDING")


def _amount(movement: Movement) -> Money:
    if movement.amount is None:
        raise ValueError(f"{movement.id} has no amount")
    return movement.amount.money()


def _fee(breakdown: Breakdown | None) -> Money | None:
    if breakdown is None or breakdown.paypal_fee is None or Decimal(breakdown.paypal_fee.value) == 0:
        return None
    return breakdown.paypal_fee.money()


def _time(moment: datetime | None) -> datetime:
    if moment is None or moment.tzinfo is None:
        raise ValueError("a success without the time at which it happened")
    return moment
