"""What an outcome means: the charge's new state and the journal entries, as pure functions of the facts."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from activities.gateway_answers import answer_of, carried_on
from gateways.port import ActionRequired, Declined, Outcome, Pending, RefusalCode, Refused, Succeeded
from ledger import posting
from ledger.charges import Charge, ChargeStatus
from ledger.entries import Entry
from ledger.money import Money
from ledger.operations import Operation
from ledger.posting import Fact

AUTHORIZATION_GONE: dict[str, ChargeStatus] = {
    RefusalCode.AUTHORIZATION_EXPIRED: ChargeStatus.EXPIRED,
    RefusalCode.AUTHORIZATION_VOIDED: ChargeStatus.VOIDED,
}
"""Refusals which say that there is nothing left to capture or to void."""


@dataclass(frozen=True, kw_only=True)
class Consequence:
    """What to write in one transaction besides the operation's outcome."""

    charge: dict[str, Any]
    entries: list[Entry] = field(default_factory=list)


def of_outcome(
    charge: Charge, operation: Operation, outcome: Outcome, now: datetime, *, lapsed: bool, tried_again: bool = False
) -> Consequence:
    """Decide what an authorization, a capture or a void means.

    `lapsed` where a timer asked and not a person; `tried_again` where another attempt follows upon a no.
    """
    match outcome:
        case Succeeded():
            return _succeeded(charge, operation, outcome, lapsed=lapsed)
        case Declined() | Refused():
            return _said_no(charge, operation, outcome, now, tried_again=tried_again)
        case ActionRequired():
            return Consequence(charge={"status": ChargeStatus.REQUIRES_ACTION, "action_url": outcome.action_url})
        case Pending():
            return Consequence(charge={"status": ChargeStatus.PENDING, "message": outcome.reason, "action_url": None})


def of_refund_outcome(charge: Charge, operation: Operation, outcome: Outcome, now: datetime) -> Consequence:
    """Decide what the answer to a refund means, also when a refund that had succeeded fails days later."""
    amount = operation.amount.amount_minor
    match outcome:
        case Succeeded() if operation.outcome == "refused":
            moved = fact_of(charge, operation, outcome.amount, outcome.occurred_at)
            changes = {"refunded_minor": charge.refunded_minor + outcome.amount.amount_minor}
            return Consequence(charge=changes, entries=[posting.refund_appeared(moved), *_fee(moved, outcome.fee)])
        case Succeeded():
            moved = fact_of(charge, operation, outcome.amount, outcome.occurred_at)
            changes = {
                "refund_reserved_minor": charge.refund_reserved_minor - amount,
                "refunded_minor": charge.refunded_minor + outcome.amount.amount_minor,
            }
            return Consequence(
                charge=changes, entries=[posting.refund_succeeded(moved, operation.amount), *_fee(moved, outcome.fee)]
            )
        case Declined() | Refused():
            given_back = fact_of(charge, operation, operation.amount, now)
            if operation.outcome == "succeeded":
                changes = {"refunded_minor": charge.refunded_minor - amount}
                return Consequence(charge=changes, entries=[posting.refund_failed(given_back, had_succeeded=True)])
            changes = {"refund_reserved_minor": charge.refund_reserved_minor - amount}
            return Consequence(charge=changes, entries=[posting.refund_failed(given_back, had_succeeded=False)])
        case ActionRequired() | Pending():
            return Consequence(charge={})


def of_unknown(charge: Charge, operation: Operation) -> list[Entry]:
    """Show the exposure while nobody knows whether the money moved."""
    fact = fact_of(charge, operation, operation.amount, operation.requested_at)
    return [posting.outcome_unknown(fact, operation.times_unknown + 1)]


def of_known(charge: Charge, operation: Operation, now: datetime) -> list[Entry]:
    """Take the exposure away once it is known."""
    return [posting.outcome_known(fact_of(charge, operation, operation.amount, now), operation.times_unknown)]


def of_reservation(charge: Charge, operation: Operation) -> list[Entry]:
    """Set a refund's money aside before the gateway is asked."""
    return [posting.refund_reserved(fact_of(charge, operation, operation.amount, operation.requested_at))]


def of_fee(charge: Charge, operation: Operation, fee: Money, at: datetime) -> list[Entry]:
    """Book a fee that the gateway reported later than the capture."""
    return _fee(fact_of(charge, operation, operation.amount, at), fee)


def _succeeded(charge: Charge, operation: Operation, outcome: Succeeded, *, lapsed: bool) -> Consequence:
    fact = fact_of(charge, operation, outcome.amount, outcome.occurred_at)
    done = {"decline_code": None, "message": None, "action_url": None, "answer": _answer(charge, operation, outcome)}
    match operation.kind:
        case "authorize":
            changes = done | {
                "status": ChargeStatus.AUTHORIZED,
                "authorized_minor": outcome.amount.amount_minor,
                "authorization_expires_at": outcome.capture_before,
            }
            return Consequence(charge=changes, entries=[posting.authorized(fact)])
        case "capture":
            return _captured(charge, operation, outcome, fact, done)
        case _:
            status = ChargeStatus.EXPIRED if lapsed else ChargeStatus.VOIDED
            if charge.authorized_minor == 0:
                nothing_held = ChargeStatus.CANCELED if charge.canceled_by else status
                return Consequence(charge=done | {"status": nothing_held})
            return Consequence(
                charge=done | {"status": status}, entries=[_released(charge, operation, outcome.occurred_at)]
            )


def _captured(
    charge: Charge, operation: Operation, outcome: Succeeded, fact: Fact, done: dict[str, Any]
) -> Consequence:
    taken = outcome.amount.amount_minor
    entries = [posting.captured(fact)]
    if operation.target_reference is None:
        changes = {"status": ChargeStatus.CAPTURED, "authorized_minor": taken, "captured_minor": taken}
    else:
        partial = taken < charge.authorized_minor
        status = ChargeStatus.PARTIALLY_CAPTURED if partial else ChargeStatus.CAPTURED
        changes = {"status": status, "captured_minor": taken}
        entries.append(_released(charge, operation, outcome.occurred_at))
    return Consequence(charge=done | changes, entries=[*entries, *_fee(fact, outcome.fee)])


def _said_no(
    charge: Charge, operation: Operation, outcome: Declined | Refused, now: datetime, *, tried_again: bool
) -> Consequence:
    answer = _answer(charge, operation, outcome)
    said = {"decline_code": outcome.code, "message": outcome.message, "action_url": None, "answer": answer}
    if charge.authorized_minor == 0:
        if operation.kind == "void":
            return Consequence(charge=said | {"status": charge.status})
        ended = ChargeStatus.CANCELED if charge.canceled_by else ChargeStatus.DECLINED
        return Consequence(charge=said | {"status": ChargeStatus.PROCESSING if tried_again else ended})
    gone = AUTHORIZATION_GONE.get(outcome.code)
    if gone is None:
        return Consequence(charge=said | {"status": ChargeStatus.AUTHORIZED})
    return Consequence(charge=said | {"status": gone}, entries=[_released(charge, operation, now)])


def _answer(charge: Charge, operation: Operation, outcome: Outcome) -> dict[str, Any] | None:
    told = answer_of(outcome)
    return told if operation.is_attempt else carried_on(told, charge.answer)


def _released(charge: Charge, operation: Operation, at: datetime) -> Entry:
    """Take the whole authorization off the memo account: what was captured is used up, the rest is released."""
    whole = fact_of(charge, operation, charge.money(charge.authorized_minor), at)
    by_void = operation.kind == "void" and operation.outcome == "succeeded"
    return posting.authorization_released(whole, by_void=by_void)


def _fee(fact: Fact, fee: Money | None) -> list[Entry]:
    if fee is None or fee.amount_minor == 0:
        return []
    return [posting.fee_charged(fact.model_copy(update={"money": fee}))]


def fact_of(charge: Charge, operation: Operation, money: Money, at: datetime) -> Fact:
    return Fact(
        operation_id=operation.operation_id,
        charge_id=charge.charge_id,
        gateway=operation.gateway,
        money=money,
        event_at=at,
        actor=operation.actor,
        customer=charge.customer,
        invoice=charge.invoice,
        reason_code=operation.kind,
    )
