"""The refund: reserve against what was captured, give it back at the gateway, and watch it, since a refund can fail days later."""

from contextlib import suppress
from datetime import timedelta

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.gateway_calls import Watched
    from activities.refund_books import ParkRefund, RecordRefund, RefundBooks, RefundStanding
    from activities.review_books import ResolveReview as Settlement
    from activities.review_decision import TAKEN_FOR_FAILED
    from gateways.port import Declined, Outcome, Pending, Refused, Succeeded
    from ledger.record import Record
    from ledger.refunds import RefundRequest, RefundStatus, RefundView
    from workflows import asking, ledger_steps
    from workflows.gateway_steps import NotKnown, Woken
    from workflows.hints import GatewayReported
    from workflows.review_desk import ReviewDesk
    from workflows.review_messages import ResolveReview
    from workflows.world import TemporalWorld

PENDING_DEADLINE = timedelta(days=30)
"""How long a gateway may leave a refund pending (Stripe: up to 30 days) before a person has to look."""
REVIEW_READS = timedelta(days=30)
"""How long the gateway is read on while a person is asked: whichever knows first settles it."""
FOLLOWED_AFTER = (
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=3),
    timedelta(days=7),
    timedelta(days=14),
    timedelta(days=30),
)
"""When a refund that succeeded is read again: a bank may return the money up to 30 days later."""
REFUSALS = {"RefundExceedsCapture", "RefundConflict", "UnknownCharge", "LimitExceeded"}


class AwaitRefundDecision(Record):
    """Wait for the answer to a refund; refused where the refund of this id has other content."""

    content_hash: str | None = None


def workflow_id(refund_id: str) -> str:
    """Name the process of a refund."""
    return f"refund/{refund_id}"


@workflow.defn(name="Refund", failure_exception_types=[ValidationError])  # a wrong input ends it, told
class RefundWorkflow:
    """One refund; workflow id `refund/{refund_id}`, result and status are a RefundView."""

    @workflow.init
    def __init__(self, request: RefundRequest) -> None:
        self._request = request
        self._view = RefundView(
            refund_id=request.refund_id, charge_id=request.charge_id, status=RefundStatus.PROCESSING
        )
        self._world = TemporalWorld()
        self._desk = ReviewDesk()
        self._hinted = False
        self._may_still_appear = False
        """It failed without effect, as the gateway showed it; it is looked for a while longer."""

    @workflow.run
    async def run(self, request: RefundRequest) -> RefundView:
        """Reserve, refund, post; then follow it until it can no longer fail."""
        try:
            standing = await ledger_steps.run(RefundBooks.reserve_refund, request, "reserve the money")
        except ApplicationError as error:
            return await self._refused(error)
        self._show(standing.view)
        try:
            standing = await self._carry_out(standing)
        except ApplicationError as error:
            await self._park(standing, f"a step cannot be done: {error.message}")
        await self._tell_parent()
        if self._view.status is RefundStatus.NEEDS_REVIEW and self._world.patched("open-while-in-review"):
            standing = await self._review(standing)
            await self._tell_parent()
        if self._view.status is RefundStatus.SUCCEEDED or self._may_still_appear:
            await self._follow(standing)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._view

    @workflow.query
    def status(self) -> RefundView:
        """Where the refund stands."""
        return self._view

    @workflow.signal
    def gateway_reported(self, hint: GatewayReported) -> None:  # noqa: ARG002 # nothing of it is believed
        """Something happened at the gateway: read it again now instead of later."""
        self._hinted = True

    @workflow.update
    async def await_decision(self, request: AwaitRefundDecision) -> RefundView:  # noqa: ARG002 # its validator reads it
        """Return as soon as the refund is decided or known to be pending."""
        await workflow.wait_condition(lambda: self._view.status.is_decided)
        return self._view

    @await_decision.validator
    def _same_content(self, request: AwaitRefundDecision) -> None:
        if request.content_hash is not None and request.content_hash != self._request.content_hash():
            raise ApplicationError(
                f"refund {self._view.refund_id} exists with other content: use another id", type="RefundConflict"
            )

    @workflow.update
    async def resolve_review(self, word: ResolveReview) -> RefundView:
        """Take a person's word on the refund in review, held against what the gateway says now."""
        await self._desk.hear(word)
        return self._view

    @resolve_review.validator
    def _can_resolve(self, word: ResolveReview) -> None:  # noqa: ARG002 # the SDK wants the update's own signature
        if self._view.status is not RefundStatus.NEEDS_REVIEW:
            raise ApplicationError(f"refund {self._view.refund_id} is not in review", type="NotInReview")
        self._desk.refuse_unless_free()

    async def _carry_out(self, standing: RefundStanding) -> RefundStanding:
        """Ask the gateway until the answer is known and in the books."""
        if standing.view.status in {RefundStatus.SUCCEEDED, RefundStatus.FAILED}:
            return standing
        operation = standing.operation
        if standing.seen_before:
            answer = await asking.ask_again(self._world, operation, standing.ask_until)
        else:
            answer = await self._world.ask(operation)
        while True:
            standing = await self._record(standing, answer)
            self._may_still_appear = isinstance(answer, Refused) and answer.code in TAKEN_FOR_FAILED
            self._show(standing.view)
            if not isinstance(answer, NotKnown | Pending):
                return standing
            later = await self._later_answer(standing, answer)
            if later is None:
                state = "unknown" if isinstance(answer, NotKnown) else "pending"
                await self._park(
                    standing, f"{operation.operation_id} is still {state}: look at it at {operation.gateway}"
                )
                return standing
            answer = later

    async def _record(self, standing: RefundStanding, answer: Outcome | NotKnown) -> RefundStanding:
        if isinstance(answer, NotKnown):
            record = RecordRefund(operation=standing.operation, unknown_because=answer.reason)
            return await ledger_steps.run(RefundBooks.record_refund, record, "refund: unknown")
        record = RecordRefund(operation=standing.operation, outcome=answer)
        return await ledger_steps.run(RefundBooks.record_refund, record, f"refund: {answer.outcome}")

    async def _later_answer(self, standing: RefundStanding, answer: Outcome | NotKnown) -> Outcome | NotKnown | None:
        if isinstance(answer, NotKnown) and standing.ask_until is not None:
            return await asking.ask_until_known(self._world, standing.operation, standing.ask_until, self._was_hinted)
        until = self._world.now() + PENDING_DEADLINE
        summary = f"wait for {standing.operation.gateway} to decide"
        while (left := until - self._world.now()) > timedelta(0):
            found = await self._world.watch(standing.operation, Watched.DECISION, left, summary, self._was_hinted)
            if not isinstance(found, Woken):
                return found
        return None

    async def _follow(self, standing: RefundStanding) -> None:
        """Read the refund again for as long as a bank may return it, or a gateway may turn out to have made it."""
        decided_at = workflow.now()
        changed = Succeeded if self._may_still_appear else (Declined, Refused)
        for after in FOLLOWED_AFTER:
            while (left := decided_at + after - workflow.now()) > timedelta(0):
                await self._world.wait(self._was_hinted, left, "see whether the refund still stands")
                seen = await asking.read_patiently(self._world, standing.operation)
                if isinstance(seen, changed):
                    self._show((await self._record(standing, seen)).view)
                    await self._tell_parent()
                    return

    async def _tell_parent(self) -> None:
        """Tell the charge that started this refund, if one did and still runs."""
        parent = workflow.info().parent
        if parent is not None:
            with suppress(FailureError):
                await workflow.get_external_workflow_handle(parent.workflow_id).signal("refund_told", self._view)

    def _was_hinted(self) -> bool:
        """Tell once that something has happened."""
        hinted, self._hinted = self._hinted, False
        return hinted

    async def _refused(self, error: ApplicationError) -> RefundView:
        """Nothing was reserved and the gateway heard nothing: the answer is no."""
        if error.type not in REFUSALS:
            raise error
        self._show(self._view.model_copy(update={"status": RefundStatus.REFUSED, "message": error.message}))
        await self._tell_parent()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._view

    async def _park(self, standing: RefundStanding, reason: str) -> None:
        """Hand the refund to a person, with the reason."""
        if self._world.patched("cases-of-refunds"):
            parked = ParkRefund(operation=standing.operation, reason=reason)
            await ledger_steps.run(RefundBooks.park_refund, parked, "hand over to a person")
        self._show(self._view.model_copy(update={"status": RefundStatus.NEEDS_REVIEW, "message": reason}))

    async def _review(self, standing: RefundStanding) -> RefundStanding:
        """Wait for a person to settle it, and read on: whichever knows first."""
        until = self._world.now() + REVIEW_READS
        while self._view.status is RefundStatus.NEEDS_REVIEW:
            left = until - self._world.now()
            if self._desk.word is not None:
                refund_id = self._view.refund_id
                settled = await self._desk.settle(self._world, standing.operation, refund_id, self._take_word)
                standing = settled or standing
            elif left <= timedelta(0):
                await self._world.wait(self._is_called, None, "until a person settles it")
            else:
                summary = f"read {standing.operation.gateway} while a person is asked"
                found = await self._world.watch(standing.operation, Watched.REVIEW, left, summary, self._is_called)
                if found is not None and not isinstance(found, Woken | NotKnown):
                    standing = await self._record(standing, found)
                    self._show(standing.view)
        return standing

    async def _take_word(self, settlement: Settlement) -> RefundStanding:
        summary = f"resolved as {settlement.as_} by {settlement.by}"
        standing = await ledger_steps.run(RefundBooks.resolve_refund_review, settlement, summary)
        self._may_still_appear = standing.view.status is RefundStatus.FAILED
        self._show(standing.view)
        return standing

    def _is_called(self) -> bool:
        return self._desk.word is not None or self._was_hinted()

    def _show(self, view: RefundView) -> None:
        self._view = view
        workflow.set_current_details(f"**{view.status}** refund of {view.charge_id}\n\n{view.message or ''}".strip())
