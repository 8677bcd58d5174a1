"""Tells the process of a charge or a refund what a person says of its operation, and waits for what it makes of that.

The books are asked first, so that a case that is not there or closed is told without Temporal; the process decides.
"""

from typing import NoReturn

from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from commands import connections, review_documents, review_rows, waiting
from commands.errors import AnswerIsNo, OutOfReach
from commands.review_documents import ReviewDocument
from ledger.charges import ChargeView
from ledger.refunds import RefundView
from ledger.reviews import Review
from settings import Settings
from workflows.review_messages import GATEWAY_NOT_READ, RESOLVE_REVIEW, ResolveReview


async def resolve(
    settings: Settings, charge_id: str, refund_id: str | None, word: ResolveReview, timeout_seconds: float
) -> ReviewDocument:
    """Give a person's word on the open case, and return the case as it stands then."""
    case = await review_rows.latest(settings, charge_id, refund_id)
    if not case.is_open:
        raise AnswerIsNo(str(case.closed()))
    client = await connections.temporal(settings)
    await connections.require_worker(client, settings)
    try:
        await waiting.within(timeout_seconds, _tell(client, case, word))
    except waiting.NoAnswerInTime:
        await _explain(client, settings, case, timeout_seconds)
    except WorkflowUpdateFailedError as error:
        await _refused(settings, case, error)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise OutOfReach(
            f"the process {review_documents.workflow_id(case)} is not running in Temporal at "
            f"{settings.temporal_address}, namespace {settings.temporal_namespace!r}, so nothing was resolved: "
            f"look at `review show {charge_id}`"
        ) from None
    return review_documents.of_review(settings, await review_rows.latest(settings, charge_id, refund_id))


async def _tell(client: Client, case: Review, word: ResolveReview) -> None:
    view = ChargeView if case.refund_id is None else RefundView
    handle = client.get_workflow_handle(review_documents.workflow_id(case))
    await waiting.until_taken(lambda: handle.execute_update(RESOLVE_REVIEW, word, result_type=view))


async def _refused(settings: Settings, case: Review, error: WorkflowUpdateFailedError) -> None:
    """Raise what the process refused the word with; a process that ended before it answered has said it in the books."""
    refusal = waiting.refusal(error)
    if isinstance(refusal, waiting.EndedWithoutAnswer):
        now = await review_rows.latest(settings, case.charge_id, case.refund_id)
        if now.is_open:
            raise OutOfReach(
                f"the process {review_documents.workflow_id(case)} has ended, and the review is open: {_look(case)}"
            )
        return
    if isinstance(error.cause, ApplicationError) and error.cause.type == GATEWAY_NOT_READ:
        raise OutOfReach(f"{refusal}; nothing was resolved, so give the same command again") from None
    raise refusal from None


async def _explain(client: Client, settings: Settings, case: Review, timeout_seconds: float) -> NoReturn:
    why = await waiting.reason(client, settings, review_documents.workflow_id(case)) or "it is under way"
    raise OutOfReach(f"the review is not resolved after {timeout_seconds:g} s: {why}; it may still be: {_look(case)}")


def _look(case: Review) -> str:
    return f"look with `review show {case.charge_id}`"
