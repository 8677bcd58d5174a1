"""Speaks with the process of a refund: checks it against the books, starts or joins it, and waits for its answer.

PostgreSQL alone decides what is left to give back; the check here spares a refund that cannot be its process.
"""

from collections.abc import Callable
from typing import NoReturn

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from commands import charge_documents, connections, waiting
from commands.charge_documents import RefundDocument
from commands.errors import AnswerIsNo, OutOfReach, WrongUse
from ledger import charges, operations
from ledger.charges import Charge, ChargeStatus
from ledger.errors import RefundConflict, RefundExceedsCapture, UnknownCharge
from ledger.operations import Operation
from ledger.refunds import RefundRequest, RefundView
from settings import Settings
from workflows.refund import AwaitRefundDecision, RefundWorkflow, workflow_id


async def refund(
    settings: Settings,
    refund_id: str,
    charge_id: str,
    request: Callable[[Charge], RefundRequest],
    timeout_seconds: float,
) -> RefundDocument:
    """Start the refund, or join the one of this id, and wait; `request` is made from the charge, for its currency."""
    checked = await _checked(settings, refund_id, charge_id, request)
    client = await connections.temporal(settings)
    await connections.require_worker(client, settings)
    try:
        view = await waiting.within(timeout_seconds, _join(client, settings, checked))
    except waiting.NoAnswerInTime:
        await _explain(client, settings, refund_id, timeout_seconds)
    except (WorkflowAlreadyStartedError, waiting.EndedWithoutAnswer):
        handle: WorkflowHandle[RefundWorkflow, RefundView] = client.get_workflow_handle_for(
            RefundWorkflow.run, workflow_id(refund_id)
        )
        view = await waiting.within(timeout_seconds, handle.result())
    if view.charge_id != charge_id:
        raise AnswerIsNo(str(RefundConflict(refund_id)))
    return charge_documents.of_refund(view, connections.web_ui(settings, workflow_id(refund_id)))


async def _checked(
    settings: Settings, refund_id: str, charge_id: str, request: Callable[[Charge], RefundRequest]
) -> RefundRequest:
    """Make the request and hold it against what the books have of the charge and of a refund with this id."""
    async with connections.books(settings) as connection:
        charge = await charges.get(connection, charge_id)
        if charge is None:
            raise WrongUse(str(UnknownCharge(charge_id)))
        wanted = request(charge)
        present = await operations.of_refund(connection, refund_id)
    if present is not None:
        _require_same(wanted, present)
    else:
        _require_enough(wanted, charge)
    return wanted


def _require_same(wanted: RefundRequest, present: Operation) -> None:
    other_amount = wanted.amount_minor is not None and wanted.amount_minor != present.amount_minor
    if other_amount or present.charge_id != wanted.charge_id:
        raise AnswerIsNo(str(RefundConflict(wanted.refund_id)))


def _require_enough(wanted: RefundRequest, charge: Charge) -> None:
    if charge.status is ChargeStatus.AUTHORIZED:
        raise AnswerIsNo(
            f"charge {charge.charge_id} is authorized and not captured: release it with `void {charge.charge_id}`"
        )
    if charge.captured_minor == 0:
        status = charge.status.replace("_", " ")
        raise AnswerIsNo(f"charge {charge.charge_id} is {status}: nothing was captured, so there is nothing to refund")
    left = charge.refundable
    asked = left if wanted.amount_minor is None else charge.money(wanted.amount_minor)
    if left.amount_minor == 0 or left < asked:
        raise AnswerIsNo(str(RefundExceedsCapture(charge.charge_id, asked=asked, left=left)))


async def _join(client: Client, settings: Settings, request: RefundRequest) -> RefundView:
    question = AwaitRefundDecision(content_hash=request.content_hash())
    view: RefundView = await waiting.start_and_ask(
        client, _start(settings, request), RefundWorkflow.await_decision, question
    )
    return view


def _start(settings: Settings, request: RefundRequest) -> waiting.Start:
    return lambda: WithStartWorkflowOperation(
        RefundWorkflow.run,
        request,
        id=workflow_id(request.refund_id),
        task_queue=settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        static_summary=f"refund of {request.charge_id}",
    )


async def _explain(client: Client, settings: Settings, refund_id: str, timeout_seconds: float) -> NoReturn:
    why = await waiting.reason(client, settings, workflow_id(refund_id))
    raise OutOfReach(
        f"refund {refund_id} is not decided after {timeout_seconds:g} s: {why or 'it is under way'}; "
        "it goes on by itself: give the same command again with this `--id`"
    )
