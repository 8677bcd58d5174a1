"""What each ledger step of a charge decides: what to write and what comes next, as pure functions of the charge's rows.

The steps read the rows under the charge's lock, ask here, and write; the simulation of a charge asks here too.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from activities import consequences
from activities.gateway_answers import answer_of
from gateways.port import Capabilities, Declined, OperationKind, OperationRequest, Outcome, Refused, Succeeded
from ledger.charges import CaptureMode, Charge, ChargeRequest, ChargeStatus
from ledger.entries import Entry
from ledger.operations import NewOperation, Operation
from ledger.record import Record

UNREACHABLE = "gateway_unreachable"
"""Code of an operation that never left: its gateway could not be reached before money could move."""
WITHDRAWN = "canceled"
"""Code of an operation that was withdrawn before it was sent."""
SAFE_SHARE_OF_KEY_LIFE = 0.9
"""A tenth of a key's life is kept as distance from the moment when the gateway forgets it."""
LONGEST_UNKNOWN = timedelta(hours=22)
"""After a day a person has to know of an outcome that nobody knows, however long the gateway remembers its key."""
GIVEN_UP: Mapping[str, Any] = {
    "outcome": "declined",
    "decline_code": "not_authenticated",
    "message": "the customer did not authenticate",
}
"""What is decided of an operation that waits for its customer, once the payment is fenced off."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A charge's rows at one moment; operations oldest first."""

    charge: Charge
    operations: tuple[Operation, ...]

    def operation(self, operation_id: str) -> Operation:
        """Return an operation of the charge that must exist."""
        return next(each for each in self.operations if each.operation_id == operation_id)

    def changed(self, changes: Mapping[str, Mapping[str, Any]]) -> "Case":
        """Return the case with changed operations."""
        operations = (each.model_copy(update=changes.get(each.operation_id, {})) for each in self.operations)
        return replace(self, operations=tuple(operations))

    @property
    def attempts(self) -> tuple[Operation, ...]:
        """The first operation of each attempt."""
        return tuple(each for each in self.operations if each.is_attempt)

    @property
    def current(self) -> Operation | None:
        """Return the operation that is to be performed or followed: undecided, or with its fee to come."""
        ours = (
            each
            for each in reversed(self.operations)
            if each.refund_id is None and each.compensates is None and not each.excess
        )
        return next((each for each in ours if not each.is_decided or each.fee_status == "pending"), None)

    def next_number(self, kind: str) -> int:
        """Number the next operation of a kind."""
        return 1 + sum(each.kind == kind for each in self.operations)


@dataclass(frozen=True, kw_only=True)
class NextAttempt:
    """Where and how to try again after a no."""

    gateway: str
    payment_method: str
    reason: str
    """Why this gateway, in words."""
    routing: dict[str, Any] | None = None
    authenticate: bool = False
    wait_seconds: float = 0.0


TryAgain = Callable[[Case], NextAttempt | None]
"""Whether and where to try again, given the rows with the last attempt decided."""


def nothing_follows(_case: Case) -> None:
    """The rule of no further attempt."""


class Chooser(Protocol):
    """Chooses the gateways of a charge's attempts."""

    async def refresh(self) -> None:
        """Bring what it decides by up to date; waits for nothing."""
        ...

    def first(self, request: ChargeRequest, now: datetime) -> NextAttempt:
        """Choose for a new charge; raises NoGateway."""
        ...

    def next_at(self, now: datetime) -> TryAgain:
        """Return the rule for what follows a no at this moment."""
        ...


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to write in one transaction."""

    charge: Mapping[str, Any] = field(default_factory=dict)
    operations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Changes of operations that are not decided yet, by operation id."""
    new: NewOperation | None = None
    entries: tuple[Entry, ...] = ()
    wait_seconds: float = 0.0
    """How long to wait before the new operation is asked for."""


class Further(Record):
    """A further operation on a charge; `amount_minor` None means the whole authorization."""

    charge_id: str
    kind: OperationKind
    purpose: str
    """What serves the same purpose is the same operation, whoever asks for it again."""
    upon: str | None = None
    """The last operation for this purpose, where it came to nothing and another one is to follow upon it.

    Named, so that a worker that stood still and asks once more opens no other one.
    """
    amount_minor: int | None = None
    actor: str


def attempt(case: Case, chosen: NextAttempt) -> NewOperation:
    """Name the first operation of the next attempt."""
    charge = case.charge
    automatic = charge.capture_method is CaptureMode.AUTOMATIC
    kind = OperationKind.CAPTURE if automatic else OperationKind.AUTHORIZE
    number = 1 + len(case.attempts)
    method = charge.method(chosen.gateway)
    return NewOperation(
        charge_id=charge.charge_id,
        kind=kind,
        number=case.next_number(kind),
        attempt=number,
        gateway=chosen.gateway,
        payment_method=chosen.payment_method,
        amount=charge.amount,
        actor=charge.actor,
        purpose=f"attempt:{number}",
        routing=chosen.routing,
        authenticate=chosen.authenticate,
        customer_present=charge.customer_present,
        gateway_customer=method.gateway_customer if method else None,
        mandate=method.mandate if method else None,
    )


def further(case: Case, asked: Further) -> NewOperation | Operation:
    """Name a capture or a void of the newest attempt; where its purpose is served, return what serves it."""
    serving = [each for each in case.operations if _serves(each, asked.purpose)]
    if serving and not (came_to_nothing(serving[-1]) and serving[-1].operation_id == asked.upon):
        return serving[-1]
    purpose = asked.purpose if not serving else f"{asked.purpose}:{len(serving) + 1}"
    charge, newest = case.charge, case.attempts[-1]
    whole = charge.authorized_minor or charge.amount_minor
    return NewOperation(
        charge_id=charge.charge_id,
        kind=asked.kind,
        number=case.next_number(asked.kind),
        attempt=newest.attempt,
        gateway=newest.gateway,
        amount=charge.money(whole if asked.amount_minor is None else asked.amount_minor),
        payment_reference=newest.payment_reference,
        target_reference=newest.gateway_reference if charge.authorized_minor else None,
        actor=asked.actor,
        purpose=purpose,
    )


def came_to_nothing(operation: Operation) -> bool:
    """Whether an operation has ended without what it was asked for."""
    return operation.is_decided and operation.outcome != "succeeded"


def _serves(operation: Operation, purpose: str) -> bool:
    """Whether it is the operation for a purpose, or one of those that followed it: `cancel`, `cancel:2`."""
    return operation.purpose == purpose or re.fullmatch(rf"{re.escape(purpose)}:\d+", operation.purpose) is not None


def record(
    case: Case, operation_id: str, outcome: Outcome, now: datetime, *, lapsed: bool, try_again: TryAgain
) -> Decision | None:
    """Decide what an outcome means; None where a final one stands already, which nothing here replaces."""
    before = case.operation(operation_id)
    if before.is_decided:
        return None
    changed = {operation_id: operation_changes(outcome)}
    if before.kind == "void" and isinstance(outcome, Succeeded):
        waiting = (each for each in case.operations if each.outcome == "action_required")
        changed |= {each.operation_id: dict(GIVEN_UP) for each in waiting}
    after = before.model_copy(update=changed[operation_id])
    chosen = None
    if isinstance(outcome, Declined | Refused) and after.is_attempt and case.charge.canceled_by is None:
        case = case.changed(changed)
        chosen = try_again(case)
    consequence = consequences.of_outcome(
        case.charge, after, outcome, now, lapsed=lapsed, tried_again=chosen is not None
    )
    still_waiting = {}
    if after.kind == "void" and consequence.charge.get("status") is ChargeStatus.NEEDS_REVIEW:
        # What had to be given up was not: it waits for its customer as before, and its review is closed.
        still_waiting = {"status": ChargeStatus.REQUIRES_ACTION}
    known_now = consequences.of_known(case.charge, before, now) if before.outcome == "unknown" else []
    moved_on = {} if chosen is None else {"gateway": chosen.gateway, "gateway_reason": chosen.reason}
    return Decision(
        charge=consequence.charge | still_waiting | moved_on,
        operations=changed,
        new=None if chosen is None else attempt(case, chosen),
        entries=(*known_now, *consequence.entries),
        wait_seconds=0.0 if chosen is None else chosen.wait_seconds,
    )


def unknown(case: Case, operation_id: str, reason: str, now: datetime, *, try_again: TryAgain) -> Decision | None:
    """Show the exposure of an outcome that is not known; where nothing can have been sent, decide that instead."""
    operation = case.operation(operation_id)
    if operation.payment_reference is None:
        nothing_sent = Refused(code=UNREACHABLE, message=reason)
        return record(case, operation_id, nothing_sent, now, lapsed=False, try_again=try_again)
    if operation.is_decided or operation.outcome == "unknown":
        return None
    return Decision(
        charge={"status": ChargeStatus.UNKNOWN, "message": reason},
        operations={
            operation_id: {"outcome": "unknown", "message": reason, "times_unknown": operation.times_unknown + 1}
        },
        entries=tuple(consequences.of_unknown(case.charge, operation)),
    )


def operation_changes(outcome: Outcome) -> dict[str, Any]:
    """The columns of an operation that an outcome decides."""
    changes: dict[str, Any] = {"outcome": outcome.outcome, "answer": answer_of(outcome)}
    if outcome.reference is not None:
        changes["gateway_reference"] = outcome.reference
    if isinstance(outcome, Succeeded):
        changes |= {"decline_code": None, "message": None, "advice": None}
        changes["fee_status"] = "pending" if outcome.fee_pending else "none"
        if outcome.fee is not None:
            fee = outcome.fee
            changes |= {"fee_minor": fee.amount_minor, "fee_currency": fee.currency, "fee_status": "known"}
    else:
        changes["decline_code"] = getattr(outcome, "code", None)
        changes["advice"] = getattr(outcome, "advice", None)
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
        gateway_customer=operation.gateway_customer,
        mandate=operation.mandate,
        customer_present=operation.customer_present,
        payment_reference=operation.payment_reference,
        target_reference=operation.target_reference,
        final=operation.final,
        authenticate=operation.authenticate,
        reason=operation.reason,
    )


def ask_until(operation: Operation, capabilities: Capabilities) -> datetime:
    """Say until when an operation may be sent again: while its gateway is sure to know its key, and a day at most."""
    life = capabilities.key_life(is_attempt=operation.is_attempt)
    return operation.requested_at + min(SAFE_SHARE_OF_KEY_LIFE * life, LONGEST_UNKNOWN)


def is_decided(outcome: Outcome) -> bool:
    """Whether an outcome is for good."""
    return isinstance(outcome, Succeeded | Declined | Refused)
