"""The charge: from "please collect this" to money in the books, through one gateway.

PostgreSQL keeps the state and the limits; this process decides what happens next and waits for what it needs.
"""

from datetime import datetime, timedelta

from pydantic import Field, ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows import gateway_steps, ledger_steps, search_attributes
from workflows.gateway_steps import NotKnown

with workflow.unsafe.imports_passed_through():
    from activities.charge_books import (
        ChargeBooks,
        OpenOperation,
        Park,
        RecordFee,
        RecordOutcome,
        RecordUnknown,
        Standing,
    )
    from activities.gateway_calls import Watched
    from gateways.port import ActionRequired, OperationKind, OperationRequest, Outcome, Pending, Succeeded
    from ledger.charges import AtExpiry, ChargeRequest, ChargeStatus, ChargeView, Record
    from ledger.money import MAX_AMOUNT_MINOR, Money
    from workflows.hints import GatewayReported

ACTION_DEADLINE = timedelta(hours=1)
"""How long a customer has for the authentication step."""
PENDING_DEADLINE = timedelta(days=14)
"""How long a gateway may take over a review or a bank debit before a person has to look."""
FEE_DEADLINE = timedelta(days=3)
"""How long the fee of a capture is waited for; `prove` lists those that never came."""
EXPIRY_MARGIN = timedelta(hours=1)
"""How long before an authorization lapses it is voided or captured; a tenth of its life where that is shorter."""


class AwaitDecision(Record):
    """Wait for the answer to a charge; refused where the charge of this id has other content."""

    content_hash: str | None = None
    through_action: bool = False
    """Wait also while the customer authenticates, instead of returning the customer's next step at once."""


class CaptureCommand(Record):
    """Take an authorized amount, in minor units; None for all of it. What is not taken is released."""

    amount_minor: int | None = Field(default=None, gt=0, le=MAX_AMOUNT_MINOR)
    actor: str = Field(min_length=1, max_length=200)


class VoidCommand(Record):
    """Release an authorization."""

    actor: str = Field(min_length=1, max_length=200)


def workflow_id(charge_id: str) -> str:
    """Name the process of a charge."""
    return f"charge/{charge_id}"


@workflow.defn(name="Charge", failure_exception_types=[ValidationError])  # a wrong input ends it, told
class ChargeWorkflow:
    """One charge; workflow id `charge/{charge_id}`, result and status are a ChargeView."""

    @workflow.init
    def __init__(self, request: ChargeRequest) -> None:
        self._request = request
        self._view = ChargeView(
            charge_id=request.charge_id,
            status=ChargeStatus.PROCESSING,
            amount_minor=request.amount.amount_minor,
            currency=request.amount.currency,
        )
        self._hints: list[GatewayReported] = []
        self._refusal: ApplicationError | None = None
        self._command: CaptureCommand | VoidCommand | None = None
        self._numbers = {OperationKind.CAPTURE: 0, OperationKind.VOID: 0}

    @workflow.run
    async def run(self, request: ChargeRequest) -> ChargeView:
        """Authorize, or authorize and capture; then hold the authorization until it is captured, voided or lapses."""
        try:
            standing = await self._open(request)
        except ApplicationError as error:
            # Nothing was written and no gateway has heard anything: say so to those who wait, and end.
            self._refusal = error
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise
        try:
            standing = await self._carry_out(standing)
            if standing.view.status is ChargeStatus.AUTHORIZED:
                standing = await self._hold()
        except ApplicationError as error:
            standing = await self._park(f"a step cannot be done: {error.message}")
        self._command = None  # one that came too late to be carried out: its sender gets the state as it is
        if standing.fee_pending and standing.operation is not None:
            await self._book_late_fee(standing.operation)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._view

    @workflow.query
    def status(self) -> ChargeView:
        """Where the charge stands."""
        return self._view

    @workflow.signal
    def gateway_reported(self, hint: GatewayReported) -> None:
        """Something happened at the gateway: read it again now instead of later."""
        self._hints.append(hint)

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
        if self._view.status is not ChargeStatus.AUTHORIZED:
            raise ApplicationError(
                f"charge {self._view.charge_id} is {self._view.status}, so it cannot be {done}", type="Refused"
            )
        if self._command is not None:
            raise ApplicationError(f"charge {self._view.charge_id} is being captured or voided already", type="Refused")

    async def _obey(self, command: CaptureCommand | VoidCommand) -> ChargeView:
        """Hand a command to the main loop, which alone acts, and wait until it has, or until the gateway takes its time."""
        self._command = command
        await workflow.wait_condition(lambda: self._command is not command or self._view.status is ChargeStatus.PENDING)
        return self._view

    async def _open(self, request: ChargeRequest) -> Standing:
        standing = await ledger_steps.run(ChargeBooks.open_charge, request, "write the charge down")
        search_attributes.introduce(request, standing.view)
        self._view = standing.view
        return standing

    async def _carry_out(self, standing: Standing, *, lapsed: bool = False) -> Standing:
        """Ask the gateway for the standing operation until its answer is known and in the books."""
        operation = standing.operation
        if operation is None or standing.fee_pending:
            return standing
        act_until = workflow.now() + ACTION_DEADLINE
        answer = await (gateway_steps.ask_again if standing.seen_before else gateway_steps.ask)(operation)
        while True:
            standing = self._show(await self._record(operation, answer, lapsed=lapsed))
            if standing.operation is None or standing.fee_pending:
                return standing
            operation = standing.operation
            later = await self._later_answer(operation, answer, standing, act_until)
            if later is None:
                return await self._out_of_time(operation, answer)
            answer = later

    async def _record(self, operation: OperationRequest, answer: Outcome | NotKnown, *, lapsed: bool) -> Standing:
        if isinstance(answer, NotKnown):
            unknown = RecordUnknown(operation=operation, reason=answer.reason)
            return await ledger_steps.run(ChargeBooks.record_unknown, unknown, f"{operation.kind}: unknown")
        outcome = RecordOutcome(operation=operation, outcome=answer, lapsed=lapsed)
        return await ledger_steps.run(ChargeBooks.record_outcome, outcome, f"{operation.kind}: {answer.outcome}")

    async def _later_answer(
        self, operation: OperationRequest, answer: Outcome | NotKnown, standing: Standing, act_until: datetime
    ) -> Outcome | NotKnown | None:
        match answer:
            case ActionRequired():
                left = act_until - workflow.now()
                summary = "wait for the customer's authentication"
                return (
                    await gateway_steps.watch(operation, Watched.ACTION, left, summary) if left > timedelta(0) else None
                )
            case Pending():
                summary = f"wait for {operation.gateway} to decide"
                return await gateway_steps.watch(operation, Watched.DECISION, PENDING_DEADLINE, summary)
            case _ if standing.ask_until is not None:
                return await gateway_steps.ask_until_known(operation, standing.ask_until)
            case _:
                raise ApplicationError(
                    f"{operation.operation_id} is decided, but its row says it is not", non_retryable=True
                )

    async def _out_of_time(self, operation: OperationRequest, answer: Outcome | NotKnown) -> Standing:
        if isinstance(answer, ActionRequired):
            return await self._abandon(operation)
        state = "unknown" if isinstance(answer, NotKnown) else "pending"
        return await self._park(
            f"the outcome of {operation.operation_id} is still {state}: look at {operation.payment_reference} at {operation.gateway}"
        )

    async def _abandon(self, operation: OperationRequest) -> Standing:
        """The customer did not authenticate in time: fence the payment off, so that it cannot succeed later."""
        voided = await self._perform(OperationKind.VOID, None, self._own_name(), lapsed=True)
        if voided.view.status is not ChargeStatus.REQUIRES_ACTION:
            return voided
        return await self._carry_out(Standing(view=self._view, operation=operation, seen_before=True))

    async def _hold(self) -> Standing:
        """Hold the authorization until a person captures or voids it, or until it is about to lapse."""
        standing = Standing(view=self._view)
        while self._view.status is ChargeStatus.AUTHORIZED:
            try:
                await workflow.wait_condition(
                    lambda: self._command is not None,
                    timeout=self._until_expiry(),
                    timeout_summary="until the authorization lapses",
                )
            except TimeoutError:
                standing = await self._at_expiry()
            else:
                standing = await self._execute(self._command)
                self._command = None
        return standing

    async def _execute(self, command: CaptureCommand | VoidCommand | None) -> Standing:
        match command:
            case CaptureCommand():
                return await self._perform(OperationKind.CAPTURE, command.amount_minor, command.actor)
            case VoidCommand():
                return await self._perform(OperationKind.VOID, None, command.actor)
            case None:
                return Standing(view=self._view)

    async def _at_expiry(self) -> Standing:
        """Settle the authorization before it lapses; where the gateway will not, a person has to look."""
        kind = OperationKind.CAPTURE if self._request.at_expiry is AtExpiry.CAPTURE else OperationKind.VOID
        standing = await self._perform(kind, None, self._own_name(), lapsed=True)
        if standing.view.status is ChargeStatus.AUTHORIZED:
            return await self._park(f"the authorization lapses and could not be settled: {standing.view.message}")
        return standing

    async def _perform(
        self, kind: OperationKind, amount_minor: int | None, actor: str, *, lapsed: bool = False
    ) -> Standing:
        self._numbers[kind] += 1
        opening = OpenOperation(
            charge_id=self._request.charge_id,
            kind=kind,
            number=self._numbers[kind],
            amount_minor=amount_minor,
            actor=actor,
        )
        standing = await ledger_steps.run(ChargeBooks.open_operation, opening, f"write the {kind} down")
        return await self._carry_out(standing, lapsed=lapsed)

    async def _book_late_fee(self, operation: OperationRequest) -> None:
        found = await gateway_steps.watch(
            operation, Watched.FEE, FEE_DEADLINE, f"wait for the fee of {operation.gateway}"
        )
        if isinstance(found, Succeeded) and found.fee is not None:
            fee = RecordFee(operation=operation, fee=found.fee, occurred_at=found.occurred_at)
            await ledger_steps.run(ChargeBooks.record_fee, fee, f"book the fee of {found.fee}")

    async def _park(self, reason: str) -> Standing:
        parked = Park(charge_id=self._request.charge_id, reason=reason)
        return self._show(await ledger_steps.run(ChargeBooks.park, parked, "hand over to a person"))

    def _until_expiry(self) -> timedelta | None:
        lapses = self._view.authorization_expires_at
        if lapses is None:
            return None
        left = lapses - workflow.now()
        return max(left - min(EXPIRY_MARGIN, left / 10), timedelta(0))

    def _own_name(self) -> str:
        return f"workflow:{workflow.info().workflow_id}"

    def _show(self, standing: Standing) -> Standing:
        """Show the new state to callers, to the search and to people who look at the process."""
        before, self._view = self._view, standing.view
        search_attributes.follow(before, self._view)
        workflow.set_current_details(_details(self._view))
        return standing


def _details(view: ChargeView) -> str:
    lines = [f"**{view.status}** {view.amount} at {view.gateway} ({view.gateway_reason})"]
    if view.message:
        lines.append(f"{view.decline_code or ''} {view.message}".strip())
    if view.action_url:
        lines.append(f"The customer has to authenticate: {view.action_url}")
    return "\n\n".join(lines)
