"""A gateway in memory: payments, what was done to them, and the keys under which it was asked, each with its stored answer.

It shares nothing with the adapters: what it remembers is the truth that a run is held against in the end.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateways.port import (
    Declined,
    OperationKind,
    OperationRequest,
    Outcome,
    Pending,
    RefusalCode,
    Refused,
    Withdrawal,
    WithdrawalKind,
    WithdrawalState,
)
from tests.simulation import answers
from tests.simulation.chance import Chance
from tests.simulation.payments import CODES, DISPUTE_FEE, HELD_FOR, KEY_LIFE, Effect, Habits, Payment, Refund
from tests.simulation.timeline import Timeline


@dataclass
class Gateway:
    """Its payments and keys; `on_change` hears of every object that changes, which is what a webhook would tell."""

    name: str
    timeline: Timeline
    chance: Chance
    habits: Habits
    on_change: Callable[[str, str], None]
    payments: dict[str, Payment] = field(default_factory=dict)
    stored: dict[str, tuple[datetime, Outcome | None]] = field(default_factory=dict)
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
        asked = self.stored.get(key)
        return asked is not None and self.timeline.now - asked[0] < KEY_LIFE[self.name]

    def perform(self, request: OperationRequest, *, fault: str | None) -> Outcome | None:
        """Do it once under its key and store the answer; None is an error of the gateway's own, with or without effect."""
        key = request.operation_id
        payment = self.payment(request)
        ready = payment.status == "approved" and payment.operation_id == key
        if self.remembers(key) and not ready:
            _, told = self.stored[key]
            return self._ended(request) if told is None else told
        self.first_asked(request)
        if fault == "error_before":
            answer = None
        else:
            answer = self._do(request, payment)
            answer = None if fault == "error_after" else answer
        self.stored[key] = (self.timeline.now, answer)
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
            return None if best is None else answers.of_refund(best)
        if request.kind is OperationKind.VOID:
            return answers.of_void(payment, self.timeline.now)
        if request.target_reference is not None:
            if payment.pending_capture is not None and payment.pending_capture[0] == request.operation_id:
                return Pending(reference=payment.reference, reason="under review")
            return answers.of_capture(payment, self.timeline.now) if payment.taken_by == request.operation_id else None
        return answers.of_attempt(payment, self.name, self.timeline.now)

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
        told = answers.of_attempt(payment, self.name, self.timeline.now)
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
        if self.habits.takes_back and self.chance.happens(self.habits.takes_back):
            self._later(payment, self._take_back, self.chance.seconds(1, 30 * 86400))
        payment.fee_minor = max(amount // 40, 1)
        late = self.chance.happens(self.habits.fee_comes_late)
        payment.fee_at = self.timeline.now + (self.chance.seconds(5, 2 * 86400) if late else timedelta(0))

    def _capture(self, request: OperationRequest, payment: Payment) -> Outcome:
        refusal = answers.not_held(payment)
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
        return answers.of_capture(payment, self.timeline.now)

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
            refusal = answers.not_held(payment)
            assert refusal is not None
            return refusal
        if payment.status != "canceled":
            if payment.status == "held":
                self._effect("void", request.operation_id, payment.amount_minor)
            payment.status, payment.done_at = "canceled", self.timeline.now
        told = answers.of_void(payment, self.timeline.now)
        assert told is not None
        return told

    def _refund(self, request: OperationRequest, payment: Payment) -> Outcome:
        amount = request.amount.amount_minor
        if payment.withdrawal is not None and payment.withdrawal.state is WithdrawalState.OPEN:
            return Refused(code="disputed", message="the payment is disputed")
        if amount > payment.left_minor:
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
        return answers.of_refund(refund)

    def _take_back(self, payment: Payment) -> None:
        """Take back what is left of a capture, by a dispute or for good."""
        if payment.left_minor <= 0 or payment.taken_by is None:
            return
        disputed = self.chance.happens(0.6)
        payment.withdrawal = Withdrawal(
            kind=WithdrawalKind.DISPUTE if disputed else WithdrawalKind.REVERSAL,
            reference=f"{payment.reference}_back",
            state=WithdrawalState.OPEN if disputed else WithdrawalState.LOST,
            amount=answers.money(payment.left_minor),
            fee=answers.money(DISPUTE_FEE) if disputed else None,
            withdrawn_at=self.timeline.now,
        )
        self._effect("withdrawn", payment.taken_by, payment.withdrawal.amount.amount_minor)
        if disputed:
            self._later(payment, self._decide_dispute, self.chance.seconds(60, 20 * 86400))

    def _decide_dispute(self, payment: Payment) -> None:
        taken = payment.withdrawal
        assert taken is not None
        assert payment.taken_by is not None
        won = self.chance.happens(0.5)
        state = WithdrawalState.WON if won else WithdrawalState.LOST
        told = {"state": state, "returned": taken.amount if won else None, "closed_at": self.timeline.now}
        payment.withdrawal = taken.model_copy(update=told)
        if won:
            self._effect("withdrawal_returned", payment.taken_by, taken.amount.amount_minor)

    def withdrawals(self, request: OperationRequest) -> tuple[Withdrawal, ...]:
        """What was taken back of a capture."""
        taken = self.payment(request).withdrawal
        return () if taken is None else (taken,)

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
            refusal = answers.not_held(payment) if payment.status != "created" else None
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
