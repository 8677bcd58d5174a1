"""A charge as its process knows it: where it stands, what people wish, and the steps that every phase takes.

Nothing here or in the phases knows of Temporal, so the same code runs in the simulation of charges.
"""

from datetime import datetime

from activities.charge_books import (
    ChargeBooks,
    Confirm,
    Park,
    RecordOutcome,
    RecordUnknown,
    RequestCancel,
    Standing,
)
from activities.review_decision import TAKEN_FOR_FAILED
from gateways.port import OperationKind, OperationRequest, Outcome, Refused, Succeeded
from ledger.charges import ChargeRequest, ChargeStatus, ChargeView
from ledger.refunds import RefundStatus
from workflows.charge_commands import CancelCommand, CaptureCommand, ConfirmCommand, VoidCommand
from workflows.gateway_steps import NotKnown
from workflows.review_desk import ReviewDesk
from workflows.world import World

TAKEN = frozenset({ChargeStatus.CAPTURED, ChargeStatus.PARTIALLY_CAPTURED, ChargeStatus.DISPUTED})


class ChargeSteps:
    """One charge. Commands and facts are set from outside, one line each; the phases react to them."""

    def __init__(self, request: ChargeRequest, world: World) -> None:
        self.request = request
        self.world = world
        self.view = ChargeView(
            charge_id=request.charge_id,
            status=ChargeStatus.PROCESSING,
            amount_minor=request.amount.amount_minor,
            currency=request.amount.currency,
            confirm_by=request.confirm_by,
        )
        self.command: CaptureCommand | VoidCommand | None = None
        self.cancellation: CancelCommand | None = None
        """Calls the charge off; taken away by the phase that acts on it."""
        self.confirmation: ConfirmCommand | None = None
        self.hinted = False
        """The gateway, or the customer, says that something has happened."""
        self.desk = ReviewDesk()
        """Where a person's word is taken while the charge is in review."""
        self.refunds: dict[str, RefundStatus] = {}
        """What became of the refunds that give this charge back, as their processes tell."""
        self.over = False
        """Nothing is taken from outside any more."""
        self.command_id = ""
        """Names the command, so that whoever gives it again, or a new run, does not carry it out twice."""
        self.abandoned = 0
        """How often the payment was given up since its customer did not act."""
        self.refunds_started = 0
        """Refunds that were started to give everything back."""
        self.left_behind = False
        """An attempt was given up for another, or taken for one without effect: later facts about it are looked for."""

    def on_view(self, before: ChargeView) -> None:
        """Tell those who look from outside; the workflow puts its own here."""

    @property
    def is_parked(self) -> bool:
        """Whether a person has to look."""
        return self.view.status is ChargeStatus.NEEDS_REVIEW

    @property
    def has_to_be_undone(self) -> bool:
        """Whether it was called off and has taken the money all the same."""
        return self.cancellation is not None and self.view.status in TAKEN

    @property
    def own_name(self) -> str:
        """The actor of what no person asked for."""
        return f"workflow:charge/{self.request.charge_id}"

    @property
    def unconfirmed_until(self) -> datetime | None:
        """Until when the merchant has to confirm; None where that is not asked for, or done."""
        return self.request.confirm_by if self.view.confirmed_at is None else None

    def was_hinted(self) -> bool:
        """Tell once that something has happened."""
        hinted, self.hinted = self.hinted, False
        return hinted

    async def begin_anew_when_full(self) -> None:
        """Leave for a new run where this one's record has grown too long; nobody waits for anything then.

        A cancellation that is written down is taken up by the new run.
        """
        if self.left_behind and self._may_begin_anew():
            self.left_behind = False
            await self.world.start_reconcile(self.request.charge_id)
        if self._may_begin_anew():
            self.world.begin_anew(self.request)

    def _may_begin_anew(self) -> bool:
        wished = self.command is not None or self.has_unnoted_wish() or self.desk.word is not None
        return self.world.is_full() and not wished

    def has_wish(self) -> bool:
        """Whether somebody wishes something that is not carried out or written down yet."""
        return self.command is not None or self.cancellation is not None or self.has_unnoted_wish()

    def has_unnoted_wish(self) -> bool:
        """Whether somebody has called it off or confirmed it, and the books do not say so yet."""
        canceled = self.cancellation is not None and self.view.canceled_by is None
        return canceled or (self.confirmation is not None and self.view.confirmed_at is None)

    async def open(self) -> Standing:
        """Write the charge down; raises ApplicationError where it cannot be made, with nothing written or sent."""
        return await self.world.ledger(ChargeBooks.open_charge, self.request, "write the charge down")

    def take_up_cancellation(self) -> None:
        """Call it off where the books say that it is: by a run before this one, or in a review that came to nothing."""
        if self.cancellation is None and self.view.canceled_by is not None:
            self.cancellation = CancelCommand(actor=self.view.canceled_by)

    async def note_wishes(self) -> None:
        """Write down that the charge was called off or confirmed, once each."""
        if self.cancellation is not None and self.view.canceled_by is None:
            wish = RequestCancel(charge_id=self.request.charge_id, actor=self.cancellation.actor)
            self.show(await self.world.ledger(ChargeBooks.request_cancel, wish, "call it off"))
        if self.confirmation is not None and self.view.confirmed_at is None:
            said = Confirm(charge_id=self.request.charge_id, confirmed_at=self.world.now())
            self.show(await self.world.ledger(ChargeBooks.confirm_charge, said, "the merchant confirms"))

    async def record(self, operation: OperationRequest, answer: Outcome | NotKnown, *, lapsed: bool) -> Standing:
        """Bring a gateway's answer, or that there is none, into the books."""
        await self.note_wishes()
        if isinstance(answer, NotKnown):
            unknown = RecordUnknown(operation=operation, reason=answer.reason)
            summary = f"{operation.kind}: unknown"
            return self.show(await self.world.ledger(ChargeBooks.record_unknown, unknown, summary))
        outcome = RecordOutcome(operation=operation, outcome=answer, lapsed=lapsed)
        summary = f"{operation.kind}: {answer.outcome}"
        standing = self.show(await self.world.ledger(ChargeBooks.record_outcome, outcome, summary))
        if is_left_behind(operation, answer, standing):
            self.left_behind = True
        return standing

    async def park(self, reason: str) -> Standing:
        """Hand the charge to a person."""
        parked = Park(charge_id=self.request.charge_id, reason=reason, status=self.view.status)
        return self.show(await self.world.ledger(ChargeBooks.park, parked, "hand over to a person"))

    def show(self, standing: Standing) -> Standing:
        """Let everybody see where the charge stands now."""
        before, self.view = self.view, standing.view
        self.on_view(before)
        return standing


def is_left_behind(operation: OperationRequest, answer: Outcome, standing: Standing) -> bool:
    """Whether the charge goes on without an attempt of which the gateway may still say something else."""
    is_attempt = operation.kind is not OperationKind.VOID and operation.target_reference is None
    has_next = standing.operation is not None and standing.operation.operation_id != operation.operation_id
    without_effect = isinstance(answer, Refused) and answer.code in TAKEN_FOR_FAILED
    return is_attempt and (without_effect or (has_next and not isinstance(answer, Succeeded)))
