"""The ledger steps of a charge: each is one short database transaction, and running it again changes nothing.

They are local activities. Steps lock the charge's row first, so two of them never wait for each other in a circle.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import structlog
from temporalio import activity

from activities import card_tries, consequences, review_books, withdrawal_decisions
from activities import charge_decisions as decisions
from activities.charge_decisions import Case, Chooser, Decision, Further, TryAgain, is_decided
from activities.database_errors import translated
from activities.review_books import OpenReview, ResolveReview
from billing.errors import CardRests
from gateways.port import Capabilities, OperationRequest, Outcome
from gateways.routing.errors import NoGateway
from ledger import charges, journal, operations, withdrawals
from ledger.charges import ChargeRequest, ChargeStatus, ChargeView
from ledger.database import Connection, Database
from ledger.money import Money
from ledger.operations import Operation
from ledger.record import Record

log = structlog.get_logger()

MAY_HAVE_A_CASE = frozenset(
    {ChargeStatus.NEEDS_REVIEW, ChargeStatus.UNKNOWN, ChargeStatus.PENDING, ChargeStatus.REQUIRES_ACTION}
)
"""Where a person may be asked: in review, or by a command from there that is not answered yet."""


class RecordOutcome(Record):
    """What a gateway said; `lapsed` where a deadline asked for the operation and not a person."""

    operation: OperationRequest
    outcome: Outcome
    lapsed: bool = False


class RecordUnknown(Record):
    """No answer within the budget, and why."""

    operation: OperationRequest
    reason: str


class RecordFee(Record):
    """A fee that the gateway reported after the capture."""

    operation: OperationRequest
    fee: Money
    occurred_at: datetime


class Park(Record):
    """A charge that a person has to look at, and why; `status` is where it stood for whoever asks.

    A worker that stood still and asks once more, when the charge has gone on, hands nothing over.
    """

    charge_id: str
    reason: str
    status: ChargeStatus | None = None


class Standing(Record):
    """Where the charge stands after a step, and the operation that is still to be performed or followed."""

    view: ChargeView
    operation: OperationRequest | None = None
    seen_before: bool = False
    """The operation was written down earlier, so it may have been sent."""
    fee_pending: bool = False
    ask_until: datetime | None = None
    """How long the gateway is sure to know the operation's key; past it only reading is allowed."""
    wait_seconds: float = 0.0
    """How long to wait before the operation is asked for."""
    came_to_nothing: str | None = None
    """The operation that was opened for a purpose before, where it has ended without what it was asked for."""


class Confirm(Record):
    """The merchant stands by the charge, at this moment."""

    charge_id: str
    confirmed_at: datetime


class RequestCancel(Record):
    """Somebody calls the charge off."""

    charge_id: str
    actor: str


class ChargeBooks:
    """Local activities of the charge.

    `attempts` chooses gateways, `capabilities` says how long each remembers a key, `reviewers` may resolve reviews.
    """

    def __init__(
        self,
        engine: Database,
        capabilities: Mapping[str, Capabilities],
        attempts: Chooser,
        reviewers: frozenset[str],
    ) -> None:
        self._engine = engine
        self._capabilities = capabilities
        self._attempts = attempts
        self._reviewers = reviewers

    @activity.defn(name="open_charge")
    @translated
    async def open_charge(self, request: ChargeRequest) -> Standing:
        """Choose the gateway and write the charge and its first operation down; what was written before stands."""
        await self._attempts.refresh()
        async with self._engine.begin() as connection:
            try:
                chosen = self._attempts.first(request, datetime.now(UTC))
            except NoGateway:
                # A charge that was written down before goes on, whatever the gateways can do by now.
                if not await charges.is_same(connection, request):
                    raise
                return self._standing(await case_of(connection, request.charge_id))
            charge, is_new = await charges.open_charge(connection, request, chosen.gateway, chosen.reason)
            if not is_new:
                return self._standing(await case_of(connection, request.charge_id))
            first = decisions.attempt(Case(charge=charge, operations=()), chosen)
            await card_tries.claim(connection, first, datetime.now(UTC))
            operation, _ = await operations.intend(connection, first)
            return self._standing(Case(charge=charge, operations=(operation,)), is_new=True)

    @activity.defn(name="open_operation")
    @translated
    async def open_operation(self, request: Further) -> Standing:
        """Write a capture or a void down before it is sent; for a purpose that is served, say how it stands."""
        async with self._engine.begin() as connection:
            case = await case_of(connection, request.charge_id)
            further = decisions.further(case, request)
            if isinstance(further, Operation):
                standing = self._standing(case, further if not further.is_decided else None)
                failed = further.operation_id if decisions.came_to_nothing(further) else None
                return standing.model_copy(update={"came_to_nothing": failed})
            operation, _ = await operations.intend(connection, further)
            return self._standing(case, operation, is_new=True)

    @activity.defn(name="record_outcome")
    @translated
    async def record_outcome(self, request: RecordOutcome) -> Standing:
        """Write the outcome, the charge's new state, the entries and the next attempt in one transaction, once."""
        await self._attempts.refresh()
        async with self._engine.begin() as connection:
            now = datetime.now(UTC)
            case = await case_of(connection, request.operation.charge_id)

            def decided(try_again: TryAgain) -> Decision | None:
                return decisions.record(
                    case,
                    request.operation.operation_id,
                    request.outcome,
                    now,
                    lapsed=request.lapsed,
                    try_again=try_again,
                )

            decision = await self._within_ceilings(connection, case, decided, now)
            if case.charge.status in MAY_HAVE_A_CASE and is_decided(request.outcome):
                by = f"workflow:charge/{case.charge.charge_id}"
                # A void that succeeds also decides what waited for the customer.
                also = frozenset() if decision is None else frozenset(decision.operations)
                await review_books.settled_by_gateway(
                    connection, request.operation, request.outcome, refund_id=None, actor=by, also=also
                )
            return await self._carry_out(connection, case, decision)

    @activity.defn(name="record_unknown")
    @translated
    async def record_unknown(self, request: RecordUnknown) -> Standing:
        """Show the exposure of an unknown outcome; where nothing can have been sent, record that instead."""
        await self._attempts.refresh()
        async with self._engine.begin() as connection:
            now = datetime.now(UTC)
            case = await case_of(connection, request.operation.charge_id)

            def decided(try_again: TryAgain) -> Decision | None:
                return decisions.unknown(case, request.operation.operation_id, request.reason, now, try_again=try_again)

            decision = await self._within_ceilings(connection, case, decided, now)
            return await self._carry_out(connection, case, decision)

    @activity.defn(name="record_fee")
    @translated
    async def record_fee(self, request: RecordFee) -> None:
        """Book a fee that came later than its capture."""
        async with self._engine.begin() as connection:
            charge = await charges.known(connection, request.operation.charge_id, lock=True)
            operation = await operations.known(connection, request.operation.operation_id)
            fee = request.fee
            known = {"fee_minor": fee.amount_minor, "fee_currency": fee.currency, "fee_status": "known"}
            await operations.change(connection, operation.operation_id, known)
            entries = consequences.of_fee(charge, operation, fee, request.occurred_at)
            if entries:
                await journal.post(connection, entries)

    @activity.defn(name="park")
    @translated
    async def park(self, request: Park) -> Standing:
        """Hand the charge to a person, with the reason and the operation whose outcome is open."""
        async with self._engine.begin() as connection:
            case = await case_of(connection, request.charge_id)
            if not may_be_parked(case, request):
                return self._standing(case)
            parked = {"status": ChargeStatus.NEEDS_REVIEW, "message": request.reason}
            charge = await charges.change(connection, request.charge_id, parked)
            undecided = case.current if case.current is not None and not case.current.is_decided else None
            opened = OpenReview(
                charge_id=request.charge_id,
                operation_id=undecided.operation_id if undecided else None,
                reason=request.reason,
            )
            await review_books.open_review(connection, opened)
            return self._standing(replace(case, charge=charge))

    @activity.defn(name="resolve_review")
    @translated
    async def resolve_review(self, request: ResolveReview) -> Standing:
        """Close the review by a person's word, and record the outcome as if the gateway had said it."""
        async with self._engine.begin() as connection:
            now = datetime.now(UTC)
            case = await case_of(connection, request.charge_id)
            outcome = await review_books.settle(connection, self._reviewers, request)
            decision = decisions.record(
                case,
                request.operation.operation_id,
                outcome,
                now,
                lapsed=False,
                try_again=decisions.nothing_follows,  # days later nothing is tried again by itself
            )
            await card_tries.settle(connection, case, decision, now)
            return await self._carry_out(connection, case, decision)

    @activity.defn(name="request_cancel")
    @translated
    async def request_cancel(self, request: RequestCancel) -> Standing:
        """Call the charge off: no attempt follows from now on, and what was taken or held is given back."""
        return await self._change(request.charge_id, {"canceled_by": request.actor})

    @activity.defn(name="confirm_charge")
    @translated
    async def confirm_charge(self, request: Confirm) -> Standing:
        """Write down that the merchant stands by the charge."""
        return await self._change(request.charge_id, {"confirmed_at": request.confirmed_at})

    @activity.defn(name="settle_undone")
    @translated
    async def settle_undone(self, charge_id: str) -> Standing:
        """Show a charge as refunded once everything that it took was given back; else as it stands."""
        async with self._engine.begin() as connection:
            case = await case_of(connection, charge_id)
            charge = case.charge
            if withdrawal_decisions.is_given_back(case, await withdrawals.of_charge(connection, charge_id)):
                if charge.status in MAY_HAVE_A_CASE:
                    await review_books.settled_by_refunds(connection, charge_id)
                charge = await charges.change(connection, charge_id, {"status": ChargeStatus.REFUNDED})
            return self._standing(replace(case, charge=charge))

    async def _change(self, charge_id: str, changes: dict[str, object]) -> Standing:
        async with self._engine.begin() as connection:
            case = await case_of(connection, charge_id)
            charge = await charges.change(connection, charge_id, changes)
            return self._standing(replace(case, charge=charge))

    async def _within_ceilings(
        self, connection: Connection, case: Case, decided: Callable[[TryAgain], Decision | None], now: datetime
    ) -> Decision | None:
        """Decide, count what came of a try, and let another one follow only where its card may be tried."""
        decision = decided(self._attempts.next_at(now))
        await card_tries.settle(connection, case, decision, now)
        if decision is not None and decision.new is not None:
            try:
                await card_tries.claim(connection, decision.new, now)
            except CardRests as rests:
                log.info("charge.card_rests", charge_id=case.charge.charge_id, reason=str(rests))
                return decided(decisions.nothing_follows)
        return decision

    async def _carry_out(self, connection: Connection, case: Case, decision: Decision | None) -> Standing:
        """Write what was decided; where nothing was, somebody else has written it before."""
        if decision is None:
            return self._standing(case)
        changed = {}
        for operation_id, changes in decision.operations.items():
            decided = await operations.decide(connection, operation_id, dict(changes))
            if decided is not None:
                changed[operation_id] = decided
        charge = await charges.change(connection, case.charge.charge_id, dict(decision.charge))
        rows = [changed.get(each.operation_id, each) for each in case.operations]
        if decision.new is not None:
            rows.append((await operations.intend(connection, decision.new))[0])
        if decision.entries:
            await journal.post(connection, decision.entries)
        after = Case(charge=charge, operations=tuple(rows))
        standing = self._standing(after, is_new=decision.new is not None)
        return standing.model_copy(update={"wait_seconds": decision.wait_seconds})

    def _standing(self, case: Case, operation: Operation | None = None, *, is_new: bool = False) -> Standing:
        current = operation or case.current
        if current is None:
            return Standing(view=case.charge.view())
        return Standing(
            view=case.charge.view(),
            operation=decisions.operation_request(current, case.charge.customer),
            seen_before=not is_new,
            fee_pending=current.fee_status == "pending",
            ask_until=decisions.ask_until(current, self._capabilities[current.gateway]),
        )


def may_be_parked(case: Case, request: Park) -> bool:
    """Whether the charge still stands where it stood for whoever wants to hand it over."""
    return request.status in {None, case.charge.status} or case.charge.status is ChargeStatus.NEEDS_REVIEW


async def case_of(connection: Connection, charge_id: str) -> Case:
    """Read a charge's rows and lock them: whatever is decided of them is decided of what stands."""
    charge = await charges.known(connection, charge_id, lock=True)
    return Case(charge=charge, operations=tuple(await operations.of_charge(connection, charge_id, lock=True)))
