"""Later facts of a charge that has ended: its attempts and refunds are read again, what they did after all is booked, and undone where in excess.

Nothing here knows of Temporal, so the same code runs in the simulation of charges.
"""

from datetime import datetime, timedelta

from activities.charge_books import ChargeBooks, RecordFee
from activities.gateway_calls import Watched
from activities.late_books import Compensation, LateBooks, RecordCompensation, RecordLate
from activities.refund_books import RecordRefund, RefundBooks
from activities.withdrawal_books import RecordWithdrawals, WithdrawalBooks
from gateways.port import (
    Declined,
    OperationKind,
    OperationRequest,
    Outcome,
    Pending,
    RefusalCode,
    Refused,
    Succeeded,
)
from workflows import asking
from workflows.gateway_steps import NotKnown, Woken
from workflows.world import World

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
"""How long a compensation may be pending before it is looked up anew, and one that was lost is given up for another."""
FEE_DEADLINE = timedelta(days=3)
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(days=1)


class LateFacts:
    """The search for later facts of one charge; `count` is how many there were."""

    def __init__(self, charge_id: str, world: World) -> None:
        self._charge_id = charge_id
        self._world = world
        self.hinted = False
        """The gateway says that something has happened."""
        self.count = 0
        self._is_unread = False
        """A gateway could not be read in the last look."""

    def on_fact(self, words: str) -> None:
        """Tell people who look at the process; the workflow puts its own here."""

    def on_refusal(self, operation_id: str) -> None:
        """Tell the log of a compensation that was refused; the workflow puts its own here."""

    def on_looked(self, charge_id: str) -> None:
        """Nothing is under way now, so a new run may take over; the workflow puts its own here."""

    async def run(self) -> None:
        """Look now and a few times later, at once when something is reported; finish every compensation that was begun."""
        first = self._world.now()
        await self._look_patiently()
        for after in LOOKS_AFTER:
            while (left := first + after - self._world.now()) > timedelta(0):
                await self._world.wait(self._was_hinted, left, "look for later facts again")
                await self._look_patiently()
                self.on_looked(self._charge_id)

    async def _look_patiently(self) -> None:
        """Look, and again where a gateway could not be read: what was reported is reported once, and the next look may be weeks away."""
        await self._look()
        for pause in asking.READ_AGAIN:
            if not self._is_unread or not self._world.patched(asking.READ_AGAIN_PATCH):
                break
            await self._world.wait(self._was_hinted, pause, "read again what could not be read")
            await self._look()

    async def _look(self) -> None:
        """Finish what was begun; then read every operation that may have changed, and book what has."""
        self._is_unread = False
        found = await self._world.ledger(LateBooks.operations_to_reread, self._charge_id, "what to read again")
        for operation in found.begun:
            of_payment = (each for each in found.captures if each.payment_reference == operation.payment_reference)
            excess = next(of_payment, None)
            await self._compensate(Compensation(operation=operation, excess=excess, seen_before=True))
        for operation in found.attempts:
            seen = await self._read(operation)
            if isinstance(seen, Succeeded):
                await self._succeeded_late(operation, seen)
        for operation in found.refunds:
            seen = await self._read(operation)
            if isinstance(seen, Succeeded | Declined | Refused):
                # The step books only what differs from the books: a refund that came back, or was made after all.
                record = RecordRefund(operation=operation, outcome=seen)
                await self._world.ledger(RefundBooks.record_refund, record, f"refund: {seen.outcome}")
        for operation in found.captures:
            await self._read_withdrawals(operation)
        for operation in found.fees:
            await self._book_fee_if_known(operation, await self._read(operation))
        for operation in found.compensations:
            seen = await self._read(operation)
            if isinstance(seen, Declined | Refused):
                await self._compensate(await self._record(operation, seen))

    async def _read_withdrawals(self, capture: OperationRequest) -> None:
        read_at = self._world.now()
        seen = await self._world.withdrawals(capture)
        if isinstance(seen, NotKnown):
            self._is_unread = True
            return
        if not seen:
            return
        record = RecordWithdrawals(operation=capture, seen=seen, read_at=read_at)
        summary = f"{capture.gateway} took back: {', '.join(each.reference for each in seen)}"
        self.count += await self._world.ledger(WithdrawalBooks.record_withdrawals, record, summary)

    async def _read(self, operation: OperationRequest) -> Outcome | NotKnown | None:
        seen = await self._world.read(operation)
        self._is_unread = self._is_unread or isinstance(seen, NotKnown)
        return seen

    async def _succeeded_late(self, operation: OperationRequest, seen: Succeeded) -> None:
        self.count += 1
        self.on_fact(f"**{operation.operation_id}** took effect late: {seen.amount} is being undone")
        late = RecordLate(operation=operation, outcome=seen)
        summary = f"{operation.operation_id} succeeded late"
        await self._compensate(await self._world.ledger(LateBooks.record_late, late, summary))
        if seen.fee_pending:
            await self._book_fee(operation)
        self.on_fact(f"**{operation.operation_id}** took effect late: {seen.amount} was undone")

    async def _compensate(self, compensation: Compensation) -> None:
        """Undo what is in excess, with one operation after the other until one succeeds; it is never given up."""
        pause = FIRST_PAUSE
        while (operation := compensation.operation) is not None:
            answer = await self._ask(compensation, operation)
            excess = compensation.excess
            if isinstance(answer, Declined | Refused) and excess is not None and excess.kind is OperationKind.CAPTURE:
                # The gateway may have taken it back by itself: then nothing is left to undo.
                await self._read_withdrawals(excess)
            compensation = await self._record(operation, answer)
            follows = compensation.operation
            if follows is not None and follows.operation_id != operation.operation_id:
                self.on_refusal(operation.operation_id)
                self.on_fact(f"**{operation.operation_id}** was refused; the next is {follows.operation_id}")
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
                until = (await self._record(operation, answer)).ask_until
                answer = await self._known_later(operation, until)
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
        return await self._decided_later(operation, may_be_lost=True)

    async def _decided_later(self, operation: OperationRequest, *, may_be_lost: bool = False) -> Outcome | NotKnown:
        """Wait for the decision; what may never have come to the gateway, and left no trace for so long, has not."""
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
            if found is None and may_be_lost and await self._world.read(operation) is None:
                words = f"no trace of it at {operation.gateway} for {PENDING_DEADLINE.days} days"
                return Refused(code=RefusalCode.NO_EFFECT, message=words)

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
        await self._book_fee_if_known(operation, found)

    async def _book_fee_if_known(self, operation: OperationRequest, found: Outcome | NotKnown | Woken | None) -> None:
        if isinstance(found, Succeeded) and found.fee is not None:
            fee = RecordFee(operation=operation, fee=found.fee, occurred_at=found.occurred_at)
            await self._world.ledger(ChargeBooks.record_fee, fee, f"book the fee of {found.fee}")

    def _was_hinted(self) -> bool:
        """Tell once that something has happened."""
        hinted, self.hinted = self.hinted, False
        return hinted
