"""The ledger steps of a charge: each is one short database transaction, and running it again changes nothing.

They are local activities. Steps lock the charge's row first, so two of them never wait for each other in a circle.
"""

from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities import consequences
from activities.database_errors import translated
from gateways import routing
from gateways.port import Capabilities, OperationKind, OperationRequest, Outcome, Refused, Succeeded
from ledger import charges, journal, operations
from ledger.charges import CaptureMode, Charge, ChargeRequest, ChargeStatus, ChargeView, Record
from ledger.database import Connection, Database
from ledger.money import Money
from ledger.operations import NewOperation, Operation


class OpenOperation(Record):
    """A further operation on a charge; `amount_minor` None means the whole authorization."""

    charge_id: str
    kind: OperationKind
    number: int
    amount_minor: int | None = None
    actor: str


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
    """A charge that a person has to look at, and why."""

    charge_id: str
    reason: str


class Standing(Record):
    """Where the charge stands after a step, and the operation that is still to be performed or followed."""

    view: ChargeView
    operation: OperationRequest | None = None
    seen_before: bool = False
    """The operation was written down earlier, so it may have been sent."""
    fee_pending: bool = False
    ask_until: datetime | None = None
    """While the outcome is unknown: how long the gateway still knows the operation's key."""


class ChargeBooks:
    """Local activities of the charge; `capabilities` and `order` are what routing chooses by."""

    def __init__(self, engine: Database, capabilities: dict[str, Capabilities], order: tuple[str, ...]) -> None:
        self._engine = engine
        self._capabilities = capabilities
        self._order = order

    @activity.defn(name="open_charge")
    @translated
    async def open_charge(self, request: ChargeRequest) -> Standing:
        """Choose the gateway and write the charge and its first operation down."""
        methods = [method.gateway for method in request.payment_methods]
        choice = routing.choose(request.amount, methods, request.gateway, self._capabilities, self._order)
        kind = OperationKind.CAPTURE if request.capture is CaptureMode.AUTOMATIC else OperationKind.AUTHORIZE
        async with self._engine.begin() as connection:
            charge, _ = await charges.open_charge(connection, request, choice.gateway, choice.reason)
            new = NewOperation(
                charge_id=request.charge_id,
                kind=kind,
                number=1,
                gateway=charge.gateway or choice.gateway,
                payment_method=_token(charge),
                amount=request.amount,
                actor=request.actor,
                purpose="attempt:1",
            )
            operation, is_new = await operations.intend(connection, new)
        return _standing(charge, operation, seen_before=not is_new)

    @activity.defn(name="open_operation")
    @translated
    async def open_operation(self, request: OpenOperation) -> Standing:
        """Write a capture or a void down before it is sent."""
        async with self._engine.begin() as connection:
            charge = await charges.known(connection, request.charge_id, lock=True)
            first = (await operations.of_charge(connection, request.charge_id))[0]
            amount = charge.authorized_minor or charge.amount_minor
            new = NewOperation(
                charge_id=request.charge_id,
                kind=request.kind,
                number=request.number,
                gateway=first.gateway,
                amount=charge.money(amount if request.amount_minor is None else request.amount_minor),
                payment_reference=first.payment_reference,
                target_reference=first.gateway_reference if charge.authorized_minor else None,
                actor=request.actor,
                purpose=f"command:{request.kind}:{request.number}",
            )
            operation, is_new = await operations.intend(connection, new)
        return _standing(charge, operation, seen_before=not is_new)

    @activity.defn(name="record_outcome")
    @translated
    async def record_outcome(self, request: RecordOutcome) -> Standing:
        """Write the outcome, the charge's new state and the journal entries in one transaction, once."""
        async with self._engine.begin() as connection:
            charge = await charges.known(connection, request.operation.charge_id, lock=True)
            return await _record(connection, charge, request.operation, request.outcome, lapsed=request.lapsed)

    @activity.defn(name="record_unknown")
    @translated
    async def record_unknown(self, request: RecordUnknown) -> Standing:
        """Show the exposure of an unknown outcome; where nothing can have been sent, record that instead."""
        async with self._engine.begin() as connection:
            charge = await charges.known(connection, request.operation.charge_id, lock=True)
            operation = await operations.known(connection, request.operation.operation_id)
            if operation.payment_reference is None:
                nothing_sent = Refused(code="gateway_unreachable", message=request.reason)
                return await _record(connection, charge, request.operation, nothing_sent, lapsed=False)
            decided = await operations.decide(
                connection, operation.operation_id, {"outcome": "unknown", "message": request.reason}
            )
            if decided is None:
                return _standing(charge, operation, seen_before=True)
            changes = {"status": ChargeStatus.UNKNOWN, "message": request.reason}
            charge = await charges.change(connection, charge.charge_id, changes)
            await journal.post(connection, consequences.of_unknown(charge, operation))
        standing = _standing(charge, decided, seen_before=True)
        return standing.model_copy(update={"ask_until": self._ask_until(operation)})

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
        """Hand the charge to a person, with the reason."""
        async with self._engine.begin() as connection:
            changes = {"status": ChargeStatus.NEEDS_REVIEW, "message": request.reason}
            charge = await charges.change(connection, request.charge_id, changes)
        return Standing(view=charge.view())

    def _ask_until(self, operation: Operation) -> datetime:
        """A tenth of the key's life is kept as distance from the moment when the gateway forgets it."""
        life = timedelta(seconds=self._capabilities[operation.gateway].key_life_seconds)
        return operation.requested_at + 0.9 * life


async def _record(
    connection: Connection, charge: Charge, request: OperationRequest, outcome: Outcome, *, lapsed: bool
) -> Standing:
    before = await operations.known(connection, request.operation_id)
    decided = await operations.decide(connection, request.operation_id, operation_changes(outcome))
    if decided is None:
        return _standing(charge, before, seen_before=True)
    if decided.kind == "void" and isinstance(outcome, Succeeded):
        await operations.give_up(connection, charge.charge_id, "the customer did not authenticate in time")
    now = datetime.now(UTC)
    consequence = consequences.of_outcome(charge, decided, outcome, now, lapsed=lapsed)
    known_now = consequences.of_known(charge, before, now) if before.outcome == "unknown" else []
    charge = await charges.change(connection, charge.charge_id, consequence.charge)
    if known_now or consequence.entries:
        await journal.post(connection, [*known_now, *consequence.entries])
    return _standing(charge, decided, seen_before=True)


def operation_changes(outcome: Outcome) -> dict[str, object]:
    """The columns of an operation that an outcome decides."""
    changes: dict[str, object] = {"outcome": outcome.outcome}
    if outcome.reference is not None:
        changes["gateway_reference"] = outcome.reference
    if isinstance(outcome, Succeeded):
        changes["fee_status"] = "pending" if outcome.fee_pending else "none"
        if outcome.fee is not None:
            fee = outcome.fee
            changes |= {"fee_minor": fee.amount_minor, "fee_currency": fee.currency, "fee_status": "known"}
    else:
        changes["decline_code"] = getattr(outcome, "code", None)
        changes["message"] = getattr(outcome, "message", None) or getattr(outcome, "reason", None)
    return changes


def operation_request(operation: Operation, customer: str) -> OperationRequest:
    """Read the operation's row as the request that the gateway gets, the same each time."""
    return OperationRequest(
        operation_id=operation.operation_id,
        charge_id=operation.charge_id,
        kind=OperationKind(operation.kind),
        gateway=operation.gateway,
        amount=operation.amount,
        customer=customer,
        payment_method=operation.payment_method,
        payment_reference=operation.payment_reference,
        target_reference=operation.target_reference,
        final=operation.final,
        authenticate=operation.authenticate,
        reason=operation.reason,
    )


def _standing(charge: Charge, operation: Operation, *, seen_before: bool) -> Standing:
    fee_pending = operation.fee_status == "pending"
    to_follow = fee_pending or not operation.is_decided
    return Standing(
        view=charge.view(),
        operation=operation_request(operation, charge.customer) if to_follow else None,
        seen_before=seen_before,
        fee_pending=fee_pending,
    )


def _token(charge: Charge) -> str:
    return next(method.token for method in charge.payment_methods if method.gateway == charge.gateway)
