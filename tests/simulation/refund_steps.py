"""The ledger steps of a refund over the books in memory, under the names that they have in production."""

from activities import consequences, review_decision
from activities.charge_decisions import ask_until, operation_changes, operation_request
from activities.refund_books import _STATUS, RecordRefund, RefundStanding, _is_later_fact
from gateways.port import Outcome, Succeeded
from ledger.errors import RefundExceedsCapture
from ledger.operations import NewOperation, Operation
from ledger.refunds import RefundRequest, RefundView
from ledger.reviews import Word
from tests.simulation.books import Books
from tests.simulation.payments import CAPABILITIES


class RefundSteps:
    """What `RefundBooks` does, in memory."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def reserve_refund(self, request: RefundRequest) -> RefundStanding:
        """Set the money aside, or refuse where less is left."""
        books, charge = self._books, self._books.known()
        present = next((each for each in books.operations.values() if each.refund_id == request.refund_id), None)
        if present is not None:
            return self._standing(present, seen_before=True)
        left = charge.refundable
        asked = left if request.amount_minor is None else charge.money(request.amount_minor)
        if asked.amount_minor == 0 or left < asked:
            raise RefundExceedsCapture(charge.charge_id, asked=asked, left=left)
        charge = books.change_charge({"refund_reserved_minor": charge.refund_reserved_minor + asked.amount_minor})
        captures = (each for each in books.operations.values() if each.kind == "capture" and not each.excess)
        capture = [each for each in captures if each.outcome == "succeeded"][-1]
        new = NewOperation(
            charge_id=charge.charge_id,
            kind="refund",
            number=1 + sum(each.kind == "refund" for each in books.operations.values()),
            attempt=capture.attempt,
            gateway=capture.gateway,
            amount=asked,
            payment_reference=capture.payment_reference,
            target_reference=capture.gateway_reference,
            refund_id=request.refund_id,
            reason=request.reason,
            actor=request.actor,
            purpose=f"refund:{request.refund_id}",
        )
        operation, _ = books.intend(new)
        books.post(consequences.of_reservation(charge, operation))
        return self._standing(operation, seen_before=False)

    def record_refund(self, request: RecordRefund) -> RefundStanding:
        """Write the outcome, give the reservation back or use it up, and post, once."""
        operation = self._books.operations[request.operation.operation_id]
        if request.outcome is not None:
            return self._record(operation, request.outcome)
        if not operation.is_decided and operation.outcome != "unknown":
            times = operation.times_unknown + 1
            changes = {"outcome": "unknown", "message": request.unknown_because, "times_unknown": times}
            self._books.decide(operation.operation_id, changes)
            self._books.post(consequences.of_unknown(self._books.known(), operation))
        return self._standing(self._books.operations[operation.operation_id], seen_before=True)

    def resolve_refund_review(self, word: tuple[Operation, Outcome | None, Word]) -> RefundStanding:
        """Record a person's word, where the gateway does not say otherwise."""
        operation, read, said = word
        request = operation_request(operation, self._books.known().customer)
        found = review_decision.decide(request, said, "looked at it", read, self._books.now)
        if isinstance(found, review_decision.Taken):
            return self._record(self._books.operations[operation.operation_id], found.outcome)
        return self._standing(operation, seen_before=True)

    def _record(self, before: Operation, outcome: Outcome) -> RefundStanding:
        books, charge = self._books, self._books.known()
        if _is_later_fact(before, outcome):
            taken_back = {} if isinstance(outcome, Succeeded) else {"outcome": "failed"}
            books.change_operation(before.operation_id, operation_changes(outcome) | taken_back)
        elif not books.decide(before.operation_id, operation_changes(outcome)):
            return self._standing(before, seen_before=True)
        consequence = consequences.of_refund_outcome(charge, before, outcome, books.now)
        known_now = consequences.of_known(charge, before, books.now) if before.outcome == "unknown" else []
        books.change_charge(consequence.charge)
        books.post([*known_now, *consequence.entries])
        return self._standing(books.operations[before.operation_id], seen_before=True)

    def _standing(self, operation: Operation, *, seen_before: bool) -> RefundStanding:
        view = RefundView(
            refund_id=operation.refund_id or "",
            charge_id=operation.charge_id,
            status=_STATUS[operation.outcome],
            amount_minor=operation.amount_minor,
        )
        return RefundStanding(
            view=view,
            operation=operation_request(operation, self._books.known().customer),
            seen_before=seen_before,
            ask_until=ask_until(operation, CAPABILITIES[operation.gateway]),
        )
