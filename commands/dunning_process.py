"""Speaks with the process that recovers an invoice: tells it what a person says, and starts it again where Temporal has lost it.

The books are asked first and last: what is over takes no command, and the answer is how the invoice stands then.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from temporalio.client import WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from billing.dunning_books import Dunning
from billing.errors import BillingError, UnknownId
from commands import connections, dunning_rows, dunning_sheet, waiting
from commands.dunning_desk_documents import DunningDocument
from commands.errors import AnswerIsNo, OutOfReach, WrongUse
from settings import Settings
from workflows.dunning import DunningWorkflow, workflow_id
from workflows.dunning_messages import MoveToPolicy, RetryNow, Until, Word

UPDATES: Mapping[str, tuple[Any, type[Word]]] = {
    "retry": (DunningWorkflow.retry_now, RetryNow),
    "pause": (DunningWorkflow.pause, Until),
    "promise": (DunningWorkflow.promise, Until),
    "extend": (DunningWorkflow.extend, Until),
    "resume": (DunningWorkflow.resume, Word),
    "give-up": (DunningWorkflow.give_up, Word),
    "move": (DunningWorkflow.move_to_policy, MoveToPolicy),
    "hold": (DunningWorkflow.hold, Word),
    "release": (DunningWorkflow.release, Word),
}
"""What the process takes, by the command that says it."""


async def tell(settings: Settings, invoice_id: str, update: Any, word: Word, timeout_seconds: float) -> DunningDocument:
    """Give a person's word and return how the invoice stands then.

    Raises WrongUse for an invoice that is not recovered, AnswerIsNo for what contradicts how it stands or comes after the
    end, and OutOfReach where no answer came.
    """
    _require_running(await _read(settings, invoice_id))
    client = await connections.temporal(settings)
    await connections.require_worker(client, settings)
    asking = waiting.start_and_ask(client, _start(settings, invoice_id), update, word)
    try:
        await waiting.within(timeout_seconds, asking)
    except waiting.NoAnswerInTime:
        why = await waiting.reason(client, settings, workflow_id(invoice_id)) or "it is under way"
        raise OutOfReach(
            f"the recovery of invoice {invoice_id} has no answer after {timeout_seconds:g} s: {why}; "
            f"it may still be heard: look with `dunning show {invoice_id}`"
        ) from None
    except (WorkflowAlreadyStartedError, waiting.EndedWithoutAnswer):
        await _ended(settings, invoice_id)
    except RPCError as error:
        if not waiting.ended_while_asked(error):
            raise
        await _ended(settings, invoice_id)
    return await _stands(settings, invoice_id)


def _start(settings: Settings, invoice_id: str) -> waiting.Start:
    return lambda: WithStartWorkflowOperation(
        DunningWorkflow.run,
        invoice_id,
        id=workflow_id(invoice_id),
        task_queue=settings.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        # All that it knows is in the books; so a process that is gone is only taken up again.
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        static_summary=f"invoice {invoice_id}",
    )


async def _ended(settings: Settings, invoice_id: str) -> None:
    """The process ended before it heard: it is over, or another run of it will hear."""
    _require_running(await _read(settings, invoice_id))
    raise OutOfReach(f"the process of invoice {invoice_id} ended before it heard: give the command again")


def _require_running(dunning: Dunning) -> None:
    if dunning.ended_at is not None:
        ended = f"{dunning_sheet.minute(dunning.ended_at)} ({dunning.reason})"
        raise AnswerIsNo(f"dunning {dunning.invoice_id}: it ended at {ended}, and takes no command any more")


async def _read(settings: Settings, invoice_id: str) -> Dunning:
    async with connections.books(settings) as books:
        try:
            return await dunning_rows.known(books, invoice_id)
        except UnknownId as error:
            raise WrongUse(str(error)) from None


async def _stands(settings: Settings, invoice_id: str) -> DunningDocument:
    async with connections.snapshot(settings) as books:
        try:
            return await dunning_rows.shown(books, await dunning_rows.known(books, invoice_id), datetime.now(UTC))
        except BillingError as error:
            raise AnswerIsNo(str(error)) from None
