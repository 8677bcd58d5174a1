"""Judges a run by what the gateways did and what the books say, with sums of its own: it asks nothing of what it judges."""

from collections import Counter
from collections.abc import Iterable, Iterator

from ledger.charges import ChargeStatus
from ledger.entries import Entry
from ledger.operations import Operation
from tests.simulation.payments import Effect
from tests.simulation.system import System

ENDED = {
    "captured",
    "partially_captured",
    "voided",
    "refunded",
    "canceled",
    "declined",
    "expired",
    "disputed",
    "reversed",
}
CALLED_OFF = {"voided", "refunded", "canceled", "declined", "expired", "reversed"}
OPEN = {None, "unknown", "pending", "action_required"}


def violations(system: System) -> Iterator[str]:
    """List what must not be, each line begins with the invariant."""
    yield from system.violations
    yield from system.books.broken
    yield from _failures(system)
    if system.books.charge is None:
        return
    yield from _entries(system.books.entries.values())
    yield from _effects(system)
    yield from _limits(system)
    yield from _ending(system)


def _failures(system: System) -> Iterator[str]:
    tasks = [system.process, *(task for _, task in system.refunds.values())]
    if system.late is not None:
        tasks.append(system.late[1])
    for task in tasks:
        if task.failure is not None:
            yield f"I5: {task.name} failed: {type(task.failure).__name__}: {task.failure}"


def _entries(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        sides: Counter[str] = Counter()
        for line in entry.lines:
            sides[line.side] += line.money.amount_minor
        if sides["debit"] != sides["credit"]:
            yield f"I2: {entry.reference} does not balance"


def balance(system: System, code: str) -> int:
    """Debits less credits of an account."""
    lines = (line for entry in system.books.entries.values() for line in entry.lines if line.account.code == code)
    return sum(line.money.amount_minor if line.side == "debit" else -line.money.amount_minor for line in lines)


def _effects(system: System) -> Iterator[str]:
    """I1 and I3: each effect once, and in the books once; what is undecided is on the memo account instead."""
    for name, gateway in system.gateways.items():
        counted = Counter((each.kind, each.operation_id) for each in gateway.effects)
        yield from (f"I3: {kind} of {who} happened {n} times" for (kind, who), n in counted.items() if n > 1)
        known = [each for each in gateway.effects if not _is_open(system, each)]
        moved = sum(_SIGN[each.kind] * each.amount_minor for each in known)
        fees = sum(
            payment.fee_minor
            for payment in gateway.payments.values()
            if payment.fee_at is not None
            and payment.taken_by is not None
            and not _is_open(system, Effect("capture", payment.taken_by, 0))
        )
        fees += sum(
            payment.withdrawal.fee.amount_minor
            for payment in gateway.payments.values()
            if payment.withdrawal is not None and payment.withdrawal.fee is not None
        )
        booked = balance(system, f"clearing:{name}")
        if booked != moved - fees:
            yield f"I1: {name} moved {moved} and took fees of {fees}; clearing says {booked}"
        held = sum(
            p.amount_minor for p in gateway.payments.values() if p.status == "held" and _decided(system, p.operation_id)
        )
        memo = balance(system, f"memo:authorizations:{name}")
        if memo != held and not _undecided(system):
            yield f"I1: {name} holds {held}, the memo account says {memo}"
        unknown = sum(
            each.amount_minor
            for each in system.books.operations.values()
            if each.gateway == name and each.outcome == "unknown"
        )
        if balance(system, f"memo:unresolved:{name}") != unknown:
            yield f"I1: {name} has {unknown} unresolved, the memo account says otherwise"


_SIGN = {
    "capture": 1,
    "refund": -1,
    "refund_returned": 1,
    "authorize": 0,
    "void": 0,
    "withdrawn": -1,
    "withdrawal_returned": 1,
}


def _is_open(system: System, effect: Effect) -> bool:
    operation = system.books.operations.get(effect.operation_id)
    return operation is not None and operation.outcome in OPEN


def _decided(system: System, operation_id: str) -> bool:
    return system.books.operations[operation_id].outcome not in OPEN


def _undecided(system: System) -> list[Operation]:
    return [each for each in system.books.operations.values() if each.outcome in OPEN]


def _nothing_is_kept(system: System) -> Iterator[str]:
    """What a charge that came to nothing has kept; a refund that came back after it was made is another matter."""
    returned = any(each.kind == "refund_returned" for gateway in system.gateways.values() for each in gateway.effects)
    for gateway in system.gateways.values():
        for payment in gateway.payments.values():
            back = sum(each.amount_minor for each in payment.refunds if each.status == "succeeded")
            back += payment.withdrawn_minor
            if payment.taken_minor > back and not returned:
                yield f"I4: {payment.reference} keeps {payment.taken_minor - back} of a charge that came to nothing"
            if payment.status == "held":
                yield f"I4: {payment.reference} is held for a charge that came to nothing"


def _limits(system: System) -> Iterator[str]:
    """I4: not more is taken than was asked for, and never by two payments for good."""
    charge = system.books.charge
    assert charge is not None
    kept = 0
    payments = 0
    for gateway in system.gateways.values():
        for payment in gateway.payments.values():
            if payment.status != "taken":
                continue
            back = sum(each.amount_minor for each in payment.refunds if each.status == "succeeded")
            back += payment.withdrawn_minor
            kept += payment.taken_minor - back
            payments += payment.taken_minor > back
            if back > payment.taken_minor:
                yield f"I4: {payment.reference} gave back more than it took"
    if payments > 1 and not _undecided(system):
        yield f"I4: {payments} payments keep the customer's money"
    if kept > charge.amount_minor and not _undecided(system):
        yield f"I4: {kept} was taken for a charge of {charge.amount_minor}"
    ours = [each for each in system.books.operations.values() if not each.excess and each.compensates is None]
    captured = sum(1 for each in ours if each.kind == "capture" and each.outcome == "succeeded")
    if captured > 1:
        yield "I4: two captures count for the charge"


def _called_off(system: System, status: ChargeStatus) -> Iterator[str]:
    """What was called off, or had to be confirmed and was not, comes to nothing."""
    charge = system.books.known()
    if system.is_promised and status not in CALLED_OFF:
        yield f"I5: canceled, and ended as {status}"
    elif charge.canceled_by is not None and status not in CALLED_OFF:
        yield f"I5: called off, and ended as {status}"
    overdue = charge.confirm_by is not None and charge.confirmed_at is None
    if overdue and status not in CALLED_OFF:
        yield f"I5: never confirmed, and ended as {status}"
    if status in CALLED_OFF and not _undecided(system):
        yield from _nothing_is_kept(system)


def _ending(system: System) -> Iterator[str]:
    """I5: ended, or in review; a charge that was called off keeps nothing."""
    charge = system.books.charge
    assert charge is not None
    if charge.status is ChargeStatus.NEEDS_REVIEW:
        if system.process.is_over:
            yield "I5: in review, and its process has ended"
        if system.books.open_review() is None:
            yield "I5: in review, without a case"
        return
    if not system.process.is_over:
        yield f"I5: still {charge.status} after all that time"
    elif charge.status not in ENDED:
        yield f"I5: ended as {charge.status}"
    yield from _called_off(system, charge.status)
    if system.books.open_review() is not None:
        yield f"I5: a case is open, and the charge is {charge.status}"
