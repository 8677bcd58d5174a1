"""What Stripe took back of payments without an operation of ours, and what of it returned, as effects; pure.

What counts is what moved on the balance: every balance transaction named here is expanded in its object.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from gateways.records.reader import Document, RecordUnreadable
from gateways.records.stripe_transactions import NAME, Transaction, amount_minor, transaction
from ledger.proofs.evidence import Effect, EffectKind, Standing

REVERSAL, DISPUTE = "reversal", "dispute"
PARTIAL_CAPTURE = "partial_capture_reversal"


def had_succeeded(charge: Any) -> bool:
    """Whether a charge object was approved, be it that it failed since."""
    return isinstance(charge, dict) and (
        charge.get("status") == "succeeded" or charge.get("failure_balance_transaction") is not None
    )


def is_foreign(refund: Document) -> bool:
    """Whether a refund is none of our operations: somebody made it in the dashboard."""
    return not any(":refund:" in value for value in (refund.get("metadata") or {}).values())


def of_failed_payment(intent: Document) -> Iterator[Effect]:
    """Read what left the balance when a payment failed after it had succeeded; named after that balance transaction."""
    charge = intent.get("latest_charge")
    if isinstance(charge, dict) and isinstance(charge.get("failure_balance_transaction"), dict):
        left = transaction(charge["failure_balance_transaction"])
        whole = amount_minor(charge["amount_captured"], intent["currency"])
        yield from _Taken(REVERSAL, left.reference, intent["id"], intent["currency"], whole, 0, [left]).effects()


def of_foreign_refund(refund: Document) -> Iterator[Effect]:
    """Read a refund that is none of ours, once it has left the balance."""
    if not isinstance(refund.get("balance_transaction"), dict):
        return
    left = transaction(refund["balance_transaction"])
    if left.category == PARTIAL_CAPTURE:
        return
    failure, currency = refund.get("failure_balance_transaction"), refund["currency"]
    back = [transaction(failure)] if isinstance(failure, dict) else []
    whole = amount_minor(refund["amount"], currency)
    returned = whole if back else 0
    intent = refund.get("payment_intent")
    yield from _Taken(REVERSAL, refund["id"], intent, currency, whole, returned, [left], back).effects()


def of_dispute(dispute: Document) -> Iterator[Effect]:
    """Read a dispute; nothing of one that took nothing."""
    moved = [transaction(found) for found in dispute["balance_transactions"]]
    left = [found for found in moved if found.amount_minor < 0]
    back = [found for found in moved if found.amount_minor > 0]
    if left:
        whole, returned = _amounts(dispute, left, back)
        intent, currency = dispute.get("payment_intent"), dispute["currency"]
        yield from _Taken(DISPUTE, dispute["id"], intent, currency, whole, returned, left, back).effects()


class _Taken(NamedTuple):
    """A withdrawal: amounts in the payment's currency, and what moved on the balance."""

    why: str
    reference: str
    intent: str | None
    currency: str
    whole_minor: int
    returned_minor: int
    left: Sequence[Transaction]
    back: Sequence[Transaction] = ()

    def effects(self) -> Iterator[Effect]:
        fee, fee_currency = self._fee()
        withdrawn = Effect(
            gateway=NAME,
            kind=EffectKind.WITHDRAWAL,
            standing=Standing.DONE,
            reference=self.reference,
            payment_reference=self.intent,
            target_reference=self.intent,
            amount_minor=self.whole_minor,
            currency=self.currency.upper(),
            occurred_at=min(found.occurred_at for found in self.left),
            fee_minor=fee,
            fee_currency=fee_currency,
            description=self.why,
        )
        yield withdrawn
        if self.returned_minor:
            yield replace(
                withdrawn,
                kind=EffectKind.WITHDRAWAL_RETURNED,
                amount_minor=self.returned_minor,
                occurred_at=max(found.occurred_at for found in self.back),
                fee_minor=0,
                fee_currency=None,
            )

    def _fee(self) -> tuple[int, str]:
        fees: Counter[str] = Counter()
        for found in (*self.left, *self.back):
            fees[found.currency] += found.fee_minor
        kept = {code: fee for code, fee in fees.items() if fee} or {self.left[0].currency: 0}
        if len(kept) > 1:
            raise RecordUnreadable(NAME, f"shows fees of {self.reference} in several currencies: {dict(fees)}")
        [(currency, fee)] = kept.items()
        return fee, currency


def _amounts(dispute: Document, left: Sequence[Transaction], back: Sequence[Transaction]) -> tuple[int, int]:
    gone, returned = -sum(found.amount_minor for found in left), sum(found.amount_minor for found in back)
    if {found.currency for found in (*left, *back)} == {dispute["currency"].upper()}:
        return gone, returned
    whole = amount_minor(dispute["amount"], dispute["currency"])
    if returned and dispute["status"] == "won":
        return whole, whole
    # Settled in another currency: the same share of the payment's own, to the nearest unit.
    return whole, (2 * whole * min(returned, gone) + gone) // (2 * gone)
