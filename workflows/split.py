"""The split: one charge over several payment methods in legs, all or nothing.

Each leg is a charge. All are reserved, one after the other; then all are taken; and where one cannot be, all go back, the
last one first. Whatever is told on the way, the next step follows from the books alone.
"""

from datetime import timedelta

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.split_books import CancelSplit, SplitBooks, SplitStanding
    from activities.split_decisions import Begin, CallOff, Capture, End, Wait
    from ledger.charges import ChargeView
    from ledger.money import Money
    from ledger.record import Record
    from ledger.splits import SplitRequest, SplitStatus, SplitView
    from workflows import ledger_steps
    from workflows.charge_commands import CancelCommand
    from workflows.split_legs import SplitLegs
    from workflows.world import TemporalWorld

FIRST_LOOK = timedelta(minutes=1)
LONGEST_LOOK = timedelta(hours=6)
"""How often the books are read while nothing is told. Four looks a day are some twenty events of history: years of them fit."""
NOT_NOW = frozenset({SplitStatus.PENDING, SplitStatus.NEEDS_REVIEW})
"""States in which a gateway or a person has to decide first."""


class AwaitSplit(Record):
    """Wait for the answer to a split; refused where the split of this id has other content."""

    content_hash: str | None = None
    known_action_url: str | None = None
    """The customer's step that the caller knows of: what comes after it is waited for."""


def workflow_id(split_id: str) -> str:
    """Name the process of a split."""
    return f"split/{split_id}"


@workflow.defn(name="Split", failure_exception_types=[ValidationError])  # a wrong input ends it, told
class SplitWorkflow:
    """One split; workflow id `split/{split_id}`, result and status are a SplitView."""

    @workflow.init
    def __init__(self, request: SplitRequest) -> None:
        self._request = request
        self._world = TemporalWorld()
        self._legs = SplitLegs(request)
        self._view = SplitView(
            split_id=request.split_id,
            status=SplitStatus.PROCESSING,
            amount_minor=request.amount.amount_minor,
            currency=request.amount.currency,
        )
        self._cancellation: CancelCommand | None = None
        self._hinted = False
        self._over = False
        self._refusal: ApplicationError | None = None

    @workflow.run
    async def run(self, request: SplitRequest) -> SplitView:
        """Write it down, then do what follows from where the legs stand, until nothing does."""
        try:
            await ledger_steps.run(SplitBooks.open_split, request, "write the split down")
        except ApplicationError as error:
            # Nothing was written and no gateway has heard anything: say so to those who wait, and end.
            self._refusal, self._over = error, True
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise
        pause = FIRST_LOOK
        while True:
            standing = await self._look()
            if isinstance(standing.step, End) and not self._has_wish():
                break
            await self._take(standing)
            if await self._world.wait(self._is_called, pause, "until a leg has moved"):
                pause = FIRST_LOOK
            else:
                self._legs.forget_what_was_asked()
                pause = min(pause * 2, LONGEST_LOOK)
        self._over = True
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._view

    async def _look(self) -> SplitStanding:
        self._hinted = False  # before the books are read: what is told meanwhile is looked at again
        split_id = self._request.split_id
        if self._cancellation is not None and self._view.canceled_by is None:
            wish = CancelSplit(split_id=split_id, actor=self._cancellation.actor)
            await ledger_steps.run(SplitBooks.cancel_split, wish, "call it off")
        await self._legs.note_failures()
        standing = await ledger_steps.run(SplitBooks.look_at_legs, split_id, "see where the legs stand")
        self._view = standing.view
        workflow.set_current_details(_details(self._view))
        return standing

    async def _take(self, standing: SplitStanding) -> None:
        """Take the next step; a step that changes the books by itself is followed by a look at once."""
        legs = standing.view.legs
        match standing.step:
            case Begin(leg=number):
                await self._legs.begin(number)
            case Capture(leg=number):
                await self._legs.capture(legs[number - 1], self._request.actor)
            case CallOff(legs=numbers):
                for number in numbers:
                    if await self._legs.call_off(legs[number - 1], self._undone_by):
                        self._hinted = True
            case Wait() | End():
                pass

    @property
    def _undone_by(self) -> str:
        return self._view.canceled_by or f"workflow:split/{self._request.split_id}"

    def _has_wish(self) -> bool:
        return self._cancellation is not None and self._view.canceled_by is None

    def _is_called(self) -> bool:
        return self._hinted or self._has_wish() or self._legs.has_failed()

    @workflow.query
    def status(self) -> SplitView:
        """Where the split stands."""
        return self._view

    @workflow.signal
    def leg_told(self, leg: ChargeView) -> None:  # noqa: ARG002 # the books are read, which say more
        """A leg stands elsewhere now: look at the books at once."""
        self._hinted = True

    @workflow.update
    async def await_decision(self, request: AwaitSplit) -> SplitView:
        """Return as soon as the caller has its answer: all, nothing, the customer's next step, or that it takes long."""
        await workflow.wait_condition(lambda: self._refusal is not None or self._answered(request))
        if self._refusal is not None:
            raise self._refusal
        return self._view

    def _answered(self, request: AwaitSplit) -> bool:
        status, action_url = self._view.status, self._view.action_url
        acting = status is SplitStatus.REQUIRES_ACTION and action_url != request.known_action_url
        return status.is_decided or status in NOT_NOW or acting

    @await_decision.validator
    def _same_content(self, request: AwaitSplit) -> None:
        if request.content_hash is not None and request.content_hash != self._request.content_hash():
            raise ApplicationError(
                f"split {self._request.split_id} exists with other content: use another id", type="SplitConflict"
            )

    @workflow.update
    async def cancel(self, command: CancelCommand) -> SplitView:
        """Call the split off, wherever it stands: in the end nothing is taken and nothing held."""
        self._cancellation = self._cancellation or command
        await workflow.wait_condition(
            lambda: (
                self._over
                or self._view.status is SplitStatus.UNDONE
                or (self._view.canceled_by is not None and self._view.status in NOT_NOW)
            )
        )
        if self._refusal is not None:
            raise self._refusal
        return self._view

    @cancel.validator
    def _can_cancel(self, command: CancelCommand) -> None:  # noqa: ARG002 # the SDK wants the update's own signature
        if self._over:
            raise ApplicationError(f"split {self._view.split_id} has ended as {self._view.status}", type="Refused")


def _details(view: SplitView) -> str:
    whole = Money(amount_minor=view.amount_minor, currency=view.currency)
    lines = [f"**{view.status}** {whole} in {len(view.legs)} legs"]
    lines += [f"{leg.number}. {leg.charge_id}: {leg.status or 'not begun'}" for leg in view.legs]
    lines += [text for text in (view.message, view.because and f"It is undone: {view.because}.") if text]
    return "\n\n".join(lines)
