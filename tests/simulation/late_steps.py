"""The ledger steps of later facts over the books in memory, under the names that they have in production."""

from activities import late_decisions, withdrawal_decisions
from activities.charge_decisions import Decision, ask_until, operation_request
from activities.late_books import Compensation, RecordCompensation, RecordLate, Reread
from activities.withdrawal_books import RecordWithdrawals
from gateways.port import OperationRequest
from ledger.operations import Operation
from tests.simulation.books import Books
from tests.simulation.payments import CAPABILITIES


class LateSteps:
    """What `LateBooks` does, in memory."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def operations_to_reread(self, _charge_id: str) -> Reread:
        """List what a gateway may say otherwise by now, and what another run has begun and not finished."""
        case = self._books.case()

        def requests(found: list[Operation]) -> tuple[OperationRequest, ...]:
            return tuple(operation_request(each, case.charge.customer) for each in found)

        return Reread(
            attempts=requests(late_decisions.left_attempts(case)),
            refunds=requests(late_decisions.made_refunds(case)),
            compensations=requests(late_decisions.made_compensations(case)),
            begun=requests(late_decisions.begun_compensations(case)),
            fees=requests(late_decisions.fees_to_come(case)),
            captures=requests(withdrawal_decisions.captures(case)),
        )

    def record_late(self, request: RecordLate) -> Compensation:
        """Book what was taken or reserved in excess, and write its compensation down."""
        name = request.operation.operation_id
        return self._carry_out(late_decisions.late_success(self._books.case(), name, request.outcome))

    def record_compensation(self, request: RecordCompensation) -> Compensation:
        """Write the outcome of a compensation; where it is no, the next one too."""
        case, name = self._books.case(), request.operation.operation_id
        if request.outcome is None:
            why = request.unknown_because or "no answer"
            return self._carry_out(late_decisions.compensation_unknown(case, name, why))
        taken = list(self._books.withdrawals.values())
        decision = late_decisions.compensated(case, name, request.outcome, self._books.now, taken)
        return self._carry_out(decision)

    def record_withdrawals(self, request: RecordWithdrawals) -> int:
        """Book what was taken back, or returned."""
        books = self._books
        stored, name = list(books.withdrawals.values()), request.operation.operation_id
        taking = withdrawal_decisions.taken_back(
            books.case(), name, stored, request.seen, read_at=request.read_at, now=books.now
        )
        if taking is None:
            return 0
        books.withdrawals |= {row.reference: row for row in taking.rows}
        books.change_charge(taking.charge)
        books.post(taking.entries)
        return len(taking.rows)

    def _carry_out(self, decision: Decision | None) -> Compensation:
        books, new = self._books, None
        if decision is not None:
            for operation_id, changes in decision.operations.items():
                books.change_operation(operation_id, changes)
            books.change_charge(decision.charge)
            new = None if decision.new is None else books.intend(decision.new)[0]
            books.post(decision.entries)
        begun = new or next(iter(late_decisions.begun_compensations(books.case())), None)
        if begun is None:
            return Compensation()
        excess = books.operations[begun.compensates or ""]
        return Compensation(
            operation=operation_request(begun, books.known().customer),
            excess=operation_request(excess, books.known().customer),
            seen_before=new is None,
            ask_until=ask_until(begun, CAPABILITIES[begun.gateway]),
        )
