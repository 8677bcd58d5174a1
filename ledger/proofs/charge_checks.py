"""Each charge as a whole: charged once, within its limits, in a state that its operations explain, and never stuck."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from ledger.proofs.amounts import shown
from ledger.proofs.evidence import (
    OVER,
    ChargeEvidence,
    ChargeRow,
    Effect,
    EffectKind,
    OperationRow,
    Standing,
    WithdrawalRow,
)
from ledger.proofs.findings import Code, Finding, Note, NoteCode

EXPIRY_SLACK = timedelta(hours=1)
DEADLINES: Mapping[str | None, timedelta] = {
    None: timedelta(minutes=15),
    "action_required": timedelta(hours=2),
    "unknown": timedelta(days=1),
    "pending": timedelta(days=15),
}
"""How long an operation may wait in each state before its process must have given up on it or handed it over."""
REFUND_PENDING_DEADLINE = timedelta(days=31)
CONFIRMATION_SLACK = timedelta(hours=1)


def check_charged_once(
    evidence: ChargeEvidence, effects: Sequence[Effect], in_excess: Collection[str] = ()
) -> Iterator[Finding]:
    """Examine what the gateways took from the customer and did not give back: by one payment only.

    `in_excess` are payments that the books know to be too many, and examine by themselves.
    """
    payments = {effect.reference: _payment(effect) for effect in effects if effect.kind is EffectKind.CAPTURE}
    kept: Counter[str] = Counter()
    for effect in effects:
        if effect.kind is EffectKind.REFUND and effect.standing is Standing.DONE:
            payment = effect.payment_reference or payments.get(effect.target_reference or "") or effect.reference
            kept[payment] -= effect.amount_minor
        elif effect.standing in {Standing.DONE, Standing.HELD} and effect.kind is not EffectKind.MOVEMENT:
            kept[_payment(effect)] += effect.amount_minor
    keeping = sorted(payment for payment, amount in kept.items() if amount > 0 and payment not in in_excess)
    if len(keeping) > 1:
        words = f"money was taken or is held by {' and '.join(keeping)}"
        yield _finding(Code.CHARGE_DOUBLED, evidence.charge, words, keeping[-1])


def check_limits(evidence: ChargeEvidence, effects: Sequence[Effect]) -> Iterator[Finding]:
    """Examine the charge's limits, at the gateway and in its row."""
    charge = evidence.charge
    at_gateway: Counter[EffectKind] = Counter()
    for effect in effects:
        if effect.standing in {Standing.DONE, Standing.PENDING} and effect.currency == charge.currency:
            at_gateway[effect.kind] += effect.amount_minor
    given_back = charge.refunded_minor + charge.refund_reserved_minor
    taken_back = sum(row.kept_minor for row in evidence.counted_withdrawals)
    limits = [
        ("authorized", charge.authorized_minor, "asked for", charge.amount_minor),
        ("captured", charge.captured_minor, "authorized", charge.authorized_minor),
        ("refunded, reserved or taken back", given_back + taken_back, "captured", charge.captured_minor),
        ("refunded at the gateway", at_gateway[EffectKind.REFUND], "captured there", at_gateway[EffectKind.CAPTURE]),
    ]
    for done, amount, limit, most in limits:
        if amount > most:
            words = f"{shown(amount, charge.currency)} is {done}, and {shown(most, charge.currency)} {limit}"
            yield _finding(Code.LIMIT_EXCEEDED, charge, words)


def check_holds(evidence: ChargeEvidence, holds: Mapping[str, Effect]) -> Iterator[Finding | Note]:
    """Examine the authorizations, by the operation that made each: held while the charge waits, and no longer."""
    charge = evidence.charge
    acting = [operation for operation in evidence.operations if operation.is_undecided and not operation.is_first]
    for operation in evidence.operations:
        hold = holds.get(operation.operation_id)
        if hold is None or operation.outcome != "succeeded" or operation.excess:
            continue
        amount = shown(hold.amount_minor, hold.currency)
        if hold.standing is Standing.HELD and charge.status in OVER:
            words = f"it is {charge.status}, and {hold.gateway} still holds {amount} under {hold.reference}"
            yield _finding(Code.AUTHORIZATION_LEFT_OPEN, charge, words, hold.reference, operation)
        elif hold.standing is not Standing.HELD and charge.status not in OVER:
            words = f"{hold.gateway} does not hold {hold.reference} any more"
            if acting:
                name = acting[-1].operation_id
                message = f"{name}: {words}, which is about to be booked"
                yield Note(code=NoteCode.IN_PROGRESS, message=message, charge_id=charge.charge_id, operation_id=name)
            elif charge.status == "authorized":
                words = f"it waits to be captured, and {words}"
                yield _finding(Code.AUTHORIZATION_LOST, charge, words, hold.reference, operation)


def check_waiting(evidence: ChargeEvidence, now: datetime) -> Iterator[Finding]:
    """Examine what is waited for: each wait has a deadline, and none is over."""
    charge = evidence.charge
    for operation in evidence.operations:
        if not operation.is_undecided:
            continue
        is_of_the_charge = operation.kind != "refund" and operation.compensates is None
        if is_of_the_charge and (charge.status in OVER or charge.status == "needs_review"):
            continue
        is_refund_pending = operation.kind == "refund" and operation.outcome == "pending"
        allowed = REFUND_PENDING_DEADLINE if is_refund_pending else DEADLINES[operation.outcome]
        waited = now - operation.requested_at
        if waited > allowed:
            state = operation.outcome or "under way"
            words = f"{operation.operation_id} is {state} since {operation.requested_at:%Y-%m-%d %H:%M} UTC"
            yield _finding(Code.OPERATION_STUCK, charge, words, operation.gateway_reference, operation)
    if charge.status == "authorized":
        lapses = charge.authorization_expires_at
        if lapses is None:
            yield _finding(Code.CHARGE_STUCK, charge, "it waits to be captured without a deadline")
        elif now > lapses + EXPIRY_SLACK:
            yield _finding(
                Code.CHARGE_STUCK, charge, f"it waits to be captured since it lapsed at {lapses:%Y-%m-%d %H:%M} UTC"
            )
    yield from _check_confirmation(charge, now)


def check_row(evidence: ChargeEvidence) -> Iterator[Finding]:
    """Examine the charge's row against its operations."""
    charge = evidence.charge
    expected = _counters(evidence.operations)
    counted = evidence.counted_withdrawals
    expected["taken back"] = sum(row.kept_minor for row in counted)
    stated = {
        "taken back": charge.withdrawn_minor,
        "authorized": charge.authorized_minor,
        "captured": charge.captured_minor,
        "refunded": charge.refunded_minor,
        "reserved": charge.refund_reserved_minor,
    }
    for name, amount in stated.items():
        if amount != expected[name]:
            words = f"its row has {shown(amount, charge.currency)} {name}, its operations {shown(expected[name], charge.currency)}"
            yield _finding(Code.COUNTER_DIFFERS, charge, words)
    if not _status_fits(charge.status, evidence.operations, expected, counted):
        outcomes = ", ".join(f"{row.operation_id} {row.outcome or 'under way'}" for row in evidence.operations)
        yield _finding(
            Code.STATUS_DIFFERS, charge, f"it is {charge.status}, and its operations are: {outcomes or 'none'}"
        )


def _check_confirmation(charge: ChargeRow, now: datetime) -> Iterator[Finding]:
    waits = charge.status in {"authorized", "captured", "partially_captured"} and charge.confirmed_at is None
    given_back = charge.refunded_minor + charge.refund_reserved_minor
    if charge.confirm_by is None or not waits or given_back >= charge.captured_minor > 0:
        return
    if now > charge.confirm_by + CONFIRMATION_SLACK:
        words = f"nobody confirmed it by {charge.confirm_by:%Y-%m-%d %H:%M} UTC, and it was not undone"
        yield _finding(Code.CHARGE_STUCK, charge, words)


def _payment(effect: Effect) -> str:
    return effect.payment_reference or effect.target_reference or effect.reference


def _counters(operations: Sequence[OperationRow]) -> Counter[str]:
    counters: Counter[str] = Counter()
    for operation in operations:
        if not operation.counts:
            continue
        if operation.outcome == "succeeded":
            if operation.is_first:
                counters["authorized"] += operation.amount_minor
            if operation.kind == "capture":
                counters["captured"] += operation.amount_minor
            if operation.kind == "refund":
                counters["refunded"] += operation.amount_minor
        elif operation.kind == "refund" and operation.is_undecided:
            counters["reserved"] += operation.amount_minor
    return counters


def _status_fits(
    status: str, operations: Sequence[OperationRow], counters: Counter[str], withdrawals: Sequence[WithdrawalRow]
) -> bool:
    """Whether the operations and withdrawals allow this state; what is parked for a person may be in any."""
    is_disputed = any(row.state == "open" for row in withdrawals)
    lost = sum(row.kept_minor for row in withdrawals if row.state == "lost")
    captured, authorized = counters["captured"], counters["authorized"]
    was_tried = bool(operations)
    operations = [operation for operation in operations if operation.counts]
    nothing_taken = captured == 0 == authorized
    waits = any(operation.is_undecided for operation in operations if operation.kind != "refund")
    was_voided = any(operation.kind == "void" and operation.outcome == "succeeded" for operation in operations)
    waiting = captured == 0 and waits and not was_voided
    released = captured == 0 and any(map(_gave_up_authorization, operations))
    return {
        "captured": 0 < captured == authorized and not is_disputed,
        "partially_captured": 0 < captured < authorized and not is_disputed,
        "disputed": captured > 0 and is_disputed,
        "reversed": lost > 0 and 0 < captured <= lost + counters["refunded"] and not is_disputed,
        "authorized": captured == 0 < authorized and not was_voided,
        "voided": released,
        "expired": released,
        "refunded": 0 < captured <= counters["refunded"] + lost,
        "canceled": nothing_taken and not waits,
        "declined": was_tried and nothing_taken and not waits,
        "processing": waiting,
        "requires_action": waiting,
        "pending": waiting,
        "unknown": waiting,
        "needs_review": True,
    }.get(status, False)


def _gave_up_authorization(operation: OperationRow) -> bool:
    """Whether it released the authorization, or was told that there is nothing left to capture or to void."""
    if operation.kind == "void" and operation.outcome == "succeeded":
        return True
    acts_on_one = operation.kind in {"capture", "void"} and not operation.is_first
    return acts_on_one and operation.outcome in {"refused", "declined"}


def _finding(
    code: Code,
    charge: ChargeRow,
    message: str,
    gateway_reference: str | None = None,
    operation: OperationRow | None = None,
) -> Finding:
    return Finding(
        code=code,
        message=f"charge {charge.charge_id}: {message}",
        charge_id=charge.charge_id,
        operation_id=operation.operation_id if operation else None,
        gateway=operation.gateway if operation else None,
        gateway_reference=gateway_reference,
    )
