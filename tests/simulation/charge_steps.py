"""The ledger steps of a charge over the books in memory, under the names that they have in production."""

from activities import charge_decisions as decisions
from activities import consequences, review_decision, withdrawal_decisions
from activities.charge_books import (
    MAY_HAVE_A_CASE,
    Confirm,
    Park,
    RecordFee,
    RecordOutcome,
    RecordUnknown,
    RequestCancel,
    Standing,
    may_be_parked,
)
from activities.charge_decisions import Case, Chooser, Decision, Further, is_decided
from activities.review_books import ResolveReview
from gateways.port import Outcome
from ledger.charges import ChargeRequest, ChargeStatus
from ledger.errors import ResolutionRefused
from ledger.operations import Operation
from ledger.reviews import Resolution
from tests.simulation.books import Books
from tests.simulation.payments import CAPABILITIES


class ChargeSteps:
    """What `ChargeBooks` does, in memory."""

    def __init__(self, books: Books, chooser: Chooser) -> None:
        self._books = books
        self._chooser = chooser

    def open_charge(self, request: ChargeRequest) -> Standing:
        """Choose the gateway and write the charge and its first operation down."""
        books = self._books
        if books.charge is not None:
            return self._standing()
        chosen = self._chooser.first(request, books.now)
        books.open(request, chosen.gateway, chosen.reason)
        books.intend(decisions.attempt(books.case(), chosen))
        return self._standing(is_new=True)

    def open_operation(self, asked: Further) -> Standing:
        """Write a capture or a void down; for a purpose that is served, say how it stands."""
        further = decisions.further(self._books.case(), asked)
        if isinstance(further, Operation):
            standing = self._standing(further if not further.is_decided else None)
            failed = further.operation_id if decisions.came_to_nothing(further) else None
            return standing.model_copy(update={"came_to_nothing": failed})
        operation, _ = self._books.intend(further)
        return self._standing(operation, is_new=True)

    def record_outcome(self, request: RecordOutcome) -> Standing:
        """Write the outcome, the entries and the next attempt, once."""
        books, name = self._books, request.operation.operation_id
        case, retry = books.case(), self._chooser.next_at(books.now)
        decision = decisions.record(case, name, request.outcome, books.now, lapsed=request.lapsed, try_again=retry)
        if case.charge.status in MAY_HAVE_A_CASE and is_decided(request.outcome):
            review = books.open_review()
            also = () if decision is None else decision.operations
            if review is not None and review.operation_id in {None, name, *also}:
                books.close_review(Resolution.SETTLED_BY_GATEWAY)
        return self._carry_out(decision)

    def record_unknown(self, request: RecordUnknown) -> Standing:
        """Show the exposure."""
        books, name = self._books, request.operation.operation_id
        retry = self._chooser.next_at(books.now)
        return self._carry_out(decisions.unknown(books.case(), name, request.reason, books.now, try_again=retry))

    def record_fee(self, request: RecordFee) -> None:
        """Book a fee that came later."""
        books, fee = self._books, request.fee
        operation = books.operations[request.operation.operation_id]
        known = {"fee_minor": fee.amount_minor, "fee_currency": fee.currency, "fee_status": "known"}
        books.change_operation(operation.operation_id, known)
        books.post(consequences.of_fee(books.known(), operation, fee, request.occurred_at))

    def park(self, request: Park) -> Standing:
        """Hand the charge to a person, where it has not gone on."""
        case = self._books.case()
        if not may_be_parked(case, request):
            return self._standing()
        current = case.current
        self._books.change_charge({"status": ChargeStatus.NEEDS_REVIEW, "message": request.reason})
        self._books.park(None if current is None or current.is_decided else current.operation_id)
        return self._standing()

    def resolve_review(self, request: ResolveReview) -> Standing:
        """Close the review by a person's word, and record the outcome as if the gateway had said it."""
        books, name = self._books, request.operation.operation_id
        outcome = self._settled(request)
        decision = decisions.record(books.case(), name, outcome, books.now, lapsed=False, try_again=lambda _: None)
        return self._carry_out(decision)

    def request_cancel(self, request: RequestCancel) -> Standing:
        """Call the charge off."""
        self._books.change_charge({"canceled_by": request.actor})
        return self._standing()

    def confirm_charge(self, request: Confirm) -> Standing:
        """Write down that the merchant stands by the charge."""
        self._books.change_charge({"confirmed_at": request.confirmed_at})
        return self._standing()

    def settle_undone(self, _charge_id: str) -> Standing:
        """Show a charge as refunded once everything was given back."""
        books = self._books
        charge = books.known()
        if withdrawal_decisions.is_given_back(books.case(), list(books.withdrawals.values())):
            if charge.status in MAY_HAVE_A_CASE:
                self._books.close_review(Resolution.SETTLED_BY_GATEWAY)
            self._books.change_charge({"status": ChargeStatus.REFUNDED})
        return self._standing()

    def _settled(self, request: ResolveReview) -> Outcome:
        latest = self._books.reviews[-1] if self._books.reviews else None
        if latest is None or latest.operation_id != request.operation.operation_id:
            raise ResolutionRefused("the review is about another operation")
        if latest.resolution is not None and latest.resolution != Resolution(request.as_):
            raise ResolutionRefused("the review is closed already")
        found = review_decision.decide(request.operation, request.as_, request.because, request.read, self._books.now)
        if isinstance(found, review_decision.Contradicted):
            raise ResolutionRefused(found.why)
        self._books.close_review(Resolution(request.as_))
        return found.outcome

    def _carry_out(self, decision: Decision | None) -> Standing:
        if decision is None:
            return self._standing()
        for operation_id, changes in decision.operations.items():
            self._books.decide(operation_id, changes)
        self._books.change_charge(decision.charge)
        if decision.new is not None:
            self._books.intend(decision.new)
        self._books.post(decision.entries)
        standing = self._standing(is_new=decision.new is not None)
        return standing.model_copy(update={"wait_seconds": decision.wait_seconds})

    def _standing(self, operation: Operation | None = None, *, is_new: bool = False) -> Standing:
        case: Case = self._books.case()
        current = operation or case.current
        if current is None:
            return Standing(view=case.charge.view())
        return Standing(
            view=case.charge.view(),
            operation=decisions.operation_request(current, case.charge.customer),
            seen_before=not is_new,
            fee_pending=current.fee_status == "pending",
            ask_until=decisions.ask_until(current, CAPABILITIES[current.gateway]),
        )
