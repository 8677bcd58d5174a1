"""The ledger steps of a review, each a part of its caller's transaction: opening the case, and settling it.

The caller holds the lock of the charge's row, and records the outcome that settling returns in the same transaction.
"""

from collections.abc import Collection
from datetime import UTC, datetime

from pydantic import Field

from activities import review_decision
from activities.review_decision import Contradicted, Taken
from gateways.port import OperationRequest, Outcome
from ledger import operations, reviews
from ledger.database import Connection
from ledger.errors import NotAReviewer, ResolutionRefused
from ledger.record import Identifier, Record
from ledger.reviews import Because, NewReview, Resolution, Review, Word


class OpenReview(Record):
    """A case for a person: `operation_id` is the operation whose outcome is open, if there is one."""

    charge_id: str
    refund_id: str | None = None
    operation_id: str | None = None
    reason: str = Field(min_length=1)


class ResolveReview(Record):
    """A person's word on an operation in review, and what its gateway says now; `read` None: it shows no trace."""

    charge_id: str
    refund_id: str | None = None
    operation: OperationRequest
    as_: Word
    because: Because
    by: Identifier
    read: Outcome | None


async def open_review(connection: Connection, request: OpenReview) -> Review:
    """Open the case with its evidence and choices, or return the one that is open."""
    operation = None
    if request.operation_id is not None:
        operation = await operations.known(connection, request.operation_id)
    case = NewReview(
        charge_id=request.charge_id,
        refund_id=request.refund_id,
        operation_id=request.operation_id,
        reason=request.reason,
        evidence=review_decision.evidence(operation) if operation else None,
        choices=review_decision.choices(operation) if operation else (),
    )
    return await reviews.open_case(connection, case)


async def settle(connection: Connection, reviewers: Collection[str], request: ResolveReview) -> Outcome:
    """Close the case by a person's word and return the outcome to record.

    The same step, run again, closes nothing and answers as before; its operation is decided by then. Raises
    NotInReview, ReviewClosed, NotAReviewer, and ResolutionRefused where the gateway says otherwise or the case is
    about another operation; the case then stays open.
    """
    case = await reviews.latest_of(connection, request.charge_id, request.refund_id)
    resolution, resolver = Resolution(request.as_), f"person:{request.by}"
    same = (case.resolution, case.because, case.resolved_by) == (resolution, request.because, resolver)
    if not case.is_open and not same:
        raise case.closed()
    refusal = review_decision.may_resolve(reviewers, request.by)
    if refusal is not None:
        raise NotAReviewer(request.by, refusal)
    _require_operation(case, request.operation)
    decided_at = case.resolved_at or datetime.now(UTC)
    match review_decision.decide(request.operation, request.as_, request.because, request.read, decided_at):
        case Contradicted(why):
            raise ResolutionRefused(why)
        case Taken(outcome):
            if case.is_open:
                await reviews.close(connection, case.review_id, resolution, request.because, resolver)
            return outcome


async def settled_by_gateway(
    connection: Connection,
    operation: OperationRequest,
    outcome: Outcome,
    *,
    refund_id: str | None,
    actor: str,
    also: frozenset[str] = frozenset(),
) -> Review | None:
    """Close the open case about this operation, if there is one, since a later reading of the gateway settled it.

    `also` are other operations that are decided by it. To be called with an outcome that is decided, in the transaction that records it.
    """
    case = await reviews.open_of(connection, operation.charge_id, refund_id)
    if case is None or case.operation_id not in {None, operation.operation_id, *also}:
        return None
    because = f"{operation.gateway}, asked about {operation.operation_id}, {review_decision.said(outcome)}"
    return await reviews.close(connection, case.review_id, Resolution.SETTLED_BY_GATEWAY, because, actor)


async def settled_by_refunds(connection: Connection, charge_id: str) -> Review | None:
    """Close the open case of a charge, if there is one, since all that was taken is given back."""
    case = await reviews.open_of(connection, charge_id, None)
    if case is None:
        return None
    because, actor = "everything that was taken is given back", f"workflow:charge/{charge_id}"
    return await reviews.close(connection, case.review_id, Resolution.SETTLED_BY_GATEWAY, because, actor)


def _require_operation(case: Review, operation: OperationRequest) -> None:
    if case.operation_id is None:
        raise ResolutionRefused(
            f"no operation of charge {case.charge_id} waits for an outcome, so there is none to resolve: {case.reason}"
        )
    if case.operation_id != operation.operation_id:
        raise ResolutionRefused(
            f"the review of charge {case.charge_id} is about {case.operation_id}, not about {operation.operation_id}"
        )
