"""Later facts of a charge that has ended: what its attempts and refunds turn out to have done, booked, and undone where in excess.

Started by whoever left an attempt behind, and by webhooks about charges that have ended.
"""

from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.charge_books import ChargeBooks, RecordFee
    from activities.gateway_calls import Watched
    from activities.late_books import Compensation, LateBooks, RecordCompensation, RecordLate
    from activities.refund_books import RecordRefund, RefundBooks
    from gateways.port import Declined, OperationRequest, Outcome, Pending, Refused, Succeeded
    from workflows import asking
    from workflows.gateway_steps import NotKnown, Woken
    from workflows.hints import GatewayReported
    from workflows.world import TemporalWorld

LOOKS_AFTER = (
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=7),
    timedelta(days=30),
)
"""When the gateways are read again after the first look, counted from that one."""
PENDING_DEADLINE = timedelta(days=30)
"""How long a compensation may be pending before it is looked up anew."""
FEE_DEADLINE = timedelta(days=3)
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(days=1)


def workflow_id(charge_id: str) -> str:
    """Name the process that looks for later facts about a charge."""
    return f"reconcile/{charge_id}"


@workflow.defn(name="Reconcile")
class ReconcileWorkflow:
    """Later facts of one charge; workflow id `reconcile/{charge_id}`, the result is how many there were."""

    def __init__(self) -> None:
        self._world = TemporalWorld()
        self._hinted = False
        self._facts = 0

    @workflow.signal
    def gateway_reported(self, hint: GatewayReported) -> None:  # noqa: ARG002 # nothing of it is believed
        """Something happened at the gateway: read it again now instead of later."""
        self._hinted = True

    @workflow.run
    async def run(self, charge_id: str) -> int:
        """Look now and a few times later, at once when something is reported; finish every compensation that was begun."""
        first = workflow.now()
        await self._look(charge_id)
        for after in LOOKS_AFTER:
            while (left := first + after - workflow.now()) > timedelta(0):
                await self._world.wait(self._was_hinted, left, "look for later facts again")
                await self._look(charge_id)
                if workflow.info().is_continue_as_new_suggested():
                    workflow.continue_as_new(charge_id)
        return self._facts

    async def _look(self, charge_id: str) -> None:
        """Finish what was begun; then read every operation that may have changed, and book what has."""
        found = await self._world.ledger(LateBooks.operations_to_reread, charge_id, "what to read again")
        for operation in found.begun:
            await self._compensate(Compensation(operation=operation, seen_before=True))
        for operation in found.attempts:
            seen = await self._world.read(operation)
            if isinstance(seen, Succeeded):
                await self._succeeded_late(operation, seen)
        for operation in found.refunds:
            seen = await self._world.read(operation)
            if isinstance(seen, Succeeded | Declined | Refused):
                # The step books only what differs from the books: a refund that came back, or was made after all.
                record = RecordRefund(operation=operation, outcome=seen)
                await self._world.ledger(RefundBooks.record_refund, record, f"refund: {seen.outcome}")
        for operation in found.compensations:
            seen = await self._world.read(operation)
            if isinstance(seen, Declined | Refused):
                await self._compensate(await self._record(operation, seen))

    async def _succeeded_late(self, operation: OperationRequest, seen: Succeeded) -> None:
        self._facts += 1
        workflow.set_current_details(f"**{operation.operation_id}** took effect late: {seen.amount} is being undone")
        late = RecordLate(operation=operation, outcome=seen)
        summary = f"{operation.operation_id} succeeded late"
        await self._compensate(await self._world.ledger(LateBooks.record_late, late, summary))
        if seen.fee_pending:
            await self._book_fee(operation)
        workflow.set_current_details(f"**{operation.operation_id}** took effect late: {seen.amount} was undone")

    async def _compensate(self, compensation: Compensation) -> None:
        """Undo what is in excess, with one operation after the other until one succeeds; it is never given up."""
        pause = FIRST_PAUSE
        while (operation := compensation.operation) is not None:
            answer = await self._ask(compensation, operation)
            compensation = await self._record(operation, answer)
            follows = compensation.operation
            if follows is not None and follows.operation_id != operation.operation_id:
                workflow.logger.error("compensation.refused", extra={"operation_id": operation.operation_id})
                workflow.set_current_details(
                    f"**{operation.operation_id}** was refused; the next is {follows.operation_id}"
                )
                await self._world.wait(lambda: False, pause, "before the next compensation")
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _ask(self, compensation: Compensation, operation: OperationRequest) -> Outcome | NotKnown:
        """Ask until the answer is known; what is unknown or pending is shown as such in the books meanwhile."""
        if compensation.seen_before:
            answer = await asking.ask_again(self._world, operation, compensation.ask_until)
        else:
            answer = await self._world.ask(operation)
        while True:
            if isinstance(answer, NotKnown):
                await self._record(operation, answer)
                answer = await self._known_later(operation, compensation.ask_until)
            elif isinstance(answer, Pending):
                await self._record(operation, answer)
                answer = await self._decided_later(operation)
            else:
                return answer

    async def _known_later(self, operation: OperationRequest, until: datetime | None) -> Outcome | NotKnown:
        if until is not None:
            known = await asking.ask_until_known(self._world, operation, until, self._was_hinted)
            if known is not None:
                return known
        # The gateway may have forgotten the key: from now on it is only read, for as long as that takes.
        return await self._decided_later(operation)

    async def _decided_later(self, operation: OperationRequest) -> Outcome | NotKnown:
        while True:
            found = await self._world.watch(
                operation,
                Watched.DECISION,
                PENDING_DEADLINE,
                f"wait for {operation.gateway} to decide",
                self._was_hinted,
            )
            if found is not None and not isinstance(found, Woken):
                return found

    async def _record(self, operation: OperationRequest, answer: Outcome | NotKnown) -> Compensation:
        if isinstance(answer, NotKnown):
            record = RecordCompensation(operation=operation, unknown_because=answer.reason)
            return await self._world.ledger(LateBooks.record_compensation, record, "compensation: unknown")
        record = RecordCompensation(operation=operation, outcome=answer)
        return await self._world.ledger(LateBooks.record_compensation, record, f"compensation: {answer.outcome}")

    async def _book_fee(self, operation: OperationRequest) -> None:
        found = await self._world.watch(
            operation, Watched.FEE, FEE_DEADLINE, f"wait for the fee of {operation.gateway}", lambda: False
        )
        if isinstance(found, Succeeded) and found.fee is not None:
            fee = RecordFee(operation=operation, fee=found.fee, occurred_at=found.occurred_at)
            await self._world.ledger(ChargeBooks.record_fee, fee, f"book the fee of {found.fee}")

    def _was_hinted(self) -> bool:
        """Tell once that something has happened."""
        hinted, self._hinted = self._hinted, False
        return hinted
