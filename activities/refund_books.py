"""The ledger steps of a refund: reserve first, then what the gateway said, also when it takes it back days later.

They are local activities. Steps lock the charge's row first, so two of them never wait for each other in a circle.
"""

from datetime import UTC, datetime

from temporalio import activity

from activities import consequences, review_books
from activities.charge_decisions import ask_until, is_decided, operation_changes, operation_request
from activities.database_errors import translated
from activities.review_books import OpenReview, ResolveReview
from activities.review_decision import TAKEN_FOR_FAILED
from gateways.port import Capabilities, OperationRequest, Outcome, Pending, Succeeded
from ledger import charges, journal, operations, refunds
from ledger.database import Connection, Database
from ledger.operations import Operation
from ledger.record import Record
from ledger.refunds import RefundRequest, RefundStatus, RefundView


class RecordRefund(Record):
    """What a gateway said of a refund, or, without an outcome, why it is not known."""

    operation: OperationRequest
    outcome: Outcome | None = None
    unknown_because: str | None = None


class ParkRefund(Record):
    """A refund that a person has to look at, and why."""

    operation: OperationRequest
    reason: str


class RefundStanding(Record):
    """Where the refund stands after a step, and the operation that is to be performed or followed."""

    view: RefundView
    operation: OperationRequest
    seen_before: bool = False
    ask_until: datetime | None = None


class RefundBooks:
    """Local activities of the refund; `capabilities` says how long each gateway remembers a key, `reviewers` resolve."""

    def __init__(self, engine: Database, capabilities: dict[str, Capabilities], reviewers: frozenset[str]) -> None:
        self._engine = engine
        self._capabilities = capabilities
        self._reviewers = reviewers

    @activity.defn(name="reserve_refund")
    @translated
    async def reserve_refund(self, request: RefundRequest) -> RefundStanding:
        """Set the money aside, or refuse where less is left; the gateway has heard nothing yet."""
        async with self._engine.begin() as connection:
            charge, operation, is_new = await refunds.reserve(connection, request)
            if is_new:
                await journal.post(connection, consequences.of_reservation(charge, operation))
        return self._standing(operation, charge.customer, seen_before=not is_new)

    @activity.defn(name="record_refund")
    @translated
    async def record_refund(self, request: RecordRefund) -> RefundStanding:
        """Write the outcome, give the reservation back or use it up, and post, in one transaction, once."""
        async with self._engine.begin() as connection:
            if request.outcome is None:
                return await self._record_unknown(connection, request)
            standing = await self._record(connection, request.operation, request.outcome)
            if is_decided(request.outcome):
                refund_id = standing.view.refund_id
                by = f"workflow:refund/{refund_id}"
                await review_books.settled_by_gateway(
                    connection, request.operation, request.outcome, refund_id=refund_id, actor=by
                )
            return standing

    @activity.defn(name="park_refund")
    @translated
    async def park_refund(self, request: ParkRefund) -> RefundStanding:
        """Hand the refund to a person, with the reason."""
        async with self._engine.begin() as connection:
            charge = await charges.known(connection, request.operation.charge_id, lock=True)
            operation = await operations.known(connection, request.operation.operation_id)
            opened = OpenReview(
                charge_id=charge.charge_id,
                refund_id=operation.refund_id,
                operation_id=None if operation.is_decided else operation.operation_id,
                reason=request.reason,
            )
            await review_books.open_review(connection, opened)
            return self._standing(operation, charge.customer, seen_before=True)

    @activity.defn(name="resolve_refund_review")
    @translated
    async def resolve_refund_review(self, request: ResolveReview) -> RefundStanding:
        """Close the review by a person's word, and record the outcome as if the gateway had said it."""
        async with self._engine.begin() as connection:
            await charges.known(connection, request.charge_id, lock=True)
            outcome = await review_books.settle(connection, self._reviewers, request)
            return await self._record(connection, request.operation, outcome)

    async def _record_unknown(self, connection: Connection, request: RecordRefund) -> RefundStanding:
        charge = await charges.known(connection, request.operation.charge_id, lock=True)
        operation = await operations.known(connection, request.operation.operation_id)
        if operation.is_decided or operation.outcome == "unknown":
            return self._standing(operation, charge.customer, seen_before=True)
        changes = {
            "outcome": "unknown",
            "message": request.unknown_because,
            "times_unknown": operation.times_unknown + 1,
        }
        decided = await operations.decide(connection, operation.operation_id, changes)
        await journal.post(connection, consequences.of_unknown(charge, operation))
        return self._standing(decided or operation, charge.customer, seen_before=True)

    async def _record(self, connection: Connection, request: OperationRequest, outcome: Outcome) -> RefundStanding:
        charge = await charges.known(connection, request.charge_id, lock=True)
        before = await operations.known(connection, request.operation_id)
        if _is_later_fact(before, outcome):
            fact = operation_changes(outcome)
            taken_back = {} if isinstance(outcome, Succeeded) else {"outcome": "failed"}
            await operations.change(connection, before.operation_id, fact | taken_back)
        elif await operations.decide(connection, before.operation_id, operation_changes(outcome)) is None:
            return self._standing(before, charge.customer, seen_before=True)
        now = datetime.now(UTC)
        consequence = consequences.of_refund_outcome(charge, before, outcome, now)
        known_now = consequences.of_known(charge, before, now) if before.outcome == "unknown" else []
        if consequence.charge:
            await charges.change(connection, charge.charge_id, consequence.charge)
        if known_now or consequence.entries:
            await journal.post(connection, [*known_now, *consequence.entries])
        after = await operations.known(connection, before.operation_id)
        return self._standing(after, charge.customer, seen_before=True)

    def _standing(self, operation: Operation, customer: str, *, seen_before: bool) -> RefundStanding:
        view = RefundView(
            refund_id=operation.refund_id or "",
            charge_id=operation.charge_id,
            status=_STATUS[operation.outcome],
            amount_minor=operation.amount_minor,
            currency=operation.currency,
            operation_id=operation.operation_id,
            gateway_reference=operation.gateway_reference,
            message=operation.message,
        )
        return RefundStanding(
            view=view,
            operation=operation_request(operation, customer),
            seen_before=seen_before,
            ask_until=ask_until(operation, self._capabilities[operation.gateway]),
        )


def _is_later_fact(before: Operation, outcome: Outcome) -> bool:
    """Whether a refund that was decided turns out otherwise: it came back, or it was made after all."""
    came_back = before.outcome == "succeeded" and not isinstance(outcome, Succeeded | Pending)
    taken_for_failed = before.outcome == "refused" and before.decline_code in TAKEN_FOR_FAILED
    return came_back or (taken_for_failed and isinstance(outcome, Succeeded))


_STATUS = {
    None: RefundStatus.PROCESSING,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "declined": RefundStatus.FAILED,
    "refused": RefundStatus.FAILED,
    "pending": RefundStatus.PENDING,
    "action_required": RefundStatus.PENDING,
    "unknown": RefundStatus.UNKNOWN,
}
