"""Speaks with the process of an adjustment: starts or joins it, and tells it what a person says.

The books are asked first and last; a process that Temporal has lost is started again from them.
"""

from typing import Any, NoReturn

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from commands import adjustment_rows, connections, waiting
from commands.adjustment_documents import AdjustmentDocument
from commands.errors import AnswerIsNo, OutOfReach
from ledger.adjustment_requests import AdjustmentRequest
from ledger.adjustments import Adjustment, AdjustmentState, Verdict
from settings import Settings
from workflows.adjustment import AdjustmentWorkflow, workflow_id
from workflows.adjustment_messages import AdjustmentView, AdjustmentWord, AwaitRequest

UPDATES = {Verdict.APPROVE: AdjustmentWorkflow.approve, Verdict.REJECT: AdjustmentWorkflow.reject}


async def request(settings: Settings, asked: AdjustmentRequest, timeout_seconds: float) -> AdjustmentDocument:
    """Start the adjustment, or join the one of this id and content, and wait until it is in the books."""
    known = await adjustment_rows.same(settings, asked)
    if known is None or not known.state.is_over:
        question = AwaitRequest(content_hash=asked.content_hash())
        await _ask(settings, asked, AdjustmentWorkflow.await_request, question, timeout_seconds)
    return await adjustment_rows.whole(settings, asked.adjustment_id)


async def decide(
    settings: Settings, adjustment: Adjustment, verdict: Verdict, word: AdjustmentWord, timeout_seconds: float
) -> tuple[AdjustmentDocument, str | None]:
    """Give a person's word; return the adjustment as it stands then, and why it is not posted where it is approved."""
    if adjustment.state is not AdjustmentState.REQUESTED:
        raise AnswerIsNo(_over(adjustment.adjustment_id, adjustment.state))
    view = await _ask(settings, adjustment.request(), UPDATES[verdict], word, timeout_seconds)
    found = await adjustment_rows.whole(settings, adjustment.adjustment_id)
    if word.by not in {decision.person for decision in found.decisions}:
        raise AnswerIsNo(_over(found.adjustment_id, found.state))
    return found, view.message if view is not None else None


async def _ask(
    settings: Settings, asked: AdjustmentRequest, update: Any, message: Any, timeout_seconds: float
) -> AdjustmentView | None:
    """Tell the process something, starting it where it is not there; None where it ended before it answered."""
    client = await connections.temporal(settings)
    await connections.require_worker(client, settings)
    asking = waiting.start_and_ask(client, _start(settings, asked), update, message)
    try:
        view: AdjustmentView = await waiting.within(timeout_seconds, asking)
    except waiting.NoAnswerInTime:
        await _explain(client, settings, asked.adjustment_id, timeout_seconds)
    except (WorkflowAlreadyStartedError, waiting.EndedWithoutAnswer):
        await _ended(client, settings, asked)
        return None
    except RPCError as error:
        if not waiting.ended_while_asked(error):
            raise
        await _ended(client, settings, asked)
        return None
    else:
        return view


def _start(settings: Settings, asked: AdjustmentRequest) -> waiting.Start:
    return lambda: WithStartWorkflowOperation(
        AdjustmentWorkflow.run,
        asked,
        id=workflow_id(asked.adjustment_id),
        task_queue=settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        # What is in the books is found there; so a process that is gone is only taken up again.
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary=f"{asked.reason_code}, asked for by {asked.requester}",
    )


def _over(adjustment_id: str, state: str) -> str:
    return f"adjustment {adjustment_id} is {state} already: nothing is left to decide"


async def _ended(client: Client, settings: Settings, asked: AdjustmentRequest) -> None:
    """The process is over: its row has the answer, and without a row its failure says why there is none."""
    if await adjustment_rows.same(settings, asked) is not None:
        return
    try:
        await client.get_workflow_handle(workflow_id(asked.adjustment_id)).result()
    except WorkflowFailureError as error:
        said = waiting.failure_message(error)
        raise AnswerIsNo(f"adjustment {asked.adjustment_id} was not requested: {said}") from None


async def _explain(client: Client, settings: Settings, adjustment_id: str, timeout_seconds: float) -> NoReturn:
    why = await waiting.reason(client, settings, workflow_id(adjustment_id)) or "it is under way"
    raise OutOfReach(
        f"adjustment {adjustment_id} has no answer after {timeout_seconds:g} s: {why}; it may still come: "
        f"look with `adjustment show {adjustment_id}`"
    )
