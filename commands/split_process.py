"""Speaks with the process of a split: starts or joins it, calls it off, and waits for its answer.

The row in PostgreSQL is asked first and last, so the answer is the same when Temporal has forgotten the process.
"""

from typing import NoReturn

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from commands import connections, split_rows, waiting
from commands.charge_process import Patience
from commands.errors import AnswerIsNo, OutOfReach
from commands.split_documents import SplitDocument, StartedSplitDocument
from ledger import splits
from ledger.splits import SplitRequest, SplitStatus, SplitView
from settings import Settings
from workflows.charge_commands import CancelCommand
from workflows.split import AwaitSplit, SplitWorkflow, workflow_id


async def collect(settings: Settings, request: SplitRequest, patience: Patience) -> SplitDocument:
    """Start the split, or join the one of this id and content, and wait until it is all or nothing."""
    known = await split_rows.same(settings, request)
    if known is None or not known.status.is_decided:
        client = await connections.temporal(settings)
        await connections.require_worker(client, settings)
        try:
            await waiting.within(patience.timeout_seconds, _decision(client, settings, request, patience))
        except waiting.NoAnswerInTime:
            await _explain(client, settings, request.split_id, patience.timeout_seconds)
        except (WorkflowAlreadyStartedError, waiting.EndedWithoutAnswer):
            await _ended(client, settings, request)
    return await split_rows.whole(settings, request.split_id)


async def start(settings: Settings, request: SplitRequest) -> StartedSplitDocument:
    """Start the split and do not wait; one of this id and content is left as it is."""
    if await split_rows.same(settings, request) is None:
        client = await connections.temporal(settings)
        start_split = _start(settings, request, WorkflowIDReusePolicy.REJECT_DUPLICATE)
        question = AwaitSplit(content_hash=request.content_hash())
        try:
            await client.start_workflow(
                SplitWorkflow.run,
                request,
                id=workflow_id(request.split_id),
                task_queue=settings.task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                static_summary=_summary(request),
            )
        except WorkflowAlreadyStartedError:
            # It is not in the books yet, so only the process can say whether it is this one.
            await waiting.start_and_ask(client, start_split, SplitWorkflow.await_decision, question)
    return StartedSplitDocument(split_id=request.split_id, web_ui=split_rows.web_ui(settings, request.split_id))


async def cancel(settings: Settings, split_id: str, command: CancelCommand, timeout_seconds: float) -> SplitDocument:
    """Call a split off; one whose process has ended is taken up again, so that it ends as undone."""
    split, _ = await split_rows.known(settings, split_id)
    if split.status is SplitStatus.UNDONE:
        raise AnswerIsNo(f"split {split_id} is undone already: nothing is left to cancel")
    client = await connections.temporal(settings)
    await connections.require_worker(client, settings)
    start_split = _start(settings, split.request, WorkflowIDReusePolicy.ALLOW_DUPLICATE)
    asking = waiting.start_and_ask(client, start_split, SplitWorkflow.cancel, command)
    try:
        await waiting.within(timeout_seconds, asking)
    except waiting.NoAnswerInTime:
        await _explain(client, settings, split_id, timeout_seconds)
    return await split_rows.whole(settings, split_id)


async def _decision(client: Client, settings: Settings, request: SplitRequest, patience: Patience) -> None:
    """Wait for the answer; each leg may have a step of its own for the customer."""
    known_action_url: str | None = None
    while True:
        question = AwaitSplit(content_hash=request.content_hash(), known_action_url=known_action_url)
        start_split = _start(settings, request, WorkflowIDReusePolicy.REJECT_DUPLICATE)
        view: SplitView = await waiting.start_and_ask(client, start_split, SplitWorkflow.await_decision, question)
        if view.status is not SplitStatus.REQUIRES_ACTION or view.action_url is None:
            return
        known_action_url = view.action_url
        patience.on_action(view.action_url)


def _start(settings: Settings, request: SplitRequest, reuse: WorkflowIDReusePolicy) -> waiting.Start:
    return lambda: WithStartWorkflowOperation(
        SplitWorkflow.run,
        request,
        id=workflow_id(request.split_id),
        task_queue=settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=reuse,
        static_summary=_summary(request),
    )


def _summary(request: SplitRequest) -> str:
    return f"{request.amount} from {request.customer} in {len(request.legs)} legs"


async def _ended(client: Client, settings: Settings, request: SplitRequest) -> None:
    """The process is over: its row has the answer, and without a row its failure says why there is none."""
    if await split_rows.same(settings, request) is not None:
        return
    try:
        await client.get_workflow_handle(workflow_id(request.split_id)).result()
    except WorkflowFailureError as error:
        said = waiting.failure_message(error)
        raise AnswerIsNo(f"split {request.split_id} was not made: {said}; nothing was sent to a gateway") from None


async def _explain(client: Client, settings: Settings, split_id: str, timeout_seconds: float) -> NoReturn:
    """Say why the split is not decided yet, and what to do."""
    why = await waiting.reason(client, settings, workflow_id(split_id))
    found = await _found(settings, split_id)
    if found is not None and found.action_url is not None:
        why = f"the customer has not authenticated yet at {found.action_url}"
    elif found is not None and why is None:
        under_way = (leg for leg in found.legs if leg.status in {"processing", "unknown", "pending"})
        waits = next((f"leg {leg.charge_id} is {leg.status}" for leg in under_way), f"it is {found.status}")
        why = found.message or waits
    raise OutOfReach(
        f"split {split_id} is not decided after {timeout_seconds:g} s: {why or 'it is under way'}; "
        f"it goes on by itself: look with `split status {split_id}`, or give the same command again"
    )


async def _found(settings: Settings, split_id: str) -> SplitDocument | None:
    async with connections.books(settings) as connection:
        split = await splits.get(connection, split_id)
    return None if split is None else await split_rows.whole(settings, split_id)
