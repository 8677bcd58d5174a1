"""The attempts of a charge, and the operations on it: each is asked for until its answer is known and in the books."""

from datetime import datetime, timedelta

from temporalio.exceptions import ApplicationError

from activities.charge_books import ChargeBooks, Standing
from activities.charge_decisions import WITHDRAWN, Further
from activities.gateway_calls import Watched
from gateways.port import ActionRequired, OperationKind, OperationRequest, Outcome, Pending, Refused
from workflows import asking
from workflows.charge_commands import CaptureCommand, VoidCommand
from workflows.charge_steps import ChargeSteps
from workflows.gateway_steps import NotKnown, Woken

ACTION_DEADLINE = timedelta(hours=1)
"""How long a customer has for the authentication step."""
MAX_ABANDONED = 5
"""How often a payment that waits for its customer is given up, where the gateway refuses, before a person has to look."""
PENDING_DEADLINE = timedelta(days=14)
"""How long a gateway may take over a review or a bank debit before a person has to look."""


async def carry_out(charge: ChargeSteps, standing: Standing, *, lapsed: bool = False) -> Standing:
    """Ask for the standing operation until its answer is in the books, and for each attempt that follows a no."""
    while standing.operation is not None and not standing.fee_pending:
        standing = await _carry_out_one(charge, standing, standing.operation, lapsed=lapsed)
        if charge.is_parked:
            break
    return standing


async def perform(
    charge: ChargeSteps,
    kind: OperationKind,
    purpose: str,
    amount_minor: int | None,
    actor: str,
    *,
    lapsed: bool = False,
    until_done: bool = False,
) -> Standing:
    """Write a capture or a void of the newest attempt down, and carry it out.

    What serves its purpose is not repeated, but for `until_done`, where those before came to nothing.
    """
    further = Further(
        charge_id=charge.request.charge_id,
        kind=kind,
        purpose=purpose,
        amount_minor=amount_minor,
        actor=actor,
    )
    standing = await charge.world.ledger(ChargeBooks.open_operation, further, f"write the {kind} down")
    if until_done and standing.came_to_nothing is not None:
        another = further.model_copy(update={"upon": standing.came_to_nothing})
        standing = await charge.world.ledger(ChargeBooks.open_operation, another, f"write another {kind} down")
    return await carry_out(charge, standing, lapsed=lapsed)


async def execute(charge: ChargeSteps, command: CaptureCommand | VoidCommand) -> Standing:
    """Carry out what a person or a program asks for."""
    match command:
        case CaptureCommand():
            purpose = f"command:capture:{charge.command_id}"
            return await perform(charge, OperationKind.CAPTURE, purpose, command.amount_minor, command.actor)
        case VoidCommand():
            purpose = f"command:void:{charge.command_id}"
            return await perform(charge, OperationKind.VOID, purpose, None, command.actor)


async def _carry_out_one(
    charge: ChargeSteps, standing: Standing, operation: OperationRequest, *, lapsed: bool
) -> Standing:
    if standing.wait_seconds:
        pause = timedelta(seconds=standing.wait_seconds)
        await charge.world.wait(lambda: charge.cancellation is not None, pause, "before the next attempt")
    if charge.cancellation is not None and not standing.seen_before and operation.kind is not OperationKind.VOID:
        withdrawn = Refused(code=WITHDRAWN, message="it was withdrawn before it was sent")
        return await charge.record(operation, withdrawn, lapsed=lapsed)
    act_until = charge.world.now() + ACTION_DEADLINE
    if standing.seen_before:
        answer = await asking.ask_again(charge.world, operation, standing.ask_until)
    else:
        answer = await charge.world.ask(operation)
    while True:
        standing = await charge.record(operation, answer, lapsed=lapsed)
        follows = standing.operation
        if follows is None or standing.fee_pending or follows.operation_id != operation.operation_id:
            return standing
        operation = follows
        later = await _later_answer(charge, operation, answer, standing, act_until)
        if later is None:
            return await _out_of_time(charge, operation, answer)
        answer = later


async def _later_answer(
    charge: ChargeSteps,
    operation: OperationRequest,
    answer: Outcome | NotKnown,
    standing: Standing,
    act_until: datetime,
) -> Outcome | NotKnown | None:
    match answer:
        case ActionRequired():
            return await _watch_customer(charge, operation, act_until)
        case Pending():
            return await _watch_gateway(charge, operation)
        case NotKnown() if standing.ask_until is not None:
            return await asking.ask_until_known(charge.world, operation, standing.ask_until, charge.was_hinted)
        case _:
            raise ApplicationError(
                f"{operation.operation_id} is decided, but its row says it is not", non_retryable=True
            )


async def _watch_customer(
    charge: ChargeSteps, operation: OperationRequest, until: datetime
) -> Outcome | NotKnown | None:
    """Wait for the customer's authentication; None where it is called off or takes too long."""
    while charge.cancellation is None and (left := until - charge.world.now()) > timedelta(0):
        found = await charge.world.watch(
            operation,
            Watched.ACTION,
            left,
            "wait for the customer's authentication",
            lambda: charge.was_hinted() or charge.cancellation is not None,
        )
        if not isinstance(found, Woken):
            return found
    return None


async def _watch_gateway(charge: ChargeSteps, operation: OperationRequest) -> Outcome | NotKnown | None:
    """Wait for a gateway or a bank to decide."""
    until = charge.world.now() + PENDING_DEADLINE
    while (left := until - charge.world.now()) > timedelta(0):
        await charge.note_wishes()
        found = await charge.world.watch(
            operation,
            Watched.DECISION,
            left,
            f"wait for {operation.gateway} to decide",
            lambda: charge.was_hinted() or charge.has_unnoted_wish(),
        )
        if not isinstance(found, Woken):
            return found
    return None


async def _out_of_time(charge: ChargeSteps, operation: OperationRequest, answer: Outcome | NotKnown) -> Standing:
    if isinstance(answer, ActionRequired):
        return await _abandon(charge)
    state = "unknown" if isinstance(answer, NotKnown) else "pending"
    return await charge.park(
        f"the outcome of {operation.operation_id} is still {state}: look at {operation.payment_reference} at {operation.gateway}"
    )


async def _abandon(charge: ChargeSteps) -> Standing:
    """The customer did not authenticate in time, or it was called off: fence the payment off, so that it cannot succeed later."""
    charge.abandoned += 1
    if charge.abandoned > MAX_ABANDONED:
        return await charge.park(
            "the customer has not authenticated, and the gateway does not let the payment be given up"
        )
    if charge.cancellation is not None:
        await charge.note_wishes()
        return await perform(charge, OperationKind.VOID, "cancel", None, charge.cancellation.actor, until_done=True)
    return await perform(charge, OperationKind.VOID, "abandon", None, charge.own_name, lapsed=True, until_done=True)
