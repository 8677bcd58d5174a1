"""The adjustment: somebody asks to post an entry by hand, others approve or reject it, and it is posted once or not at all.

Who may do what, and whether its time is over, PostgreSQL decides; the process waits, by timers that outlive any worker.
"""

import math
from datetime import timedelta

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.adjustment_books import AdjustmentBooks, DecideAdjustment
    from ledger.adjustment_requests import AdjustmentRequest
    from ledger.adjustments import Adjustment, AdjustmentState, Verdict
    from ledger.errors import AdjustmentConflict
    from workflows import adjustment_work_list, ledger_steps
    from workflows.adjustment_desk import AdjustmentDesk
    from workflows.adjustment_messages import AdjustmentView, AdjustmentWord, AwaitRequest, view_of
    from workflows.world import TemporalWorld

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=6)
"""How often an approved entry is posted again that the books refuse for now, such as one of a frozen account."""
SHORTEST_WAIT = timedelta(seconds=1)


def workflow_id(adjustment_id: str) -> str:
    """Name the process of an adjustment."""
    return f"adjustment/{adjustment_id}"


@workflow.defn(name="Adjustment", failure_exception_types=[ValidationError])  # a wrong input ends it, told
class AdjustmentWorkflow:
    """One manual adjustment; workflow id `adjustment/{adjustment_id}`, result and status are an AdjustmentView."""

    @workflow.init
    def __init__(self, request: AdjustmentRequest) -> None:
        self._request = request
        self._world = TemporalWorld()
        self._desk = AdjustmentDesk()
        self._pause = FIRST_PAUSE
        self._until = workflow.now()
        """When its time is over: as far from now as the books said, whatever their clock shows."""
        self._refusal: ApplicationError | None = None
        self._view = AdjustmentView(
            adjustment_id=request.adjustment_id,
            state=AdjustmentState.REQUESTED,
            requester=request.requester,
            reason_code=request.reason_code,
        )

    @workflow.run
    async def run(self, request: AdjustmentRequest) -> AdjustmentView:
        """Write it down, wait until it is decided or its time is over, post it once."""
        standing = await self._write_down(request)
        while standing.state is AdjustmentState.REQUESTED:
            standing = await self._decide_or_expire(standing)
        self._turn_away(f"it is {standing.state} already")
        while standing.state is AdjustmentState.APPROVED:
            standing = await self._post_or_expire(standing)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._view

    async def _write_down(self, request: AdjustmentRequest) -> Adjustment:
        try:
            return self._show(
                await ledger_steps.run(AdjustmentBooks.request_adjustment, request, "write the request down")
            )
        except ApplicationError as error:
            # Nothing was written: say so to those who wait, and end.
            self._refusal = error
            self._desk.turn_away(error)
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise

    async def _decide_or_expire(self, standing: Adjustment) -> Adjustment:
        """Take the word that comes; where none comes in time, end it."""
        wake = await self._world.wait(lambda: self._desk.has_word, self._left, "until somebody decides")
        if not wake:
            return await self._expire()
        return await self._desk.take(self._take_word) or standing

    async def _take_word(self, decision: DecideAdjustment) -> Adjustment:
        summary = f"{decision.verdict} by {decision.person}"
        return self._show(await ledger_steps.run(AdjustmentBooks.decide_adjustment, decision, summary))

    async def _post_or_expire(self, standing: Adjustment) -> Adjustment:
        """Post it; while the books refuse that, try again until its time is over."""
        adjustment_id = self._request.adjustment_id
        try:
            return self._show(await ledger_steps.run(AdjustmentBooks.post_adjustment, adjustment_id, "post it once"))
        except ApplicationError as error:
            self._tell(view_of(standing).model_copy(update={"message": f"the books refuse it: {error.message}"}))
        await self._world.wait(lambda: False, min(self._pause, self._left), "before it is posted again")
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        return await self._expire()

    async def _expire(self) -> Adjustment:
        """End it if its time is over by the clock of the books, which is the one that counts."""
        adjustment_id = self._request.adjustment_id
        summary = "end it if its time is over"
        return self._show(await ledger_steps.run(AdjustmentBooks.expire_adjustment, adjustment_id, summary))

    def _show(self, standing: Adjustment) -> Adjustment:
        self._until = workflow.now() + timedelta(seconds=math.ceil(standing.seconds_left))
        self._tell(view_of(standing))
        return standing

    def _tell(self, view: AdjustmentView) -> None:
        before, self._view = self._view, view
        adjustment_work_list.show(self._request, before, view)

    @property
    def _left(self) -> timedelta:
        return max(self._until - workflow.now(), SHORTEST_WAIT)

    def _turn_away(self, why: str) -> None:
        self._desk.turn_away(self._refused(why))

    def _refused(self, why: str) -> ApplicationError:
        return ApplicationError(f"adjustment {self._view.adjustment_id}: {why}", type="AdjustmentRefused")

    @workflow.query
    def status(self) -> AdjustmentView:
        """Where the adjustment stands."""
        return self._view

    @workflow.update
    async def await_request(self, request: AwaitRequest) -> AdjustmentView:  # noqa: ARG002 # its validator reads it
        """Return as soon as the request is in the books, or raise why it is not."""
        await workflow.wait_condition(lambda: self._refusal is not None or self._view.approvals_needed is not None)
        if self._refusal is not None:
            raise self._refusal
        return self._view

    @await_request.validator
    def _same_content(self, request: AwaitRequest) -> None:
        if request.content_hash is not None and request.content_hash != self._request.content_hash():
            conflict = AdjustmentConflict(self._request.adjustment_id)
            raise ApplicationError(str(conflict), type=type(conflict).__name__)

    @workflow.update
    async def approve(self, word: AdjustmentWord) -> AdjustmentView:
        """Approve the entry that was seen; with the last approval that it needs it is posted, or the answer says why not."""
        await self._desk.hear(self._decision(word, Verdict.APPROVE))
        await workflow.wait_condition(
            lambda: self._view.state is not AdjustmentState.APPROVED or self._view.message is not None
        )
        return self._view

    @approve.validator
    def _may_approve(self, word: AdjustmentWord) -> None:
        self._may_decide(word)

    @workflow.update
    async def reject(self, word: AdjustmentWord) -> AdjustmentView:
        """Reject the entry that was seen: it is never posted."""
        await self._desk.hear(self._decision(word, Verdict.REJECT))
        return self._view

    @reject.validator
    def _may_reject(self, word: AdjustmentWord) -> None:
        self._may_decide(word)

    def _may_decide(self, word: AdjustmentWord) -> None:
        """Turn away what the books would refuse anyway, before it is part of the history."""
        if word.by.lower() == self._request.requester.lower():
            raise self._refused(f"{self._request.requester} asked for it, and another person has to decide")
        if self._view.state is not AdjustmentState.REQUESTED:
            raise self._refused(f"it is {self._view.state} already")
        if self._view.has_decided(word.by) or self._desk.is_heard(word.by):
            raise self._refused(f"each person decides once, and {word.by} has")
        if self._view.entry_hash is not None and word.entry_hash != self._view.entry_hash:
            raise self._refused("its entry has another hash than the one that was seen: look with `adjustment show`")

    def _decision(self, word: AdjustmentWord, verdict: Verdict) -> DecideAdjustment:
        return DecideAdjustment(
            adjustment_id=self._request.adjustment_id,
            person=word.by,
            verdict=verdict,
            because=word.because,
            seen_hash=word.entry_hash,
        )
