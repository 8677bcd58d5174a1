"""The ledger steps of later facts: which operations to read again, what an attempt in excess means, and its compensation.

They are local activities. Steps lock the charge's row first, so two of them never wait for each other in a circle.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from temporalio import activity

from activities import late_decisions, withdrawal_decisions
from activities.charge_books import case_of
from activities.charge_decisions import Case, Decision, ask_until, operation_request
from activities.database_errors import translated
from gateways.port import Capabilities, OperationRequest, Outcome, Succeeded
from ledger import charges, journal, operations, withdrawals
from ledger.database import Connection, Database
from ledger.operations import Operation
from ledger.record import Record


class Reread(Record):
    """Operations of a charge that are to be read again, and compensations that are to be finished."""

    attempts: tuple[OperationRequest, ...] = ()
    refunds: tuple[OperationRequest, ...] = ()
    compensations: tuple[OperationRequest, ...] = ()
    begun: tuple[OperationRequest, ...] = ()
    fees: tuple[OperationRequest, ...] = ()
    captures: tuple[OperationRequest, ...] = ()
    """Of which a gateway may have taken something back."""


class RecordLate(Record):
    """An attempt that was decided otherwise, and has succeeded."""

    operation: OperationRequest
    outcome: Succeeded


class RecordCompensation(Record):
    """What a gateway said of a compensation, or, without an outcome, why it is not known."""

    operation: OperationRequest
    outcome: Outcome | None = None
    unknown_because: str | None = None


class Compensation(Record):
    """A compensation that is still to be performed or followed; no operation where nothing is left to undo."""

    operation: OperationRequest | None = None
    excess: OperationRequest | None = None
    """What it undoes."""
    seen_before: bool = False
    ask_until: datetime | None = None


class LateBooks:
    """Local activities of the search for later facts; `capabilities` says how long each gateway remembers a key."""

    def __init__(self, engine: Database, capabilities: dict[str, Capabilities]) -> None:
        self._engine = engine
        self._capabilities = capabilities

    @activity.defn(name="operations_to_reread")
    @translated
    async def operations_to_reread(self, charge_id: str) -> Reread:
        """List what a gateway may say otherwise by now, and what another run has begun and not finished."""
        async with self._engine.begin() as connection:
            case = await case_of(connection, charge_id)

        def requests(found: Iterable[Operation]) -> tuple[OperationRequest, ...]:
            return tuple(operation_request(each, case.charge.customer) for each in found)

        return Reread(
            attempts=requests(late_decisions.left_attempts(case)),
            refunds=requests(late_decisions.made_refunds(case)),
            compensations=requests(late_decisions.made_compensations(case)),
            begun=requests(late_decisions.begun_compensations(case)),
            fees=requests(late_decisions.fees_to_come(case)),
            captures=requests(withdrawal_decisions.captures(case)),
        )

    @activity.defn(name="record_late")
    @translated
    async def record_late(self, request: RecordLate) -> Compensation:
        """Book what was taken or reserved in excess, and write its compensation down, in one transaction, once."""
        async with self._engine.begin() as connection:
            case = await case_of(connection, request.operation.charge_id)
            decision = late_decisions.late_success(case, request.operation.operation_id, request.outcome)
            return await self._carry_out(connection, case, decision)

    @activity.defn(name="record_compensation")
    @translated
    async def record_compensation(self, request: RecordCompensation) -> Compensation:
        """Write the outcome of a compensation and its entries; where it is no, the next one too."""
        async with self._engine.begin() as connection:
            case = await case_of(connection, request.operation.charge_id)
            operation_id = request.operation.operation_id
            if request.outcome is None:
                why = request.unknown_because or "no answer"
                decision = late_decisions.compensation_unknown(case, operation_id, why)
            else:
                taken = await withdrawals.of_charge(connection, case.charge.charge_id)
                decision = late_decisions.compensated(case, operation_id, request.outcome, datetime.now(UTC), taken)
            return await self._carry_out(connection, case, decision)

    async def _carry_out(self, connection: Connection, case: Case, decision: Decision | None) -> Compensation:
        if decision is None:
            decision = Decision()
        for operation_id, changes in decision.operations.items():
            # Not guarded by the row's being undecided: a later fact is what may change it, and the charge is locked.
            await operations.change(connection, operation_id, dict(changes))
        if decision.charge:
            await charges.change(connection, case.charge.charge_id, dict(decision.charge))
        new = None
        if decision.new is not None:
            new, _ = await operations.intend(connection, decision.new)
        if decision.entries:
            await journal.post(connection, decision.entries)
        if new is not None:
            return self._compensation(case, new, seen_before=False)
        after = case.changed(decision.operations)
        begun = next((each for each in after.operations if each.compensates and not each.is_decided), None)
        return Compensation() if begun is None else self._compensation(case, begun, seen_before=True)

    def _compensation(self, case: Case, operation: Operation, *, seen_before: bool) -> Compensation:
        excess = case.operation(operation.compensates or "")
        return Compensation(
            operation=operation_request(operation, case.charge.customer),
            excess=operation_request(excess, case.charge.customer),
            seen_before=seen_before,
            ask_until=ask_until(operation, self._capabilities[operation.gateway]),
        )
