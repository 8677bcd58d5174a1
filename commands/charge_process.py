"""Speaks with the process of a charge: starts or joins it, sends it commands, and waits for its answer.

The row in PostgreSQL is asked first and last, so the answer is the same when Temporal has forgotten the process.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from commands import charge_rows, connections, waiting
from commands.charge_documents import ChargeDocument, StartedDocument
from commands.errors import AnswerIsNo, OutOfReach, WrongUse
from ledger import charges
from ledger.charges import Charge, ChargeRequest, ChargeStatus, ChargeView
from ledger.errors import ChargeConflict
from settings import Settings
from workflows.charge import CALLED_OFF, ChargeWorkflow, workflow_id
from workflows.charge_commands import (
    AwaitDecision,
    CancelCommand,
    CaptureCommand,
    CompleteAction,
    ConfirmCommand,
    VoidCommand,
)

TAKEN = frozenset({ChargeStatus.CAPTURED, ChargeStatus.PARTIALLY_CAPTURED, ChargeStatus.DISPUTED})
Command = CaptureCommand | VoidCommand | ConfirmCommand | CompleteAction


@dataclass(frozen=True)
class Patience:
    """How long to wait, and whom to tell the address at which the customer has to act."""

    timeout_seconds: float
    on_action: Callable[[str], None]


async def collect(settings: Settings, request: ChargeRequest, patience: Patience) -> ChargeDocument:
    """Start the charge, or join the one of this id and content, and wait until it is decided."""
    known = await charge_rows.same(settings, request)
    if known is None or not known.status.is_decided:
        client = await connections.temporal(settings)
        await connections.require_worker(client, settings)
        try:
            await waiting.within(patience.timeout_seconds, _decision(client, settings, request, patience))
        except waiting.NoAnswerInTime:
            await _explain(client, settings, request.charge_id, patience.timeout_seconds)
        except (WorkflowAlreadyStartedError, waiting.EndedWithoutAnswer):
            await _ended(client, settings, request)
    return await charge_rows.whole(settings, request.charge_id)


async def start(settings: Settings, request: ChargeRequest) -> StartedDocument:
    """Start the charge and do not wait; a charge of this id and content is left as it is."""
    if await charge_rows.same(settings, request) is None:
        client = await connections.temporal(settings)
        try:
            await client.start_workflow(
                ChargeWorkflow.run,
                request,
                id=workflow_id(request.charge_id),
                task_queue=settings.task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                static_summary=_summary(request),
            )
        except WorkflowAlreadyStartedError:
            await _require_same_process(client, request)
    return StartedDocument(charge_id=request.charge_id, web_ui=charge_rows.web_ui(settings, request.charge_id))


async def capture(
    settings: Settings, charge_id: str, command: Callable[[Charge], CaptureCommand], timeout_seconds: float
) -> ChargeDocument:
    """Take an authorized amount; `command` is made from the charge, in whose currency the amount is."""
    charge = await _open_charge(settings, charge_id, "capture")
    await _command(settings, charge_id, ChargeWorkflow.capture, command(charge), timeout_seconds)
    return await charge_rows.whole(settings, charge_id)


async def void(settings: Settings, charge_id: str, command: VoidCommand, timeout_seconds: float) -> ChargeDocument:
    """Release an authorization."""
    await _open_charge(settings, charge_id, "void")
    await _command(settings, charge_id, ChargeWorkflow.void, command, timeout_seconds)
    return await charge_rows.whole(settings, charge_id)


async def cancel(settings: Settings, charge_id: str, command: CancelCommand, timeout_seconds: float) -> ChargeDocument:
    """Call a charge off; one whose process has ended is taken up again, so that it ends as undone."""
    charge = await charge_rows.known(settings, charge_id)
    if charge.status in CALLED_OFF:
        raise AnswerIsNo(f"charge {charge_id} is {charge.status} already: nothing is left to cancel")
    client = await connections.temporal(settings)
    await connections.require_worker(client, settings)
    operation = WithStartWorkflowOperation(
        ChargeWorkflow.run,
        charge.request(),
        id=workflow_id(charge_id),
        task_queue=settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary=_summary(charge.request()),
    )
    asking = waiting.start_and_ask(client, operation, ChargeWorkflow.cancel, command)
    try:
        await waiting.within(timeout_seconds, asking)
    except waiting.NoAnswerInTime:
        await _explain(client, settings, charge_id, timeout_seconds)
    return await charge_rows.whole(settings, charge_id)


async def confirm(
    settings: Settings, charge_id: str, command: ConfirmCommand, timeout_seconds: float
) -> ChargeDocument:
    """Stand by a charge that has to be confirmed."""
    await _open_charge(settings, charge_id, "confirm", while_taken=True)
    await _command(settings, charge_id, ChargeWorkflow.confirm, command, timeout_seconds)
    return await charge_rows.whole(settings, charge_id)


async def complete_action(
    settings: Settings, charge_id: str, command: CompleteAction, timeout_seconds: float
) -> ChargeDocument:
    """Have the gateway asked at once whether the customer has done their part."""
    await _open_charge(settings, charge_id, "complete")
    await _command(settings, charge_id, ChargeWorkflow.complete_action, command, timeout_seconds)
    return await charge_rows.whole(settings, charge_id)


async def status(settings: Settings, charge_id: str) -> ChargeDocument:
    """Read a charge; one that was started and is not in the books yet is told from one that there is not."""
    try:
        return await charge_rows.whole(settings, charge_id)
    except WrongUse:
        await _require_unknown(settings, charge_id)
        raise


async def _require_unknown(settings: Settings, charge_id: str) -> None:
    """Raise OutOfReach where Temporal has a process of this id; without Temporal, the books have to do."""
    try:
        client = await connections.temporal(settings)
        await client.get_workflow_handle(workflow_id(charge_id)).describe()
        why = await waiting.reason(client, settings, workflow_id(charge_id)) or "it is under way"
    except (OutOfReach, RPCError):
        return
    raise OutOfReach(f"charge {charge_id} was started and is not in the books yet: {why}")


async def _decision(client: Client, settings: Settings, request: ChargeRequest, patience: Patience) -> None:
    view = await _join(client, settings, request, through_action=False)
    if view.status is ChargeStatus.REQUIRES_ACTION and view.action_url is not None:
        patience.on_action(view.action_url)
        await _join(client, settings, request, through_action=True)


async def _join(client: Client, settings: Settings, request: ChargeRequest, *, through_action: bool) -> ChargeView:
    operation = WithStartWorkflowOperation(
        ChargeWorkflow.run,
        request,
        id=workflow_id(request.charge_id),
        task_queue=settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        static_summary=_summary(request),
    )
    question = AwaitDecision(content_hash=request.content_hash(), through_action=through_action)
    view: ChargeView = await waiting.start_and_ask(client, operation, ChargeWorkflow.await_decision, question)
    return view


def _summary(request: ChargeRequest) -> str:
    return f"{request.amount} from {request.customer}"


async def _ended(client: Client, settings: Settings, request: ChargeRequest) -> None:
    """The process is over: its row has the answer, and without a row its failure says why there is none."""
    if await charge_rows.same(settings, request) is not None:
        return
    await _require_same_process(client, request)
    try:
        await client.get_workflow_handle(workflow_id(request.charge_id)).result()
    except WorkflowFailureError as error:
        said = waiting.failure_message(error)
        raise AnswerIsNo(f"charge {request.charge_id} was not made: {said}; nothing was sent to a gateway") from None


async def _require_same_process(client: Client, request: ChargeRequest) -> None:
    """Compare with what the process was started with, for as long as it has written no row."""
    handle = client.get_workflow_handle(workflow_id(request.charge_id))
    async for event in handle.fetch_history_events(page_size=1):
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        [present] = await client.data_converter.decode(payloads, [ChargeRequest])
        if present.content_hash() != request.content_hash():
            raise AnswerIsNo(str(ChargeConflict(request.charge_id)))
        return


async def _open_charge(settings: Settings, charge_id: str, verb: str, *, while_taken: bool = False) -> Charge:
    charge = await charge_rows.known(settings, charge_id)
    waits = while_taken and charge.confirm_by is not None and charge.status in TAKEN
    if charge.status.is_final and not waits:
        raise AnswerIsNo(_nothing_left(charge, verb))
    return charge


def _nothing_left(charge: Charge, verb: str) -> str:
    if charge.status is ChargeStatus.NEEDS_REVIEW:
        return f"charge {charge.charge_id} needs review, so it takes no commands: {charge.message}"
    done = {ChargeStatus.CAPTURED: "capture", ChargeStatus.PARTIALLY_CAPTURED: "capture", ChargeStatus.VOIDED: "void"}
    already = " already" if done.get(charge.status) == verb else ""
    refund = f": give money back with `refund {charge.charge_id}`" if verb == "void" and charge.captured_minor else ""
    status = charge.status.replace("_", " ")
    return f"charge {charge.charge_id} is {status}{already}: nothing is left to {verb}{refund}"


async def _command(settings: Settings, charge_id: str, update: Any, command: Command, timeout_seconds: float) -> None:
    client = await connections.temporal(settings)
    await connections.require_worker(client, settings)
    handle: WorkflowHandle[ChargeWorkflow, ChargeView] = client.get_workflow_handle_for(
        ChargeWorkflow.run, workflow_id(charge_id)
    )
    try:
        await waiting.within(timeout_seconds, handle.execute_update(update, command))
    except waiting.NoAnswerInTime:
        await _explain(client, settings, charge_id, timeout_seconds)
    except WorkflowUpdateFailedError as error:
        raise waiting.refusal(error) from None
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise OutOfReach(
            f"the process of charge {charge_id} is not running in Temporal at {settings.temporal_address}, "
            f"namespace {settings.temporal_namespace!r}: look at `status {charge_id}`"
        ) from None


async def _explain(client: Client, settings: Settings, charge_id: str, timeout_seconds: float) -> NoReturn:
    """Say why the charge is not decided yet, and what to do."""
    why = await waiting.reason(client, settings, workflow_id(charge_id))
    async with connections.books(settings) as connection:
        charge = await charges.get(connection, charge_id)
    if charge is not None and charge.status is ChargeStatus.REQUIRES_ACTION:
        why = f"the customer has not authenticated yet at {charge.action_url}"
    elif charge is not None and why is None:
        why = charge.message or f"it is {charge.status}"
    raise OutOfReach(
        f"charge {charge_id} is not decided after {timeout_seconds:g} s: {why}; "
        f"it goes on by itself: look with `status {charge_id}`, or give the same command again"
    )
