"""The hold: set an amount of an account aside, and end that once: by whoever posts or voids it, or by its time."""

from collections import deque
from datetime import timedelta

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.hold_books import HoldBooks, PostHeld, VoidHeld
    from ledger.holds import HoldRequest
    from ledger.money import Money
    from workflows import hold_messages, ledger_steps
    from workflows.hold_messages import AwaitHold, HoldStatus, HoldView, PostHold, VoidHold
    from workflows.world import TemporalWorld

NOT_DUE, NOT_PENDING = "HoldNotDue", "HoldNotPending"
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(hours=1)
"""Between looks at a hold whose time is over by the clock of the process, and not by that of the database."""


class _Wish:
    """What somebody wants of the hold, and what became of it."""

    def __init__(self, command: PostHold | VoidHold) -> None:
        self.command = command
        self.is_done = False
        self.refusal: ApplicationError | None = None


def workflow_id(hold_id: str) -> str:
    """Name the process of a hold."""
    return f"hold/{hold_id}"


@workflow.defn(name="Hold", failure_exception_types=[ValidationError])  # a wrong input ends it, told
class HoldWorkflow:
    """One hold; workflow id `hold/{hold_id}`, result and status are a HoldView."""

    @workflow.init
    def __init__(self, request: HoldRequest) -> None:
        self._request = request
        self._view = hold_messages.asked(request)
        self._world = TemporalWorld()
        self._wishes: deque[_Wish] = deque()

    @workflow.run
    async def run(self, request: HoldRequest) -> HoldView:
        """Place it, then wait until it is ended."""
        try:
            placed = await ledger_steps.run(HoldBooks.place_hold, request, f"hold {request.amount}")
            self._show(hold_messages.view(placed))
        except ApplicationError as error:
            refused = {"status": HoldStatus.REFUSED, "message": error.message}
            self._show(self._view.model_copy(update=refused))
        pause = FIRST_PAUSE
        while self._view.status is HoldStatus.PENDING:
            left = self._view.expires_at - self._world.now()
            if self._wishes:
                await self._fulfil(self._wishes.popleft())
            elif left > timedelta(0):
                await self._world.wait(self._is_wished, left, "until it is posted or voided, or its time is over")
            elif not await self._expire():
                await self._world.wait(self._is_wished, pause, "until its time is over by the database's clock too")
                pause = min(pause * 2, LONGEST_PAUSE)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._view

    @workflow.query
    def status(self) -> HoldView:
        """Where the hold stands."""
        return self._view

    @workflow.update
    async def await_placed(self, request: AwaitHold) -> HoldView:  # noqa: ARG002 # its validator reads it
        """Return as soon as the hold is placed, or refused."""
        await workflow.wait_condition(lambda: self._view.status is not HoldStatus.PROCESSING)
        return self._view

    @await_placed.validator
    def _same_content(self, request: AwaitHold) -> None:
        if request.content_hash is not None and request.content_hash != self._request.content_hash():
            raise ApplicationError(
                f"hold {self._view.hold_id} exists with other content: use another id", type="HoldConflict"
            )

    @workflow.update
    async def post(self, command: PostHold) -> HoldView:
        """Take what is held, or a part of it, for another account; the rest is available again."""
        return await self._wished(command)

    @post.validator
    def _can_post(self, command: PostHold) -> None:
        self._refuse_unless_it_may_end()
        if command.amount_minor is not None and command.amount_minor > self._view.amount_minor:
            held = Money(amount_minor=self._view.amount_minor, currency=self._view.currency)
            asked = Money(amount_minor=command.amount_minor, currency=self._view.currency)
            raise ApplicationError(
                f"hold {self._view.hold_id} is of {held}, and no {asked} can be taken of it", type="HoldRefused"
            )

    @workflow.update
    async def void(self, command: VoidHold) -> HoldView:
        """Let go of what is held."""
        return await self._wished(command)

    @void.validator
    def _can_void(self, command: VoidHold) -> None:  # noqa: ARG002 # the SDK wants the update's own signature
        self._refuse_unless_it_may_end()

    def _refuse_unless_it_may_end(self) -> None:
        if not self._view.status.may_end:
            raise self._has_ended()

    def _has_ended(self) -> ApplicationError:
        return ApplicationError(
            f"hold {self._view.hold_id} is {self._view.status} already: a hold ends once", type="HoldNotPending"
        )

    async def _wished(self, command: PostHold | VoidHold) -> HoldView:
        """Have the main loop do it in its turn; two that come at once never both end the hold."""
        wish = _Wish(command)
        self._wishes.append(wish)
        await workflow.wait_condition(lambda: wish.is_done or not self._view.status.may_end)
        if wish.refusal is not None:
            raise wish.refusal
        if not wish.is_done:
            raise self._has_ended()
        return self._view

    def _is_wished(self) -> bool:
        return bool(self._wishes)

    async def _fulfil(self, wish: _Wish) -> None:
        """Do what is wished; what the books refuse leaves the hold as it is."""
        command, hold_id = wish.command, self._view.hold_id
        try:
            match command:
                case PostHold():
                    taking = PostHeld(
                        hold_id=hold_id, event_at=self._world.now(), **command.model_dump(exclude_none=False)
                    )
                    ended = await ledger_steps.run(HoldBooks.post_hold, taking, f"post it to {command.to}")
                case VoidHold():
                    letting_go = VoidHeld(hold_id=hold_id, **command.model_dump())
                    ended = await ledger_steps.run(HoldBooks.void_hold, letting_go, f"let go of it: {command.because}")
        except ApplicationError as error:
            wish.refusal = error
            if error.type == NOT_PENDING:
                await self._look()
        else:
            self._show(hold_messages.view(ended))
        wish.is_done = True

    async def _expire(self) -> bool:
        """Let go of what is held; False where the database says that it is not time yet."""
        try:
            ended = await ledger_steps.run(HoldBooks.expire_hold, self._view.hold_id, "its time is over")
        except ApplicationError as error:
            if error.type == NOT_PENDING:
                await self._look()
            elif error.type != NOT_DUE:
                raise
            return False
        self._show(hold_messages.view(ended))
        return True

    async def _look(self) -> None:
        """Read how it stands: somebody has ended it past its process. What is placed is not placed again."""
        self._show(hold_messages.view(await ledger_steps.run(HoldBooks.place_hold, self._request, "see how it stands")))

    def _show(self, view: HoldView) -> None:
        self._view = view
        amount = Money(amount_minor=view.amount_minor, currency=view.currency)
        until = f" until {view.expires_at:%Y-%m-%d %H:%M} UTC" if view.status is HoldStatus.PENDING else ""
        lines = [f"**{view.status}** {amount} of {view.account}{until}", view.message or ""]
        workflow.set_current_details("\n\n".join(lines).strip())
