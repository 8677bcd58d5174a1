"""How a split reaches its legs: it starts their charges and asks them by signals, also one whose process has ended.

A charge that ended as captured is started again when it is called off; it finds in the books that it is, and gives back.
"""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError

from activities.charge_books import ChargeBooks, RequestCancel
from activities.split_books import NamedLeg, RefuseLeg, SplitBooks
from ledger.split_legs import Leg
from ledger.splits import SplitRequest
from workflows import ledger_steps
from workflows.charge_leg import LegAsked

CAPTURE = "capture_asked"
CANCEL = "cancel_asked"


class SplitLegs:
    """The legs of one split, as far as messages go; where they stand is in the books."""

    def __init__(self, request: SplitRequest) -> None:
        self._request = request
        self._started: dict[int, workflow.ChildWorkflowHandle[Any, Any]] = {}
        self._begun: set[int] = set()
        self._asked: set[tuple[int, str]] = set()

    def forget_what_was_asked(self) -> None:
        """Ask again from now on; whoever has heard it does nothing more."""
        self._asked.clear()

    def has_failed(self) -> bool:
        """Whether a charge could not be made, and the books do not say so yet."""
        return any(_failure(handle) for handle in self._started.values())

    async def note_failures(self) -> None:
        """Write down which charges could not be made."""
        for number, handle in list(self._started.items()):
            why = _failure(handle)
            if why is not None:
                await self._refuse(number, why)
                del self._started[number]

    async def begin(self, number: int) -> None:
        """Start the charge of a leg, written down before it is; once in a run, whatever the books say of an earlier try."""
        if number in self._begun:
            return
        self._begun.add(number)
        leg = NamedLeg(split_id=self._request.split_id, number=number)
        await ledger_steps.run(SplitBooks.begin_leg, leg, f"leg {number} begins")
        await self._start(number)

    async def capture(self, leg: Leg, actor: str) -> bool:
        """Ask a leg to take what it has reserved; whether the books have changed by that alone."""
        if self._is_asked(leg, CAPTURE) or await self._signal(leg, CAPTURE, actor):
            return False
        await self._start(leg.number)
        await self._signal(leg, CAPTURE, actor)
        return False

    async def call_off(self, leg: Leg, actor: str) -> bool:
        """Call a leg off; whether the books have changed by that alone."""
        if self._is_asked(leg, CANCEL) or await self._signal(leg, CANCEL, actor):
            return False
        if leg.status is None:
            await self._refuse(leg.number, "it was called off before there was a charge")
            return True
        if leg.canceled_by is None:
            wish = RequestCancel(charge_id=leg.charge_id, actor=actor)
            await ledger_steps.run(ChargeBooks.request_cancel, wish, f"call leg {leg.number} off")
        await self._start(leg.number)
        return False

    def _is_asked(self, leg: Leg, signal: str) -> bool:
        """Whether it was asked since the last slow look; from now on it is."""
        is_asked = (leg.number, signal) in self._asked
        self._asked.add((leg.number, signal))
        return is_asked

    async def _signal(self, leg: Leg, signal: str, actor: str) -> bool:
        """Whether the leg's process runs, and has the message."""
        asked = LegAsked(content_hash=self._request.leg(leg.number).content_hash(), actor=actor)
        try:
            await workflow.get_external_workflow_handle(f"charge/{leg.charge_id}").signal(signal, asked)
        except FailureError:
            workflow.logger.info("split.leg_is_not_running", extra={"charge_id": leg.charge_id})
            return False
        return True

    async def _start(self, number: int) -> None:
        request = self._request.leg(number)
        try:
            self._started[number] = await workflow.start_child_workflow(
                "Charge",
                request,
                id=f"charge/{request.charge_id}",
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                static_summary=f"{request.amount} from {request.customer}, leg {number} of {self._request.split_id}",
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("split.leg_runs_already", extra={"charge_id": request.charge_id})

    async def _refuse(self, number: int, why: str) -> None:
        refusal = RefuseLeg(split_id=self._request.split_id, number=number, why=why)
        await ledger_steps.run(SplitBooks.refuse_leg, refusal, f"leg {number} was not made")


def _failure(handle: "workflow.ChildWorkflowHandle[Any, Any]") -> str | None:
    """Why a charge failed, in a line; None where it runs, or has ended as charges do."""
    if not handle.done() or handle.cancelled():
        return None
    error = handle.exception()
    while isinstance(error, FailureError) and isinstance(error.cause, FailureError):
        error = error.cause
    said = error.message if isinstance(error, FailureError) else str(error or "")
    return None if error is None else said.partition("\n")[0]
