"""The charge as the business knows it: attempts until an answer, then confirmation, capture, release, or everything back.

It decides what comes next and waits for it; PostgreSQL keeps the state, and the world around it does the work. Nothing
here knows of Temporal, so the same code runs in the simulation of charges.
"""

from datetime import datetime, timedelta
from functools import partial
from itertools import count

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows import asking
from workflows.gateway_steps import NotKnown, Woken
from workflows.review_desk import ReviewDesk
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.charge_books import (
        ChargeBooks,
        Confirm,
        Park,
        RecordFee,
        RecordOutcome,
        RecordUnknown,
        RequestCancel,
        Standing,
    )
    from activities.charge_decisions import WITHDRAWN, Further
    from activities.gateway_calls import Watched
    from activities.review_books import ResolveReview
    from gateways.port import (
        ActionRequired,
        OperationKind,
        OperationRequest,
        Outcome,
        Pending,
        RefusalCode,
        Refused,
        Succeeded,
    )
    from ledger.charges import AtExpiry, ChargeRequest, ChargeStatus, ChargeView
    from ledger.refunds import RefundRequest, RefundStatus, undoing_refund_id
    from workflows.charge_commands import CancelCommand, CaptureCommand, ConfirmCommand, VoidCommand

ACTION_DEADLINE = timedelta(hours=1)
"""How long a customer has for the authentication step."""
PENDING_DEADLINE = timedelta(days=14)
"""How long a gateway may take over a review or a bank debit before a person has to look."""
FEE_DEADLINE = timedelta(days=3)
"""How long the fee of a capture is waited for; `prove` lists those that never came."""
REVIEW_READS = timedelta(days=30)
"""How long the gateway is read on while a person is asked: whichever knows first settles it."""
EXPIRY_MARGIN = timedelta(hours=1)
"""How long before an authorization lapses it is voided or captured; a tenth of its life where that is shorter."""
UNDO_PAUSES = (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=3))
"""Waits between the refunds that undo a charge, where a gateway declines one; then a person has to look."""
REFUND_LOOKS = (timedelta(minutes=1), timedelta(hours=1), timedelta(days=1))
"""How often the books are read while such a refund is under way, should its signal be lost; the last one goes on."""
REFUND_ENDED = frozenset({RefundStatus.FAILED, RefundStatus.REFUSED})
TAKEN = frozenset({ChargeStatus.CAPTURED, ChargeStatus.PARTIALLY_CAPTURED})


class ChargeProcess:
    """One charge. Commands and facts are set from outside, one line each; the main loop reacts to them."""

    def __init__(self, request: ChargeRequest, world: World) -> None:
        self._request = request
        self._world = world
        self.view = ChargeView(
            charge_id=request.charge_id,
            status=ChargeStatus.PROCESSING,
            amount_minor=request.amount.amount_minor,
            currency=request.amount.currency,
            confirm_by=request.confirm_by,
        )
        self.command: CaptureCommand | VoidCommand | None = None
        self.cancellation: CancelCommand | None = None
        self.confirmation: ConfirmCommand | None = None
        self.hinted = False
        """The gateway, or the customer, says that something has happened."""
        self.desk = ReviewDesk()
        """Where a person's word is taken while the charge is in review."""
        self.refunds: dict[str, RefundStatus] = {}
        """What became of the refunds that undo this charge, as their processes tell."""
        self.over = False
        """Nothing is taken from outside any more."""
        self._commands = 0
        self._undoing = 0
        """Refunds that were started to give everything back."""
        self._left_behind = False
        """An attempt was given up for another, or taken for one without effect: later facts about it are looked for."""

    def on_view(self, before: ChargeView) -> None:
        """Tell those who look from outside; the workflow puts its own here."""

    async def open(self) -> Standing:
        """Write the charge down; raises ApplicationError where it cannot be made, with nothing written or sent."""
        return await self._world.ledger(ChargeBooks.open_charge, self._request, "write the charge down")

    async def run(self, standing: Standing) -> None:
        """Bring an opened charge to its end."""
        self._show(standing)
        while True:
            try:
                standing = await self._settle(standing)
            except ApplicationError as error:
                standing = await self._park(f"a step cannot be done: {error.message}")
            if self.view.status is not ChargeStatus.NEEDS_REVIEW:
                break
            if not self._world.patched("open-while-in-review"):
                break
            standing = await self._review(standing)
        if self._left_behind:
            await self._world.start_reconcile(self._request.charge_id)
        self.over = True

    async def _settle(self, standing: Standing) -> Standing:
        standing = await self._carry_out(standing)
        if self.view.status is ChargeStatus.AUTHORIZED:
            standing = await self._hold(standing)
        self.command = None  # one that came too late to be carried out: its sender gets the state as it is
        if self.view.status in TAKEN:
            standing = await self._stand_by(standing)
        return standing

    async def _carry_out(self, standing: Standing, *, lapsed: bool = False) -> Standing:
        """Ask for the standing operation until its answer is in the books, and for each attempt that follows a no."""
        while standing.operation is not None and not standing.fee_pending:
            standing = await self._perform_standing(standing, standing.operation, lapsed=lapsed)
            if self._is_parked:
                break
        return standing

    async def _perform_standing(self, standing: Standing, operation: OperationRequest, *, lapsed: bool) -> Standing:
        if standing.wait_seconds:
            pause = timedelta(seconds=standing.wait_seconds)
            await self._world.wait(lambda: self.cancellation is not None, pause, "before the next attempt")
        if self.cancellation is not None and not standing.seen_before and operation.kind is not OperationKind.VOID:
            withdrawn = Refused(code=WITHDRAWN, message="it was withdrawn before it was sent")
            return await self._record(operation, withdrawn, lapsed=lapsed)
        act_until = self._world.now() + ACTION_DEADLINE
        if standing.seen_before:
            answer = await asking.ask_again(self._world, operation, standing.ask_until)
        else:
            answer = await self._world.ask(operation)
        while True:
            standing = await self._record(operation, answer, lapsed=lapsed)
            follows = standing.operation
            if follows is None or standing.fee_pending:
                return standing
            if follows.operation_id != operation.operation_id:
                return standing
            operation = follows
            later = await self._later_answer(operation, answer, standing, act_until)
            if later is None:
                return await self._out_of_time(operation, answer)
            answer = later

    async def _record(self, operation: OperationRequest, answer: Outcome | NotKnown, *, lapsed: bool) -> Standing:
        await self._note_wishes()
        if isinstance(answer, NotKnown):
            unknown = RecordUnknown(operation=operation, reason=answer.reason)
            summary = f"{operation.kind}: unknown"
            return self._show(await self._world.ledger(ChargeBooks.record_unknown, unknown, summary))
        outcome = RecordOutcome(operation=operation, outcome=answer, lapsed=lapsed)
        summary = f"{operation.kind}: {answer.outcome}"
        standing = self._show(await self._world.ledger(ChargeBooks.record_outcome, outcome, summary))
        if is_left_behind(operation, answer, standing):
            self._left_behind = True
        return standing

    async def _later_answer(
        self, operation: OperationRequest, answer: Outcome | NotKnown, standing: Standing, act_until: datetime
    ) -> Outcome | NotKnown | None:
        match answer:
            case ActionRequired():
                return await self._watch_customer(operation, act_until)
            case Pending():
                return await self._watch_gateway(operation, PENDING_DEADLINE)
            case NotKnown() if standing.ask_until is not None:
                return await asking.ask_until_known(self._world, operation, standing.ask_until, self._was_hinted)
            case _:
                raise ApplicationError(
                    f"{operation.operation_id} is decided, but its row says it is not", non_retryable=True
                )

    async def _watch_customer(self, operation: OperationRequest, until: datetime) -> Outcome | NotKnown | None:
        """Wait for the customer's authentication; None where it is called off or takes too long."""
        while self.cancellation is None and (left := until - self._world.now()) > timedelta(0):
            found = await self._world.watch(
                operation,
                Watched.ACTION,
                left,
                "wait for the customer's authentication",
                lambda: self._was_hinted() or self.cancellation is not None,
            )
            if not isinstance(found, Woken):
                return found
        return None

    async def _watch_gateway(self, operation: OperationRequest, patience: timedelta) -> Outcome | NotKnown | None:
        """Wait for a gateway or a bank to decide."""
        until = self._world.now() + patience
        while (left := until - self._world.now()) > timedelta(0):
            summary = f"wait for {operation.gateway} to decide"
            found = await self._world.watch(operation, Watched.DECISION, left, summary, self._was_hinted)
            if not isinstance(found, Woken):
                return found
        return None

    async def _out_of_time(self, operation: OperationRequest, answer: Outcome | NotKnown) -> Standing:
        if isinstance(answer, ActionRequired):
            return await self._abandon()
        state = "unknown" if isinstance(answer, NotKnown) else "pending"
        return await self._park(
            f"the outcome of {operation.operation_id} is still {state}: look at {operation.payment_reference} at {operation.gateway}"
        )

    async def _abandon(self) -> Standing:
        """The customer did not authenticate in time, or it was called off: fence the payment off, so that it cannot succeed later."""
        if self.cancellation is not None:
            await self._note_wishes()
            return await self._perform(OperationKind.VOID, "cancel", None, self.cancellation.actor)
        return await self._perform(OperationKind.VOID, "abandon", None, self._own_name, lapsed=True)

    async def _hold(self, standing: Standing) -> Standing:
        """Hold the authorization until it is captured, voided or called off, is not confirmed, or is about to lapse."""
        while self.view.status is ChargeStatus.AUTHORIZED:
            await self._note_wishes()
            if self.cancellation is not None:
                standing = await self._release("cancel", self.cancellation.actor, lapsed=False)
            elif self.command is not None:
                standing = await self._execute(self.command)
                self.command = None
            else:
                timeout, summary = self._until_deadline()
                if not await self._world.wait(self._has_wish, timeout, summary):
                    standing = await self._at_deadline()
        return standing

    async def _execute(self, command: CaptureCommand | VoidCommand) -> Standing:
        self._commands += 1
        match command:
            case CaptureCommand():
                purpose = f"command:capture:{self._commands}"
                return await self._perform(OperationKind.CAPTURE, purpose, command.amount_minor, command.actor)
            case VoidCommand():
                return await self._perform(OperationKind.VOID, f"command:void:{self._commands}", None, command.actor)

    def _until_deadline(self) -> tuple[timedelta | None, str]:
        """How long the authorization may be held, and until what."""
        now, lapses = self._world.now(), self.view.authorization_expires_at
        waits: list[tuple[timedelta, str]] = []
        if lapses is not None:
            left = lapses - now
            waits.append((max(left - min(EXPIRY_MARGIN, left / 10), timedelta(0)), "until the authorization lapses"))
        if self._unconfirmed_until is not None:
            waits.append((max(self._unconfirmed_until - now, timedelta(0)), "until it has to be confirmed"))
        return min(waits, default=(None, "until it is captured or voided"))

    async def _at_deadline(self) -> Standing:
        """Settle the authorization before it lapses, or since nobody has confirmed it."""
        if self._unconfirmed_until is not None and self._world.now() >= self._unconfirmed_until:
            return await self._release("unconfirmed", self._own_name, lapsed=False)
        if self._request.at_expiry is AtExpiry.CAPTURE:
            standing = await self._perform(OperationKind.CAPTURE, "expiry", None, self._own_name, lapsed=True)
            return await self._settled_or_parked(standing)
        return await self._release("expiry", self._own_name, lapsed=True)

    async def _release(self, purpose: str, actor: str, *, lapsed: bool) -> Standing:
        return await self._settled_or_parked(
            await self._perform(OperationKind.VOID, purpose, None, actor, lapsed=lapsed)
        )

    async def _settled_or_parked(self, standing: Standing) -> Standing:
        if self.view.status is not ChargeStatus.AUTHORIZED:
            return standing
        return await self._park(f"the authorization has to end and could not be settled: {self.view.message}")

    async def _stand_by(self, standing: Standing) -> Standing:
        """Stay with a charge that was captured until its fee is known, and until nobody may call it off any more."""
        fee_until = self._world.now() + FEE_DEADLINE
        while not self._is_parked:
            await self._note_wishes()
            now, undo = self._world.now(), self._undo_because()
            if undo is not None and self.view.status is not ChargeStatus.REFUNDED:
                await self._give_everything_back(*undo)
            elif standing.fee_pending and standing.operation is not None and now < fee_until:
                standing = await self._book_late_fee(standing, standing.operation, fee_until - now)
            elif self._unconfirmed_until is not None and self.view.status in TAKEN:
                left = self._unconfirmed_until - now
                await self._world.wait(self._has_wish, left, "until it has to be confirmed")
            else:
                break
        return standing

    async def _book_late_fee(self, standing: Standing, operation: OperationRequest, left: timedelta) -> Standing:
        summary = f"wait for the fee of {operation.gateway}"
        wake = lambda: self._was_hinted() or self._has_wish()  # noqa: E731 # said once, where it is used
        if self._unconfirmed_until is not None:
            left = max(min(left, self._unconfirmed_until - self._world.now()), timedelta(seconds=1))
        found = await self._world.watch(operation, Watched.FEE, left, summary, wake)
        if isinstance(found, Succeeded) and found.fee is not None:
            fee = RecordFee(operation=operation, fee=found.fee, occurred_at=found.occurred_at)
            await self._world.ledger(ChargeBooks.record_fee, fee, f"book the fee of {found.fee}")
        told = isinstance(found, Succeeded)
        return standing.model_copy(update={"fee_pending": False}) if told else standing

    def _undo_because(self) -> tuple[str, str] | None:
        """Why everything has to be given back, and who asks for it."""
        if self.cancellation is not None:
            return "cancel", self.cancellation.actor
        if self._unconfirmed_until is not None and self._world.now() >= self._unconfirmed_until:
            return "unconfirmed", self._own_name
        return None

    async def _give_everything_back(self, why: str, actor: str) -> None:
        """Refund what is left of the charge, again where a gateway declines it, until nothing is left or a person has to look."""
        for pause in (*UNDO_PAUSES, None):
            self._undoing += 1
            refund_id = undoing_refund_id(self._request.charge_id, why, self._undoing)
            await self._world.start_refund(
                RefundRequest(refund_id=refund_id, charge_id=self._request.charge_id, reason=why, actor=actor)
            )
            await self._follow_refund(refund_id)
            if self.view.status is ChargeStatus.REFUNDED:
                return
            if pause is not None:
                await self._world.wait(lambda: False, pause, "before the next refund")
        await self._park(f"everything was to be given back ({why}), and {len(UNDO_PAUSES) + 1} refunds did not succeed")

    async def _follow_refund(self, refund_id: str) -> None:
        """Wait until a refund has given everything back or is over without, by its signal or by the books."""
        for look in count():
            told = self.refunds.get(refund_id)
            if told not in REFUND_ENDED:
                patience = REFUND_LOOKS[min(look, len(REFUND_LOOKS) - 1)]
                await self._world.wait(partial(self._refund_moved, refund_id, told), patience, "wait for the refund")
            charge_id = self._request.charge_id
            self._show(await self._world.ledger(ChargeBooks.settle_undone, charge_id, "see whether all is given back"))
            if self.view.status is ChargeStatus.REFUNDED or told in REFUND_ENDED:
                return

    def _refund_moved(self, refund_id: str, told: RefundStatus | None) -> bool:
        return self.refunds.get(refund_id) is not told

    async def _review(self, standing: Standing) -> Standing:
        """Wait for a person to settle it, and read on: whichever knows first. Where no outcome is open, commands are taken."""
        operation = None if standing.fee_pending else standing.operation
        until = self._world.now() + REVIEW_READS
        while self._is_parked:
            await self._note_wishes()
            if self.desk.word is not None:
                settled = await self.desk.settle(self._world, operation, None, self._take_word)
                standing = settled or standing
            elif operation is None and self._has_wish():
                standing = await self._obey_in_review(standing)
            else:
                standing = await self._read_in_review(standing, operation, until)
        return standing

    async def _take_word(self, settlement: ResolveReview) -> Standing:
        summary = f"resolved as {settlement.as_} by {settlement.by}"
        return self._show(await self._world.ledger(ChargeBooks.resolve_review, settlement, summary))

    async def _obey_in_review(self, standing: Standing) -> Standing:
        """No outcome is open: what could not be settled can be settled by a command, as often as people try."""
        command, cancellation = self.command, self.cancellation
        self.command = self.cancellation = None
        if cancellation is not None and self.view.captured_minor:
            await self._give_everything_back("cancel", cancellation.actor)
        elif cancellation is not None:
            standing = await self._execute(VoidCommand(actor=cancellation.actor))
        elif command is not None:
            standing = await self._execute(command)
        return standing

    async def _read_in_review(
        self, standing: Standing, operation: OperationRequest | None, until: datetime
    ) -> Standing:
        left = until - self._world.now()
        if operation is None or left <= timedelta(0):
            await self._world.wait(self._is_called, None, "until a person settles it")
            return standing
        summary = f"read {operation.gateway} while a person is asked"
        found = await self._world.watch(operation, Watched.DECISION, left, summary, self._is_called)
        if found is None or isinstance(found, Woken | NotKnown):
            return standing
        return await self._record(operation, found, lapsed=False)

    def _is_called(self) -> bool:
        return self.desk.word is not None or self._was_hinted() or self._has_wish()

    async def _perform(
        self, kind: OperationKind, purpose: str, amount_minor: int | None, actor: str, *, lapsed: bool = False
    ) -> Standing:
        further = Further(
            charge_id=self._request.charge_id, kind=kind, purpose=purpose, amount_minor=amount_minor, actor=actor
        )
        standing = await self._world.ledger(ChargeBooks.open_operation, further, f"write the {kind} down")
        return await self._carry_out(standing, lapsed=lapsed)

    async def _note_wishes(self) -> None:
        """Write down that the charge was called off or confirmed, once each."""
        if self.cancellation is not None and self.view.canceled_by is None:
            wish = RequestCancel(charge_id=self._request.charge_id, actor=self.cancellation.actor)
            self._show(await self._world.ledger(ChargeBooks.request_cancel, wish, "call it off"))
        if self.confirmation is not None and self.view.confirmed_at is None:
            said = Confirm(charge_id=self._request.charge_id, confirmed_at=self._world.now())
            self._show(await self._world.ledger(ChargeBooks.confirm_charge, said, "the merchant confirms"))

    async def _park(self, reason: str) -> Standing:
        parked = Park(charge_id=self._request.charge_id, reason=reason)
        return self._show(await self._world.ledger(ChargeBooks.park, parked, "hand over to a person"))

    def _show(self, standing: Standing) -> Standing:
        before, self.view = self.view, standing.view
        self.on_view(before)
        return standing

    def _was_hinted(self) -> bool:
        """Tell once that something has happened."""
        hinted, self.hinted = self.hinted, False
        return hinted

    def _has_wish(self) -> bool:
        unnoted_confirmation = self.confirmation is not None and self.view.confirmed_at is None
        return self.command is not None or self.cancellation is not None or unnoted_confirmation

    @property
    def _unconfirmed_until(self) -> datetime | None:
        """Until when the merchant has to confirm; None where that is not asked for, or done."""
        return self._request.confirm_by if self.view.confirmed_at is None else None

    @property
    def _is_parked(self) -> bool:
        return self.view.status is ChargeStatus.NEEDS_REVIEW

    @property
    def _own_name(self) -> str:
        return f"workflow:charge/{self._request.charge_id}"


def is_left_behind(operation: OperationRequest, answer: Outcome, standing: Standing) -> bool:
    """Whether the charge goes on without an attempt of which the gateway may still say something else."""
    is_attempt = operation.kind is not OperationKind.VOID and operation.target_reference is None
    has_next = standing.operation is not None and standing.operation.operation_id != operation.operation_id
    without_effect = isinstance(answer, Refused) and answer.code == RefusalCode.NO_EFFECT
    return is_attempt and (without_effect or (has_next and not isinstance(answer, Succeeded)))
