"""What Stripe's objects say happened, as effects; pure.

A PaymentIntent is an authorization, a capture, or both; balance transactions say what was really kept as a fee, and
what moved besides.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from gateways.records import stripe_withdrawals
from gateways.records.reader import Document, RecordUnreadable
from gateways.records.stripe_transactions import NAME, Transaction, amount_minor, moment, transaction
from ledger.proofs.evidence import Effect, EffectKind, Standing

OF_PAYMENTS = frozenset({"charge", "charge_failure", "partial_capture_reversal", "refund", "refund_failure"})
OF_DISPUTES = frozenset({"dispute", "dispute_reversal"})
"""Reporting categories that belong to a payment or a refund, or to a dispute; whatever else moves the balance is a movement
by itself. https://docs.stripe.com/reports/reporting-categories"""
FAILURE = "charge_failure"
REFUNDS = {
    "succeeded": Standing.DONE,
    "pending": Standing.PENDING,
    "requires_action": Standing.PENDING,
    "failed": Standing.FAILED,
    "canceled": Standing.FAILED,
}


class RefundOf(NamedTuple):
    """A refund, and the PaymentIntent and charge object that it belongs to."""

    effect: Effect
    intent: str | None


@dataclass(slots=True)
class Gathered:
    """What was read so far; `effects` puts it together when all is there."""

    payments: dict[str, list[Effect]] = field(default_factory=dict)
    """By PaymentIntent; captures are still without their fees."""
    charge_objects: dict[str, str] = field(default_factory=dict)
    """The PaymentIntent of each of Stripe's charge objects, the latest of each PaymentIntent."""
    refunds: list[RefundOf] = field(default_factory=list)
    transactions: dict[str, list[Transaction]] = field(default_factory=lambda: defaultdict(list))
    """By their source."""
    movements: list[Transaction] = field(default_factory=list)
    withdrawals: list[Effect] = field(default_factory=list)
    """Without their charges."""
    charge_ids: dict[str, str | None] = field(default_factory=dict)
    """Our charge of each PaymentIntent that was read for its name only."""
    disputes: dict[str, list[Transaction]] = field(default_factory=lambda: defaultdict(list))
    """Movements of disputes by dispute, and every dispute that was read."""
    _disputes_read: set[str] = field(default_factory=set)
    _of_latest_charge: dict[str, Transaction] = field(default_factory=dict)

    def add_intent(self, intent: Document) -> None:
        """Take in a PaymentIntent with the balance transactions of `latest_charge` expanded."""
        self.payments[intent["id"]] = list(_payment(intent))
        self.add_failure(intent)
        charge = intent.get("latest_charge")
        if isinstance(charge, dict):
            self.charge_objects[charge["id"]] = intent["id"]
            if isinstance(charge.get("balance_transaction"), dict):
                self._of_latest_charge[charge["id"]] = transaction(charge["balance_transaction"])

    def add_failure(self, intent: Document) -> None:
        """Take in a PaymentIntent as far as it failed after it had succeeded."""
        self.withdrawals.extend(stripe_withdrawals.of_failed_payment(intent))

    def add_name(self, intent: Document) -> None:
        """Take in which charge of ours a PaymentIntent is of."""
        self.charge_ids[intent["id"]] = (intent.get("metadata") or {}).get("charge_id")

    def add_refund(self, refund: Document) -> None:
        """Take in a refund with its balance transactions expanded."""
        # Stripe's own refund of an authorization that lapsed: nothing was taken, nothing is given back.
        if refund.get("reason") == "expired_uncaptured_charge":
            return
        effect = _refund(refund)
        if stripe_withdrawals.is_foreign(refund):
            self.withdrawals.extend(stripe_withdrawals.of_foreign_refund(refund))
        else:
            self.refunds.append(RefundOf(effect, refund.get("payment_intent")))

    def add_dispute(self, dispute: Document) -> None:
        """Take in a dispute; its balance transactions come with it."""
        if dispute["id"] not in self._disputes_read:
            self._disputes_read.add(dispute["id"])
            self.withdrawals.extend(stripe_withdrawals.of_dispute(dispute))

    def add_transaction(self, document: Document) -> None:
        """Take in a balance transaction."""
        found = transaction(document)
        if found.category in OF_PAYMENTS and found.source:
            self.transactions[found.source].append(found)
        elif found.category in OF_DISPUTES and found.source:
            self.disputes[found.source].append(found)
        else:
            self.movements.append(found)

    def effects(self) -> Iterator[Effect]:
        """Give each capture and refund its fee, and each refund the charge of its payment."""
        for source, found in self._of_latest_charge.items():
            if source not in self.transactions:
                self.transactions[source] = [found]
        source_of = {intent: source for source, intent in self.charge_objects.items()}
        for intent, payment in self.payments.items():
            for effect in payment:
                is_capture = effect.kind is EffectKind.CAPTURE
                yield self._with_fee(effect, source_of.get(intent)) if is_capture else effect
        for refund in self.refunds:
            payment = self.payments.get(refund.intent or "", [])
            charge_id = refund.effect.charge_id or next((effect.charge_id for effect in payment), None)
            yield replace(self._with_fee(refund.effect, refund.effect.reference), charge_id=charge_id)
        for effect in self.withdrawals:
            yield replace(effect, charge_id=self._charge_of(effect.payment_reference or ""))
        unread = [found for name, moved in self.disputes.items() if name not in self._disputes_read for found in moved]
        yield from map(_movement, [*self.movements, *unread])

    def unread_disputes(self) -> list[str]:
        """Disputes that moved the balance and were not read."""
        return sorted(self.disputes.keys() - self._disputes_read)

    def unread_failures(self) -> list[str]:
        """Charge objects that failed, of PaymentIntents that were not read."""
        failed = {
            source for source, found in self.transactions.items() if any(each.category == FAILURE for each in found)
        }
        return sorted(failed - self.charge_objects.keys())

    def unread_names(self) -> list[str]:
        """PaymentIntents of withdrawals that were not read."""
        named = {effect.payment_reference for effect in self.withdrawals if effect.payment_reference}
        return sorted(named - self.payments.keys() - self.charge_ids.keys())

    def charges_without_payment(self) -> list[Transaction]:
        """Charges on the balance whose PaymentIntent was not read, if there is one."""
        return [
            found
            for source, all_found in self.transactions.items()
            for found in all_found
            if found.category == "charge" and source not in self.charge_objects
        ]

    def _charge_of(self, intent: str) -> str | None:
        named = (effect.charge_id for effect in self.payments.get(intent, []) if effect.charge_id)
        return next(named, None) or self.charge_ids.get(intent)

    def _with_fee(self, effect: Effect, source: str | None) -> Effect:
        fees: Counter[str] = Counter()
        # What a failure costs is told with the withdrawal that it is.
        found = [each for each in self.transactions.get(source or "", []) if each.category != FAILURE]
        for each in found:
            fees[each.currency] += each.fee_minor
        if not found:
            # A refund without a balance transaction has cost nothing so far; a capture's fee is still to come.
            return replace(effect, fee_minor=None) if effect.kind is EffectKind.CAPTURE else effect
        currency, amount = max(fees.items(), key=lambda fee: abs(fee[1]))
        if sum(map(abs, fees.values())) != abs(amount):
            raise RecordUnreadable(NAME, f"shows fees of {effect.reference} in several currencies: {dict(fees)}")
        return replace(effect, fee_minor=amount, fee_currency=currency)


def other_charge(found: Transaction) -> Effect:
    """Tell of a charge that another program made without a PaymentIntent."""
    return Effect(
        gateway=NAME,
        kind=EffectKind.CAPTURE,
        standing=Standing.DONE,
        reference=found.source or found.reference,
        amount_minor=found.amount_minor,
        currency=found.currency,
        occurred_at=found.occurred_at,
        fee_minor=found.fee_minor,
        fee_currency=found.currency,
    )


def _payment(intent: Document) -> Iterator[Effect]:
    """Read a PaymentIntent as what it did so far."""
    charge = intent.get("latest_charge")
    was_approved = stripe_withdrawals.had_succeeded(charge)
    received = intent.get("amount_received") or 0
    if isinstance(charge, dict) and charge.get("failure_balance_transaction") is not None:
        # It failed since, and says now that it received nothing; that the money left again is a withdrawal.
        received = charge["amount_captured"]
    match intent["status"]:
        case "succeeded":
            authorization = Standing.USED
        case "requires_capture":
            authorization = Standing.HELD
        case "processing":
            authorization = Standing.PENDING
        case _ if received:
            authorization = Standing.USED
        case "canceled" if was_approved:
            authorization = Standing.RELEASED
        case _:
            return
    is_manual = intent.get("capture_method") == "manual"
    if is_manual:
        yield _effect(intent, EffectKind.AUTHORIZE, authorization, intent["amount"])
    if received:
        yield _effect(intent, EffectKind.CAPTURE, Standing.DONE, received)
    elif authorization is Standing.PENDING and not is_manual:
        yield _effect(intent, EffectKind.CAPTURE, Standing.PENDING, intent["amount"])


def _effect(intent: Document, kind: EffectKind, standing: Standing, amount: int) -> Effect:
    metadata: dict[str, Any] = intent.get("metadata") or {}
    charge = intent.get("latest_charge")
    return Effect(
        gateway=NAME,
        kind=kind,
        standing=standing,
        reference=intent["id"],
        payment_reference=intent["id"],
        amount_minor=amount_minor(amount, intent["currency"]),
        currency=intent["currency"].upper(),
        occurred_at=moment(charge["created"] if isinstance(charge, dict) else intent["created"]),
        operation_id=_operation(metadata, kind),
        charge_id=metadata.get("charge_id"),
        customer=metadata.get("customer"),
    )


def _refund(refund: Document) -> Effect:
    metadata: dict[str, Any] = refund.get("metadata") or {}
    status = refund.get("status")
    if status not in REFUNDS:
        raise RecordUnreadable(NAME, f"shows refund {refund['id']} with the unknown status {status}")
    return Effect(
        gateway=NAME,
        kind=EffectKind.REFUND,
        standing=REFUNDS[status],
        reference=refund["id"],
        payment_reference=refund.get("payment_intent"),
        target_reference=refund.get("payment_intent") or refund.get("charge"),
        amount_minor=amount_minor(refund["amount"], refund["currency"]),
        currency=refund["currency"].upper(),
        occurred_at=moment(refund["created"]),
        operation_id=_operation(metadata, EffectKind.REFUND),
        charge_id=metadata.get("charge_id"),
        customer=metadata.get("customer"),
    )


def _movement(found: Transaction) -> Effect:
    return Effect(
        gateway=NAME,
        kind=EffectKind.MOVEMENT,
        standing=Standing.DONE,
        reference=found.reference,
        target_reference=found.source,
        amount_minor=found.amount_minor - found.fee_minor,
        currency=found.currency,
        occurred_at=found.occurred_at,
        description=found.category,
    )


def _operation(metadata: dict[str, Any], kind: EffectKind) -> str | None:
    """Find the operation of this kind that the object names: two operations may have changed one PaymentIntent."""
    for name in (metadata.get(f"{kind}_operation_id"), metadata.get("operation_id")):
        if name and f":{kind}:" in name:
            return str(name)
    return None
