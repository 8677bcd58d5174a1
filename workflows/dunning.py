"""The recovery of an unpaid invoice as a Temporal workflow: what it takes from outside, and what people see of it.

`dunning_process` is what it does. All that it knows is in PostgreSQL, so it may be reset, or begin anew, at any moment.
"""

from datetime import datetime, timedelta

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.dunning_books import DunningBooks
    from activities.dunning_messages import (
        BeginTry,
        DunningView,
        EndDunning,
        Moment,
        Next,
        NoteEvent,
        NoticeToSend,
        Outlook,
        Surplus,
    )
    from billing.dunning.decision import Purpose, Reason
    from billing.dunning.entitlement import Access
    from billing.dunning.history import EventKind
    from billing.dunning_books import PROCESS
    from workflows import dunning_process, dunning_work_list, ledger_steps
    from workflows.collecting import Collecting
    from workflows.dunning_messages import MoveToPolicy, RetryNow, Until, Word
    from workflows.sending import Sending
    from workflows.world import TemporalWorld

NOT_NOW = timedelta(minutes=5)
"""Before the books are asked again that refused a try which they had named: somebody else moves the same money."""
SHORTEST_WAIT = timedelta(seconds=1)


def workflow_id(invoice_id: str) -> str:
    """Name the process that recovers an invoice."""
    return f"dunning/{invoice_id}"


@workflow.defn(name="Dunning", failure_exception_types=[ValidationError])  # a wrong input ends it, told
class DunningWorkflow:
    """One unpaid invoice; workflow id `dunning/{invoice_id}`, result and status are a DunningView."""

    @workflow.init
    def __init__(self, invoice_id: str) -> None:
        self._invoice_id = invoice_id
        self._woken = False
        self._view: DunningView | None = None
        self._collecting = Collecting(PROCESS, self.look_again)
        self._sending = Sending(self.look_again)

    @workflow.run
    async def run(self, invoice_id: str) -> DunningView:  # noqa: ARG002 # the initializer has it
        """Recover it, or carry out the end; see dunning_process."""
        view = await dunning_process.run(self)
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() and self._sending.is_idle)
        return view

    @workflow.query
    def status(self) -> DunningView | None:
        """Where the invoice stands; None before the first look."""
        return self._view

    @workflow.signal
    def look_again(self) -> None:
        """Something has happened: ask the books."""
        self._woken = True

    @workflow.update
    async def retry_now(self, word: RetryNow) -> DunningView:
        """Try at once; none of the policy's tries is used up, and the network's ceilings hold."""
        return await self._note(EventKind.RETRIED_NOW, word, method=word.method)

    @workflow.update
    async def pause(self, word: Until) -> DunningView:
        """Try nothing, and take nothing away, until a moment."""
        return await self._note(EventKind.PAUSED, word, until=word.until)

    @workflow.update
    async def promise(self, word: Until) -> DunningView:
        """The customer promised to pay by a moment: nothing is tried before it."""
        return await self._note(EventKind.PROMISED, word, until=word.until)

    @workflow.update
    async def resume(self, word: Word) -> DunningView:
        """End a pause or a promise."""
        return await self._note(EventKind.RESUMED, word)

    @workflow.update
    async def extend(self, word: Until) -> DunningView:
        """Give it until a moment before the end is carried out."""
        return await self._note(EventKind.EXTENDED, word, until=word.until)

    @workflow.update
    async def give_up(self, word: Word) -> DunningView:
        """Try nothing more, and carry the end out."""
        return await self._note(EventKind.GIVEN_UP, word)

    @workflow.update
    async def move_to_policy(self, word: MoveToPolicy) -> DunningView:
        """Go on by another policy."""
        return await self._note(EventKind.MOVED_TO_POLICY, word, policy=word.policy)

    @workflow.update
    async def hold(self, word: Word) -> DunningView:
        """Stop for legal reasons, such as an insolvency: no command to try again ends that."""
        return await self._note(EventKind.LEGAL_HOLD_BEGAN, word)

    @workflow.update
    async def release(self, word: Word) -> DunningView:
        """End a hold for legal reasons."""
        return await self._note(EventKind.LEGAL_HOLD_ENDED, word)

    async def _note(
        self,
        kind: EventKind,
        word: Word,
        *,
        until: datetime | None = None,
        policy: str | None = None,
        method: str | None = None,
    ) -> DunningView:
        said = NoteEvent(
            invoice_id=self._invoice_id,
            kind=kind,
            now=workflow.now(),
            by=f"person:{word.by}",
            because=word.because,
            until=until,
            policy=policy,
            method=method,
        )
        summary = f"{kind.replace('_', ' ')} by {word.by}: {word.because}"[:200]
        view = await ledger_steps.run(DunningBooks.note, said, summary)
        self.look_again()
        return view

    # What dunning_process asks for.

    def now(self) -> datetime:
        """Tell the time of the workflow."""
        return workflow.now()

    async def look(self) -> Outlook:
        """Ask the books; a run that has grown long begins anew here, where nothing is half done."""
        if (
            workflow.info().is_continue_as_new_suggested()
            and workflow.all_handlers_finished()
            and self._sending.is_idle
        ):
            workflow.continue_as_new(self._invoice_id)
        self._woken = False
        return await ledger_steps.run(
            DunningBooks.look, Moment(invoice_id=self._invoice_id, now=workflow.now()), "what is to be done now"
        )

    def show(self, view: DunningView) -> None:
        """Show where it stands in the list and in the details."""
        dunning_work_list.show(self._view, view)
        self._view = view

    async def tell_access(self, access: Access) -> None:
        """Tell what the customer may use."""
        moment = Moment(invoice_id=self._invoice_id, now=workflow.now())
        await ledger_steps.run(DunningBooks.tell_access, moment, f"access: {access}")

    def send(self, notice: NoticeToSend) -> None:
        """Send it beside everything else."""
        self._sending.send(notice)

    async def pay_back(self, surplus: Surplus) -> None:
        """Start the refund."""
        await self._collecting.pay_back(surplus)

    async def begin_try(self, step: Next, number: int) -> datetime | None:
        """Write the try down, and start its charge."""
        asked = BeginTry(
            invoice_id=self._invoice_id,
            number=number,
            method_id=step.method or "",
            purpose=step.purpose or Purpose.RUNG,
            now=workflow.now(),
        )
        begun = await ledger_steps.run(DunningBooks.begin_try, asked, f"{step.words} ({step.why})"[:200])
        if begun.charge is not None:
            await self._collecting.charge(begun.charge)
            return None
        workflow.logger.info("dunning.not_tried", extra={"invoice_id": self._invoice_id, "why": begun.why})
        return begun.look_again_at or workflow.now() + NOT_NOW

    async def follow(self, charge_id: str) -> None:
        """Start the charge of a try again that an earlier run left behind; it is the same one."""
        if not self._collecting.follows(charge_id):
            charge = await ledger_steps.run(DunningBooks.charge_of_try, charge_id, "which charge that is")
            await self._collecting.charge(charge)

    async def end(self, step: Next) -> datetime | None:
        """Carry out what the policy has for the end; the books refuse it while money may be on its way."""
        ended = EndDunning(
            invoice_id=self._invoice_id, reason=step.reason or Reason.DEADLINE, why=step.why, now=workflow.now()
        )
        try:
            await ledger_steps.run(DunningBooks.end, ended, f"the end: {step.why}"[:200])
        except ApplicationError as refused:
            workflow.logger.warning("dunning.not_ended", extra={"invoice_id": self._invoice_id, "why": refused.message})
            return workflow.now() + NOT_NOW
        return None

    async def wait(self, until: datetime | None) -> None:
        """Wait on a durable timer, or for a wake."""
        left = None if until is None else max(until - workflow.now(), SHORTEST_WAIT)
        await TemporalWorld().wait(lambda: self._woken, left, "until something is due")
