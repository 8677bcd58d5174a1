"""A gateway in memory: payments, what was done to them, and the keys under which it was asked, each with its stored answer.

It shares nothing with the adapters: what it remembers is the truth that a run is held against in the end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateways.port import (
    ActionRequired,
    Capabilities,
    Declined,
    OperationKind,
    OperationRequest,
    Outcome,
    Pending,
    RefusalCode,
    Refused,
    Succeeded,
)
from ledger.money import Money
from tests.simulation.chance import Chance
from tests.simulation.timeline import Timeline

CODES: Mapping[str, tuple[str, ...]] = {
    "stripe": (
        "insufficient_funds",
        "do_not_honor",
        "issuer_not_available",
        "processing_error",
        "authentication_required",
        "a_code_that_no_table_has",
    ),
    "paypal": ("INSTRUMENT_DECLINED", "TRANSACTION_REFUSED", "5120", "PAYER_ACCOUNT_RESTRICTED", "INTERNAL_ERROR"),
}
KEY_LIFE = {"stripe": timedelta(hours=24), "paypal": timedelta(hours=6)}
CAPABILITIES = {
    name: Capabilities(currencies={"USD": 2}, key_life_seconds=int(life.total_seconds()))
    for name, life in KEY_LIFE.items()
}
HELD_FOR = {"stripe": timedelta(days=7), "paypal": timedelta(days=29)}


@dataclass(eq=False)
class Refund:
    """Money given back."""

    reference: str
    operation_id: str
    amount_minor: int
    status: str
    at: datetime
    fee_minor: int = 0


@dataclass(eq=False)
class Payment:
    """One payment; `status` is one of created, action, approved, processing, declined, held, taken, canceled, lapsed."""

    reference: str
    operation_id: str
    amount_minor: int
    automatic: bool
    status: str = "created"
    code: str = ""
    fenced: bool = False
    was_held: bool = False
    held_until: datetime | None = None
    done_at: datetime | None = None
    taken_minor: int = 0
    taken_by: str | None = None
    pending_capture: tuple[str, int] | None = None
    fee_minor: int = 0
    fee_at: datetime | None = None
    refunds: list[Refund] = field(default_factory=list)


@dataclass(frozen=True)
class Effect:
    """Something that happened to money, under the operation that asked for it."""

    kind: str
    operation_id: str
    amount_minor: int


@dataclass
class Habits:
    """How a gateway behaves in a run, in shares of the cases."""

    declines: float = 0.2
    asks_customer: float = 0.12
    takes_time: float = 0.1
    succeeds_late: float = 0.05
    fee_comes_late: float = 0.3
    refuses_capture: float = 0.05
    refunds_fail: float = 0.1
    refunds_return: float = 0.05
    overcharges: float = 0.0


@dataclass
class Gateway:
    """Its payments and keys; `on_change` hears of every object that changes, which is what a webhook would tell."""

    name: str
    timeline: Timeline
    chance: Chance
    habits: Habits
    on_change: Callable[[str, str], None]
    payments: dict[str, Payment] = field(default_factory=dict)
    answers: dict[str, tuple[datetime, Outcome | None]] = field(default_factory=dict)
    """By key: when it was asked first, and the answer that is repeated; None for an error of the gateway's own."""
    effects: list[Effect] = field(default_factory=list)
    first_asked: Callable[[OperationRequest], None] = lambda _: None
    """Hears of every request under a key that the gateway does not know."""

    def create(self, request: OperationRequest) -> str:
        """Make a payment; the same key names the same one."""
        known = next((each for each in self.payments.values() if each.operation_id == request.operation_id), None)
        if known is None:
            automatic = request.kind is OperationKind.CAPTURE
            reference = f"{self.name}_pay_{len(self.payments) + 1}"
            known = Payment(reference, request.operation_id, request.amount.amount_minor, automatic)
            self.payments[reference] = known
        return known.reference

    def remembers(self, key: str) -> bool:
        """Whether a key is still known."""
        asked = self.answers.get(key)
        return asked is not None and self.timeline.now - asked[0] < KEY_LIFE[self.name]

    def perform(self, request: OperationRequest, *, fault: str | None) -> Outcome | None:
        """Do it once under its key and store the answer; None is an error of the gateway's own, with or without effect."""
        key = request.operation_id
        payment = self.payment(request)
        ready = payment.status == "approved" and payment.operation_id == key
        if self.remembers(key) and not ready:
            _, stored = self.answers[key]
            return self._ended(request) if stored is None else stored
        self.first_asked(request)
        if fault == "error_before":
            answer = None
        else:
            answer = self._do(request, payment)
            answer = None if fault == "error_after" else answer
        self.answers[key] = (self.timeline.now, answer)
        return answer

    def payment(self, request: OperationRequest) -> Payment:
        """The payment of an operation."""
        return self.payments[request.payment_reference or request.target_reference or ""]

    def look_up(self, request: OperationRequest) -> Outcome | None:
        """What became of an operation; None where nothing shows it."""
        if request.payment_reference is None and request.target_reference is None:
            return None
        payment = self.payment(request)
        if request.kind is OperationKind.REFUND:
            made = [each for each in payment.refunds if each.operation_id == request.operation_id]
            best = max(made, key=lambda each: each.status != "failed", default=None)
            return None if best is None else self._of_refund(best)
        if request.kind is OperationKind.VOID:
            return self._of_void(payment)
        if request.target_reference is not None:
            if payment.pending_capture is not None and payment.pending_capture[0] == request.operation_id:
                return Pending(reference=payment.reference, reason="under review")
            return self._of_capture(payment) if payment.taken_by == request.operation_id else None
        return self._of_payment(payment)

    def _do(self, request: OperationRequest, payment: Payment) -> Outcome:
        match request.kind:
            case OperationKind.REFUND:
                return self._refund(request, payment)
            case OperationKind.VOID:
                return self._void(request, payment)
            case _ if request.target_reference is not None:
                return self._capture(request, payment)
            case _:
                return self._confirm(payment)

    def _confirm(self, payment: Payment) -> Outcome:
        habits, chance = self.habits, self.chance
        if payment.status == "approved":
            self._take(payment)
        elif payment.status == "created":
            if chance.happens(habits.declines):
                self._decline(payment)
            elif chance.happens(habits.asks_customer):
                payment.status = "action"
            elif chance.happens(habits.takes_time):
                payment.status = "processing"
                self._later(payment, self._decided, chance.seconds(60, 9 * 86400))
            else:
                self._take(payment)
        told = self._of_payment(payment)
        assert told is not None
        return told

    def _decline(self, payment: Payment) -> None:
        payment.status, payment.code = "declined", self.chance.one_of(CODES[self.name])
        if self.chance.happens(self.habits.succeeds_late):
            self._later(payment, self._take_late, self.chance.seconds(1, 6 * 86400))

    def _decided(self, payment: Payment) -> None:
        if payment.status != "processing":
            return
        if self.chance.happens(0.3):
            self._decline(payment)
        else:
            self._take(payment)

    def _take_late(self, payment: Payment) -> None:
        if payment.status in {"declined", "created"} or (payment.fenced and payment.status == "canceled"):
            payment.fenced = False
            self._take(payment)

    def customer_acts(self, payment: Payment) -> None:
        """The customer authenticates, or fails to; PayPal then waits for our part."""
        if payment.status != "action":
            return
        if self.chance.happens(0.2):
            self._decline(payment)
        elif self.name == "paypal" and self.chance.happens(0.7):
            payment.status = "approved"
        else:
            self._take(payment)
        self.on_change(payment.operation_id, payment.reference)

    def _take(self, payment: Payment) -> None:
        """What was asked for is reserved, or taken at once."""
        payment.done_at = self.timeline.now
        amount = payment.amount_minor
        if self.chance.happens(self.habits.overcharges):
            amount += 1
        if payment.automatic:
            payment.status, payment.taken_minor, payment.taken_by = "taken", amount, payment.operation_id
            self._effect("capture", payment.operation_id, amount)
            self._charge_fee(payment, amount)
            return
        payment.status, payment.was_held = "held", True
        payment.held_until = self.timeline.now + HELD_FOR[self.name]
        self._effect("authorize", payment.operation_id, amount)
        self.timeline.at(payment.held_until, lambda: self._lapse(payment))

    def _lapse(self, payment: Payment) -> None:
        if payment.status == "held" and payment.pending_capture is None:
            payment.status = "lapsed"

    def _charge_fee(self, payment: Payment, amount: int) -> None:
        payment.fee_minor = max(amount // 40, 1)
        late = self.chance.happens(self.habits.fee_comes_late)
        payment.fee_at = self.timeline.now + (self.chance.seconds(5, 2 * 86400) if late else timedelta(0))

    def _capture(self, request: OperationRequest, payment: Payment) -> Outcome:
        refusal = self._not_held(payment)
        if refusal is not None:
            return refusal
        amount = request.amount.amount_minor
        if self.chance.happens(self.habits.refuses_capture):
            return Declined(code="capture_declined", message="the bank said no", reference=payment.reference)
        if self.chance.happens(self.habits.takes_time):
            payment.pending_capture = (request.operation_id, amount)
            self._later(payment, self._capture_decided, self.chance.seconds(60, 9 * 86400))
            return Pending(reference=payment.reference, reason="under review")
        self._captured(payment, request.operation_id, amount)
        return self._of_capture(payment)

    def _capture_decided(self, payment: Payment) -> None:
        if payment.pending_capture is not None:
            (operation_id, amount), payment.pending_capture = payment.pending_capture, None
            self._captured(payment, operation_id, amount)

    def _captured(self, payment: Payment, operation_id: str, amount: int) -> None:
        payment.status, payment.taken_minor, payment.taken_by = "taken", amount, operation_id
        payment.done_at = self.timeline.now
        self._effect("capture", operation_id, amount)
        self._charge_fee(payment, amount)

    def _void(self, request: OperationRequest, payment: Payment) -> Outcome:
        if payment.status in {"taken", "lapsed", "processing"} or payment.pending_capture is not None:
            refusal = self._not_held(payment)
            assert refusal is not None
            return refusal
        if payment.status != "canceled":
            if payment.status == "held":
                self._effect("void", request.operation_id, payment.amount_minor)
            payment.status, payment.done_at = "canceled", self.timeline.now
        told = self._of_void(payment)
        assert told is not None
        return told

    def _not_held(self, payment: Payment) -> Refused | None:
        """Why there is nothing to capture or to void."""
        code: str | None = {
            "taken": RefusalCode.ALREADY_CAPTURED,
            "lapsed": RefusalCode.AUTHORIZATION_EXPIRED,
            "canceled": RefusalCode.AUTHORIZATION_VOIDED,
            "held": None if payment.pending_capture is None else "in_progress",
        }.get(payment.status, "unexpected_state")
        if code is None:
            return None
        return Refused(code=code, message=f"the payment is {payment.status}", reference=payment.reference)

    def _refund(self, request: OperationRequest, payment: Payment) -> Outcome:
        amount = request.amount.amount_minor
        given_back = sum(each.amount_minor for each in payment.refunds if each.status != "failed")
        if amount > payment.taken_minor - given_back:
            return Refused(code=RefusalCode.REFUND_TOO_LARGE, message="less is left")
        chance, habits = self.chance, self.habits
        if chance.happens(habits.refunds_fail):
            return Declined(code="refund_failed", message="the bank said no")
        reference = f"{payment.reference}_re_{len(payment.refunds) + 1}"
        refund = Refund(reference, request.operation_id, amount, "succeeded", self.timeline.now)
        payment.refunds.append(refund)
        if chance.happens(habits.takes_time):
            refund.status = "pending"
            self._refund_later(refund, "failed" if chance.happens(0.3) else "succeeded", 9 * 86400)
        else:
            self._effect("refund", refund.operation_id, amount)
            if chance.happens(habits.refunds_return):
                self._refund_later(refund, "failed", 9 * 86400)
        return self._of_refund(refund)

    def _refund_later(self, refund: Refund, status: str, most_seconds: float) -> None:
        def decide() -> None:
            if refund.status == "succeeded" and status == "failed":
                self._effect("refund_returned", refund.operation_id, refund.amount_minor)
            elif status == "succeeded":
                self._effect("refund", refund.operation_id, refund.amount_minor)
            refund.status = status
            self.on_change(refund.operation_id, refund.reference)

        self.timeline.after(self.chance.seconds(60, most_seconds), decide)

    def _ended(self, request: OperationRequest) -> Outcome:
        """What is answered for an operation that ended in an error of the gateway's own: what it did, or that it is fenced off."""
        seen = self.look_up(request)
        if seen is not None:
            return seen
        payment = self.payment(request)
        first = request.kind in {OperationKind.AUTHORIZE, OperationKind.CAPTURE} and request.target_reference is None
        if first:
            payment.status, payment.fenced = "canceled", True
            if self.name == "paypal" and self.chance.happens(self.habits.succeeds_late):
                self._later(payment, self._take_late, self.chance.seconds(60, 6 * 86400))
        elif request.kind is not OperationKind.REFUND:
            refusal = self._not_held(payment) if payment.status != "created" else None
            if refusal is not None and refusal.code != "unexpected_state":
                return refusal
        return Refused(code=RefusalCode.NO_EFFECT, message="nothing was done", reference=payment.reference)

    def _later(self, payment: Payment, happen: Callable[[Payment], None], delay: timedelta) -> None:
        def change() -> None:
            happen(payment)
            self.on_change(payment.operation_id, payment.reference)

        self.timeline.after(delay, change)

    def _effect(self, kind: str, operation_id: str, amount_minor: int) -> None:
        self.effects.append(Effect(kind, operation_id, amount_minor))

    def _money(self, amount_minor: int) -> Money:
        return Money.model_construct(amount_minor=amount_minor, currency="USD")

    def _of_payment(self, payment: Payment) -> Outcome | None:
        reference = payment.reference
        if payment.was_held:
            return Succeeded(
                reference=reference,
                amount=self._money(payment.amount_minor),
                occurred_at=payment.done_at or self.timeline.now,
                capture_before=payment.held_until,
            )
        match payment.status:
            case "taken":
                return self._of_capture(payment)
            case "action":
                return ActionRequired(reference=reference, action_url=f"https://{self.name}.example/{reference}")
            case "processing":
                return Pending(reference=reference, reason="processing")
            case "declined":
                return Declined(code=payment.code, message="the issuer said no", reference=reference)
            case "canceled":
                code = RefusalCode.NO_EFFECT if payment.fenced else RefusalCode.AUTHORIZATION_VOIDED
                return Refused(code=code, message="it was canceled before it was made", reference=reference)
            case _:
                return None

    def _of_capture(self, payment: Payment) -> Succeeded:
        known = payment.fee_at is not None and payment.fee_at <= self.timeline.now
        return Succeeded(
            reference=payment.reference,
            amount=self._money(payment.taken_minor),
            fee=self._money(payment.fee_minor) if known else None,
            fee_pending=not known,
            occurred_at=payment.done_at or self.timeline.now,
        )

    def _of_void(self, payment: Payment) -> Outcome | None:
        if payment.status == "lapsed":
            return Refused(code=RefusalCode.AUTHORIZATION_EXPIRED, message="it had lapsed", reference=payment.reference)
        if payment.status != "canceled":
            return None
        amount = self._money(payment.amount_minor)
        return Succeeded(reference=payment.reference, amount=amount, occurred_at=payment.done_at or self.timeline.now)

    def _of_refund(self, refund: Refund) -> Outcome:
        match refund.status:
            case "succeeded":
                return Succeeded(
                    reference=refund.reference, amount=self._money(refund.amount_minor), occurred_at=refund.at
                )
            case "pending":
                return Pending(reference=refund.reference, reason="at the bank")
            case _:
                return Declined(reference=refund.reference, code="expired_card", message="it came back")
