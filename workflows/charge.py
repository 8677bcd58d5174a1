"""The charge as a Temporal workflow: what it takes from outside, and what people see of it; `charge_process` is what it does."""

from datetime import timedelta

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

# Each file that is not passed through is executed again for every charge: measured, they cost more than the charge.
with workflow.unsafe.imports_passed_through():
    from ledger.charges import ChargeRequest, ChargeStatus, ChargeView
    from ledger.money import Money
    from ledger.refunds import RefundView
    from workflows import charge_process, search_attributes
    from workflows.charge_commands import (
        AwaitDecision,
        CancelCommand,
        CaptureCommand,
        CompleteAction,
        ConfirmCommand,
        VoidCommand,
    )
    from workflows.charge_leg import ChargeLeg, LegAsked
    from workflows.charge_steps import ChargeSteps
    from workflows.hints import GatewayReported
    from workflows.review_messages import ResolveReview
    from workflows.world import TemporalWorld

ACTION_LOOK = timedelta(seconds=20)
"""How long whoever says that the customer is done waits for the gateway to say the same."""


def workflow_id(charge_id: str) -> str:
    """Name the process of a charge."""
    return f"charge/{charge_id}"


@workflow.defn(name="Charge", failure_exception_types=[ValidationError])  # a wrong input ends it, told
class ChargeWorkflow:
    """One charge; workflow id `charge/{charge_id}`, result and status are a ChargeView."""

    @workflow.init
    def __init__(self, request: ChargeRequest) -> None:
        self._request = request
        self._charge = ChargeSteps(request, TemporalWorld())
        self._charge.on_view = self._tell  # type: ignore[method-assign] # the place that it keeps for that
        self._leg = ChargeLeg(self._charge)
        self._refusal: ApplicationError | None = None

    @workflow.run
    async def run(self, request: ChargeRequest) -> ChargeView:
        """Bring the charge to its end; see charge_process."""
        try:
            standing = await self._charge.open()
        except ApplicationError as error:
            # Nothing was written and no gateway has heard anything: say so to those who wait, and end.
            self._refusal = error
            self._charge.over = True
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise
        search_attributes.introduce(request, standing.view)
        self._charge.view = standing.view
        self._leg.begin_telling()
        await charge_process.run(self._charge, standing)
        await workflow.wait_condition(workflow.all_handlers_finished)
        await self._leg.finish_telling()
        return self._view

    @property
    def _view(self) -> ChargeView:
        return self._charge.view

    @workflow.query
    def status(self) -> ChargeView:
        """Where the charge stands."""
        return self._view

    @workflow.signal
    def gateway_reported(self, hint: GatewayReported) -> None:  # noqa: ARG002 # nothing of it is believed
        """Something happened at the gateway: read it again now instead of later."""
        self._charge.hinted = True

    @workflow.signal
    def refund_told(self, refund: RefundView) -> None:
        """A refund that this charge has started stands there now."""
        self._charge.refunds[refund.refund_id] = refund.status

    @workflow.signal
    def capture_asked(self, asked: LegAsked) -> None:
        """The split of which this charge is a leg takes what is reserved."""
        self._leg.hear_capture(asked)

    @workflow.signal
    def cancel_asked(self, asked: LegAsked) -> None:
        """The split of which this charge is a leg is undone."""
        self._leg.hear_cancel(asked)

    @workflow.update
    async def await_decision(self, request: AwaitDecision) -> ChargeView:
        """Return as soon as the caller has its answer: decided, pending, or the customer's next step."""
        await workflow.wait_condition(lambda: self._refusal is not None or self._answered(request))
        if self._refusal is not None:
            raise self._refusal
        return self._view

    def _answered(self, request: AwaitDecision) -> bool:
        status = self._view.status
        acting = status is ChargeStatus.REQUIRES_ACTION and not request.through_action
        return status.is_decided or status is ChargeStatus.PENDING or acting

    @await_decision.validator
    def _same_content(self, request: AwaitDecision) -> None:
        if request.content_hash is not None and request.content_hash != self._request.content_hash():
            raise ApplicationError(
                f"charge {self._request.charge_id} exists with other content: use another id", type="ChargeConflict"
            )

    @workflow.update
    async def capture(self, command: CaptureCommand) -> ChargeView:
        """Take the authorized amount, or a part of it."""
        return await self._obey(command)

    @capture.validator
    def _can_capture(self, command: CaptureCommand) -> None:
        self._refuse_unless_authorized("captured")
        authorized = self._view.authorized_minor
        if command.amount_minor is not None and command.amount_minor > authorized:
            asked, held = (
                Money(amount_minor=amount, currency=self._view.currency)
                for amount in (command.amount_minor, authorized)
            )
            raise ApplicationError(f"{asked} is more than the {held} that is authorized", type="Refused")

    @workflow.update
    async def void(self, command: VoidCommand) -> ChargeView:
        """Release the authorization."""
        return await self._obey(command)

    @void.validator
    def _can_void(self, command: VoidCommand) -> None:  # noqa: ARG002 # the SDK wants the update's own signature
        self._refuse_unless_authorized("voided")

    def _refuse_unless_authorized(self, done: str) -> None:
        charge_id, status = self._view.charge_id, self._view.status
        held_in_review = status is ChargeStatus.NEEDS_REVIEW and self._view.authorized_minor
        if status is not ChargeStatus.AUTHORIZED and not (held_in_review and not self._view.captured_minor):
            raise ApplicationError(f"charge {charge_id} is {status}, so it cannot be {done}", type="Refused")
        if self._charge.command is not None:
            raise ApplicationError(f"charge {charge_id} is being captured or voided already", type="Refused")
        if self._charge.cancellation is not None:
            raise ApplicationError(f"charge {charge_id} is being canceled, so it cannot be {done}", type="Refused")

    async def _obey(self, command: CaptureCommand | VoidCommand) -> ChargeView:
        """Hand a command to the main loop, which alone acts, and wait until it has, or until the gateway takes its time."""
        charge = self._charge
        update = workflow.current_update_info()
        charge.command, charge.command_id = command, update.id if update else ""
        await workflow.wait_condition(
            lambda: charge.command is not command or self._view.status is ChargeStatus.PENDING
        )
        return self._view

    @workflow.update
    async def cancel(self, command: CancelCommand) -> ChargeView:
        """Call the charge off: in the end nothing was taken, an authorization is released, or all is given back."""
        charge = self._charge
        charge.cancellation = charge.cancellation or command
        await workflow.wait_condition(
            lambda: (
                charge.over
                or self._refusal is not None
                or self._view.status in CALLED_OFF
                or (self._view.canceled_by is not None and self._view.status in NOT_NOW)
            )
        )
        if self._refusal is not None:
            raise self._refusal
        return self._view

    @cancel.validator
    def _can_cancel(self, command: CancelCommand) -> None:  # noqa: ARG002 # as above
        self._refuse_when_over("canceled")

    @workflow.update
    async def confirm(self, command: ConfirmCommand) -> ChargeView:
        """Stand by the charge: from now on nothing is given back for want of a confirmation."""
        charge = self._charge
        charge.confirmation = charge.confirmation or command
        await workflow.wait_condition(lambda: charge.over or self._view.confirmed_at is not None)
        return self._view

    @confirm.validator
    def _can_confirm(self, command: ConfirmCommand) -> None:  # noqa: ARG002 # as above
        charge_id, confirm_by = self._view.charge_id, self._request.confirm_by
        self._refuse_when_over("confirmed")
        if confirm_by is None:
            raise ApplicationError(f"charge {charge_id} does not have to be confirmed", type="Refused")
        if self._view.confirmed_at is None and workflow.now() >= confirm_by:
            raise ApplicationError(
                f"charge {charge_id} had to be confirmed by {confirm_by:%Y-%m-%d %H:%M:%S} UTC", type="Refused"
            )
        if self._charge.cancellation is not None:
            raise ApplicationError(f"charge {charge_id} is canceled, so it cannot be confirmed", type="Refused")

    @workflow.update
    async def complete_action(self, command: CompleteAction) -> ChargeView:  # noqa: ARG002 # it is who asks
        """The customer has done their part: ask the gateway at once, and return what it says within a few seconds."""
        self._charge.hinted = True
        try:
            await workflow.wait_condition(
                lambda: self._view.status is not ChargeStatus.REQUIRES_ACTION,
                timeout=ACTION_LOOK,
                timeout_summary="what the gateway says of the customer's action",
            )
        except TimeoutError:
            workflow.logger.info("charge.action_not_seen_yet", extra={"charge_id": self._view.charge_id})
        return self._view

    @complete_action.validator
    def _can_complete_action(self, command: CompleteAction) -> None:  # noqa: ARG002 # as above
        status = self._view.status
        if status is not ChargeStatus.REQUIRES_ACTION and not status.is_decided:
            raise ApplicationError(
                f"charge {self._view.charge_id} is {status}: it does not wait for its customer", type="Refused"
            )

    @workflow.update
    async def resolve_review(self, word: ResolveReview) -> ChargeView:
        """Take a person's word on the operation in review, held against what the gateway says now."""
        await self._charge.desk.hear(word)
        return self._view

    @resolve_review.validator
    def _can_resolve(self, word: ResolveReview) -> None:  # noqa: ARG002 # as above
        if self._view.status is not ChargeStatus.NEEDS_REVIEW:
            raise ApplicationError(f"charge {self._view.charge_id} is not in review", type="NotInReview")
        self._charge.desk.refuse_unless_free()

    def _refuse_when_over(self, done: str) -> None:
        if self._charge.over:
            raise ApplicationError(
                f"charge {self._view.charge_id} has ended as {self._view.status}, so it cannot be {done}",
                type="Refused",
            )

    def _tell(self, before: ChargeView) -> None:
        """Show the new state to the search and to people who look at the process."""
        search_attributes.follow(before, self._view)
        workflow.set_current_details(_details(self._view))


CALLED_OFF = frozenset(
    {
        ChargeStatus.VOIDED,
        ChargeStatus.REFUNDED,
        ChargeStatus.CANCELED,
        ChargeStatus.DECLINED,
        ChargeStatus.EXPIRED,
    }
)
"""Where a charge that is called off ends: nothing is taken and nothing held."""
NOT_NOW = frozenset({ChargeStatus.PENDING, ChargeStatus.NEEDS_REVIEW})
"""States in which a gateway or a person has to decide first; then it is called off."""


def _details(view: ChargeView) -> str:
    lines = [f"**{view.status}** {view.amount} at {view.gateway} ({view.gateway_reason})"]
    if view.message:
        lines.append(f"{view.decline_code or ''} {view.message}".strip())
    if view.action_url:
        lines.append(f"The customer has to authenticate: {view.action_url}")
    if view.confirm_by and not view.confirmed_at:
        lines.append(f"To be confirmed by {view.confirm_by:%Y-%m-%d %H:%M:%S} UTC, or it is undone.")
    if view.canceled_by:
        lines.append(f"Called off by {view.canceled_by}.")
    return "\n\n".join(lines)
