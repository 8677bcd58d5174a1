"""The books of one charge in memory: rows and entries, each step a transaction, with the limits that PostgreSQL keeps.

What a step decides is asked of the same pure functions as in production; writing it, and refusing, is done here.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from activities.charge_decisions import Case
from ledger.accounts import refunds_payable
from ledger.charges import Charge, ChargeRequest, ChargeStatus
from ledger.entries import Entry
from ledger.errors import InvalidEntry, LimitExceeded, OperationConflict, ReferenceConflict, UnknownCharge
from ledger.operations import NewOperation, Operation
from ledger.reviews import Resolution
from ledger.withdrawals import TakenBack
from tests.simulation import intents
from tests.simulation.timeline import Timeline

FIXED = ("kind", "gateway", "payment_method", "amount_minor", "currency", "target_reference", "final", "refund_id")


@dataclass(frozen=True)
class Review:
    """A case for a person."""

    operation_id: str | None
    resolution: Resolution | None = None


@dataclass
class Transaction:
    """What becomes of what is written within."""

    keep: bool = True


@dataclass
class Books:
    """The rows; `broken` lists what was written and must never be."""

    timeline: Timeline
    charge: Charge | None = None
    operations: dict[str, Operation] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    reviews: list[Review] = field(default_factory=list)
    withdrawals: dict[str, TakenBack] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The time of the database."""
        return self.timeline.now

    @contextmanager
    def transaction(self) -> Iterator["Transaction"]:
        """Keep all of what is written within, or nothing."""
        before = (self.charge, dict(self.operations), dict(self.entries), list(self.reviews), dict(self.withdrawals))
        transaction = Transaction()
        try:
            yield transaction
        except BaseException:
            transaction.keep = False
            raise
        finally:
            if not transaction.keep:
                self.charge, self.operations, self.entries, self.reviews, self.withdrawals = before

    def case(self) -> Case:
        """The rows at this moment."""
        return Case(charge=self.known(), operations=tuple(self.operations.values()))

    def known(self) -> Charge:
        """The charge, which must exist."""
        if self.charge is None:
            raise UnknownCharge("ch_1")
        return self.charge

    def open(self, request: ChargeRequest, gateway: str, reason: str) -> None:
        """Write the charge down."""
        given = {name: getattr(request, name) for name in ChargeRequest.model_fields if name in Charge.model_fields}
        empty = dict.fromkeys(Charge.model_fields)
        none_yet = dict.fromkeys(
            ("authorized_minor", "captured_minor", "refunded_minor", "refund_reserved_minor", "withdrawn_minor"), 0
        )
        money = {"currency": request.amount.currency, "amount_minor": request.amount.amount_minor}
        times = {"created_at": self.now, "updated_at": self.now}
        chosen = {"gateway": gateway, "gateway_reason": reason, "status": ChargeStatus.PROCESSING}
        fields: dict[str, Any] = empty | given | none_yet | money | times | chosen
        fields |= {"request_hash": request.content_hash(), "capture_method": request.capture}
        self.charge = Charge.model_construct(None, **fields)

    def change_charge(self, changes: Mapping[str, Any]) -> Charge:
        """Write columns of the charge; raises LimitExceeded."""
        charge = self.known().model_copy(update=dict(changes))
        if not 0 <= charge.authorized_minor <= charge.amount_minor:
            raise LimitExceeded(charge.charge_id, "authorized_within_amount")
        if not 0 <= charge.captured_minor <= charge.authorized_minor:
            raise LimitExceeded(charge.charge_id, "captured_within_authorized")
        reserved, refunded = charge.refund_reserved_minor, charge.refunded_minor
        if reserved < 0 or refunded < 0 or refunded + reserved > charge.captured_minor:
            raise LimitExceeded(charge.charge_id, "refunded_within_captured")
        more = reserved > self.known().refund_reserved_minor
        if more and refunded + reserved + charge.withdrawn_minor > charge.captured_minor:
            raise LimitExceeded(charge.charge_id, "refund_is_of_what_is_left")
        self.charge = charge
        return charge

    def intend(self, new: NewOperation) -> tuple[Operation, bool]:
        """Write an operation down, or return the one that serves its purpose; raises OperationConflict."""
        fields: dict[str, Any] = dict.fromkeys(Operation.model_fields) | {
            name: getattr(new, name) for name in new.model_fields_set
        }
        fields |= {name: getattr(new, name) for name in ("final", "authenticate", "attempt", "customer_present")}
        fields |= {"operation_id": new.operation_id, "fee_status": "none", "excess": False, "times_unknown": 0}
        fields |= {"amount_minor": new.amount.amount_minor, "currency": new.amount.currency, "requested_at": self.now}
        fields.pop("amount", None)
        operation = Operation.model_construct(None, **fields)
        serving = next((each for each in self.operations.values() if each.purpose == new.purpose), None)
        if serving is None and new.operation_id not in self.operations:
            self.broken.extend(intents.faults(self.operations.values(), operation))
            self.operations[new.operation_id] = operation
            return operation, True
        if serving is None or any(getattr(serving, name) != getattr(operation, name) for name in FIXED):
            raise OperationConflict(new.operation_id)
        return serving, False

    def remember_payment(self, operation_id: str, reference: str) -> str | None:
        """Keep the payment's reference before money moves; None where the operation is decided."""
        operation = self.operations[operation_id]
        if operation.is_decided:
            return None
        kept = operation.payment_reference or reference
        self.operations[operation_id] = operation.model_copy(update={"payment_reference": kept})
        return kept

    def decide(self, operation_id: str, changes: Mapping[str, Any]) -> bool:
        """Write an outcome where none that is final stands."""
        if self.operations[operation_id].is_decided:
            return False
        self.change_operation(operation_id, {**changes, "decided_at": self.now})
        return True

    def change_operation(self, operation_id: str, changes: Mapping[str, Any]) -> None:
        """Write columns of an operation."""
        self.operations[operation_id] = self.operations[operation_id].model_copy(update=dict(changes))

    def post(self, entries: Sequence[Entry]) -> None:
        """Post all; what was posted before with the same content stands. Raises ReferenceConflict or InvalidEntry."""
        for entry in entries:
            present = self.entries.get(entry.reference)
            if present is not None and present != entry:
                raise ReferenceConflict(entry.reference)
            if present is None and entry.reverses is not None:
                self._require_left(entry, entry.reverses)
            self.entries[entry.reference] = entry
            if self._owed_for_refunds() < 0:  # the guard that PostgreSQL keeps
                raise InvalidEntry(entry.reference, "what is owed for refunds would be less than nothing")

    def _require_left(self, entry: Entry, reverses: str) -> None:
        """Nothing is undone that was not done, and nothing twice, as PostgreSQL holds too."""
        if reverses not in self.entries:
            raise InvalidEntry(entry.reference, f"it reverses {reverses}, which there is not")
        left = Counter[tuple[str, str, str]]()
        for line in self.entries[reverses].lines:
            left[line.account.code, line.money.currency, line.side.other] += line.money.amount_minor
        for undoing in (*(each for each in self.entries.values() if each.reverses == reverses), entry):
            for line in undoing.lines:
                left[line.account.code, line.money.currency, line.side] -= line.money.amount_minor
        if min(left.values()) < 0:
            raise InvalidEntry(entry.reference, f"it undoes more of {reverses} than is left")

    def _owed_for_refunds(self) -> int:
        lines = (line for entry in self.entries.values() for line in entry.lines if line.account == refunds_payable())
        return sum(line.money.amount_minor if line.side == "credit" else -line.money.amount_minor for line in lines)

    def park(self, operation_id: str | None) -> None:
        """Open a case, or leave the one that is open."""
        if self.open_review() is None:
            self.reviews.append(Review(operation_id))

    def open_review(self) -> Review | None:
        """The case that is open."""
        return next((each for each in self.reviews if each.resolution is None), None)

    def close_review(self, resolution: Resolution) -> None:
        """Close the case that is open."""
        self.reviews = [replace(each, resolution=each.resolution or resolution) for each in self.reviews]
