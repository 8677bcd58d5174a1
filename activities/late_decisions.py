"""What a later fact means: an attempt that succeeds after the charge has moved on is in excess, and is undone.

Pure functions of the charge's rows. What is in excess never counts for the charge; it is the customer's.
"""

from collections.abc import Sequence
from datetime import datetime

from activities import excess_decisions
from activities.charge_decisions import Case, Decision, operation_changes
from activities.consequences import AUTHORIZATION_GONE, fact_of
from gateways.port import Declined, OperationKind, Outcome, Refused, Succeeded
from ledger import excess_posting, posting
from ledger.entries import Entry
from ledger.money import Money
from ledger.operations import NewOperation, Operation
from ledger.withdrawals import TakenBack

ACTOR = "workflow:reconcile"


def left_attempts(case: Case) -> list[Operation]:
    """List the attempts that are known to have come to nothing, of which a gateway may say otherwise by now."""
    return [each for each in case.operations if _may_succeed_late(each)]


def made_refunds(case: Case) -> list[Operation]:
    """List the refunds of the charge that are decided: one may come back, or may have been made after all."""
    return [each for each in case.operations if each.refund_id is not None and each.is_decided]


def fees_to_come(case: Case) -> list[Operation]:
    """List the captures whose fee nobody waits for any more, and may be known by now."""
    return [each for each in case.operations if each.kind == "capture" and each.fee_status == "pending"]


def begun_compensations(case: Case) -> list[Operation]:
    """List the compensations that have not come to their end."""
    return [each for each in case.operations if each.compensates is not None and not each.is_decided]


def made_compensations(case: Case) -> list[Operation]:
    """List the refunds of money in excess that were made: one may come back."""
    made = (each for each in case.operations if each.compensates is not None and each.kind == "refund")
    return [each for each in made if each.outcome == "succeeded"]


def _may_succeed_late(operation: Operation) -> bool:
    if operation.excess or operation.compensates is not None or not operation.is_attempt:
        return False
    return operation.outcome in {"declined", "refused"} and operation.payment_reference is not None


def late_success(case: Case, operation_id: str, outcome: Succeeded) -> Decision | None:
    """Book what an attempt took or reserved after all, and open the operation that undoes it; None where that is done."""
    before = case.operation(operation_id)
    if not _may_succeed_late(before):
        return None
    late = before.model_copy(update=operation_changes(outcome) | {"excess": True})
    after = Case(charge=case.charge, operations=tuple(late if each is before else each for each in case.operations))
    compensation = compensating(after, late, outcome.amount)
    money = outcome.amount
    return Decision(
        charge={
            "message": f"{operation_id} took effect late: {money} at {late.gateway} is undone by {compensation.operation_id}"
        },
        operations={operation_id: operation_changes(outcome) | {"excess": True}},
        new=compensation,
        entries=tuple(_taken_in_excess(case, late, outcome)),
    )


def compensating(case: Case, excess: Operation, taken: Money) -> NewOperation:
    """Name the next operation that undoes one in excess: a void of an authorization, a refund of all that was taken."""
    tries = sum(each.compensates == excess.operation_id for each in case.operations)
    kind = OperationKind.VOID if excess.kind == "authorize" else OperationKind.REFUND
    return NewOperation(
        charge_id=case.charge.charge_id,
        kind=kind,
        number=case.next_number(kind),
        attempt=excess.attempt,
        gateway=excess.gateway,
        amount=taken,
        payment_reference=excess.payment_reference,
        target_reference=excess.gateway_reference,
        reason="in excess" if kind is OperationKind.REFUND else None,
        actor=ACTOR,
        purpose=f"compensation:{excess.operation_id}:{tries + 1}",
        compensates=excess.operation_id,
    )


def compensated(
    case: Case, operation_id: str, outcome: Outcome, now: datetime, taken: Sequence[TakenBack] = ()
) -> Decision | None:
    """Decide what the answer to a compensation means; where it is no, another one follows.

    None follows where the gateway has `taken` all of it back by itself: then nothing is left to undo.
    """
    operation = case.operation(operation_id)
    if operation.outcome == "succeeded" and isinstance(outcome, Declined | Refused):
        return _returned(case, operation, outcome, now, taken)
    if operation.is_decided:
        return None
    changes = {operation_id: operation_changes(outcome)}
    known = _known(case, operation, now)
    match outcome:
        case Succeeded():
            return Decision(operations=changes, entries=(*known, *_given_back(case, operation, outcome, taken)))
        case Refused() if operation.kind == "void" and outcome.code in AUTHORIZATION_GONE:
            # It has ended by itself: there is nothing left to undo, and another void would be refused for ever.
            excess = case.operation(operation.compensates or "")
            whole = fact_of(case.charge, excess, operation.amount, now)
            return Decision(operations=changes, entries=(*known, posting.authorization_released(whole, by_void=False)))
        case Declined() | Refused():
            new = _another(case.changed(changes), operation, taken)
            return Decision(operations=changes, new=new, entries=tuple(known))
        case _:
            return Decision(operations=changes, entries=tuple(known))


def compensation_unknown(case: Case, operation_id: str, reason: str) -> Decision | None:
    """Show the exposure while nobody knows whether a compensation took effect."""
    operation = case.operation(operation_id)
    if operation.is_decided or operation.outcome == "unknown":
        return None
    again = {"outcome": "unknown", "message": reason, "times_unknown": operation.times_unknown + 1}
    fact = fact_of(case.charge, operation, operation.amount, operation.requested_at)
    return Decision(
        operations={operation_id: again},
        entries=(posting.outcome_unknown(fact, operation.times_unknown + 1),),
    )


def _returned(
    case: Case, operation: Operation, outcome: Declined | Refused, now: datetime, taken: Sequence[TakenBack]
) -> Decision:
    """A refund of money in excess came back: it is owed again, and paid again."""
    changes = {operation.operation_id: operation_changes(outcome) | {"outcome": "failed"}}
    fact = fact_of(case.charge, operation, operation.amount, now)
    excess = excess_decisions.of_refund(case, operation, taken)
    return Decision(
        operations=changes,
        new=_another(case.changed(changes), operation, taken),
        entries=(excess_posting.excess_refund_returned(fact, excess),),
    )


def _another(case: Case, operation: Operation, taken: Sequence[TakenBack]) -> NewOperation | None:
    """Name what follows upon a compensation that came to nothing; None where the gateway has taken all of it back."""
    excess = case.operation(operation.compensates or "")
    is_gone = excess_decisions.kept_of(excess, taken) >= operation.amount.amount_minor
    return None if is_gone else compensating(case, excess, operation.amount)


def _known(case: Case, operation: Operation, now: datetime) -> list[Entry]:
    if operation.outcome != "unknown":
        return []
    return [posting.outcome_known(fact_of(case.charge, operation, operation.amount, now), operation.times_unknown)]


def _taken_in_excess(case: Case, late: Operation, outcome: Succeeded) -> list[Entry]:
    fact = fact_of(case.charge, late, outcome.amount, outcome.occurred_at)
    if late.kind == "authorize":
        return [posting.authorized(fact)]
    return [posting.captured_in_excess(fact), *_fee(fact, outcome)]


def _given_back(case: Case, operation: Operation, outcome: Succeeded, taken: Sequence[TakenBack]) -> list[Entry]:
    fact = fact_of(case.charge, operation, outcome.amount, outcome.occurred_at)
    if operation.kind == "void":
        whole = fact_of(case.charge, operation, operation.amount, outcome.occurred_at)
        return [posting.authorization_released(whole, by_void=True)]
    excess = excess_decisions.of_refund(case, operation, taken)
    return [excess_posting.excess_refunded(fact, excess), *_fee(fact, outcome)]


def _fee(fact: posting.Fact, outcome: Succeeded) -> list[Entry]:
    if outcome.fee is None or outcome.fee.amount_minor == 0:
        return []
    return [posting.fee_charged(fact.model_copy(update={"money": outcome.fee}))]
