"""The accounts that must show, for each charge, what the gateway and the operations say: clearing, memos, refunds owed.

They are examined where operations, entries and effects agree one by one; what is left are wrong accounts and strays.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ledger.proofs.amounts import shown
from ledger.proofs.booked import (
    AUTHORIZATIONS,
    CLEARING,
    CONTRA,
    FEES,
    PAID_BACK_TWICE,
    REFUNDS_PAYABLE,
    UNRESOLVED,
    Totals,
    balances,
)
from ledger.proofs.evidence import ChargeEvidence, Effect, EffectKind, OperationRow, Standing
from ledger.proofs.findings import Code, Finding
from ledger.proofs.withdrawal_checks import taken_back, without_withdrawals


def check_gateway_accounts(evidence: ChargeEvidence, effects: Sequence[Effect]) -> Iterator[Finding]:
    """Examine clearing and open authorizations against the gateway; `effects` are those of operations."""
    found = balances(evidence.entries, evidence.charge.charge_id)
    yield from _compare(Code.CLEARING_DIFFERS, evidence, _of(found, CLEARING), _clearing(evidence, effects))
    yield from _compare(Code.AUTHORIZATIONS_DIFFER, evidence, _of(found, AUTHORIZATIONS), _held(effects))


def check_own_accounts(evidence: ChargeEvidence) -> Iterator[Finding]:
    """Examine unknown outcomes and refunds owed against the operations."""
    found = balances(evidence.entries, evidence.charge.charge_id)
    unknown = [operation for operation in evidence.operations if operation.outcome == "unknown"]
    expected = _sum((f"{UNRESOLVED}{operation.gateway}", operation, 1) for operation in unknown)
    yield from _compare(Code.UNRESOLVED_DIFFERS, evidence, _of(found, UNRESOLVED), expected)
    expected = _owed(evidence)
    for account in (REFUNDS_PAYABLE, PAID_BACK_TWICE):
        yield from _compare(Code.REFUNDS_PAYABLE_DIFFER, evidence, _of(found, account), _of(expected, account))


def _owed(evidence: ChargeEvidence) -> Totals:
    """Refunds promised, and of each capture in excess what nobody has given back yet; what came back beyond it is lost."""
    expected = _sum((REFUNDS_PAYABLE, each, -1) for each in evidence.operations if _is_promised(each))
    for taken in evidence.operations:
        if taken.kind != "capture" or not taken.excess or taken.outcome != "succeeded":
            continue
        left = Counter({taken.currency: taken.amount_minor})
        for each in evidence.operations:
            if each.compensates == taken.operation_id and each.kind == "refund" and each.outcome == "succeeded":
                left[each.currency] -= each.amount_minor
        for row in evidence.withdrawals:
            if row.operation_id == taken.operation_id and row.state == "lost":
                left[row.currency] -= row.kept_minor
        for currency, amount in left.items():
            account = REFUNDS_PAYABLE if amount > 0 else PAID_BACK_TWICE
            expected[account, currency] -= amount
    return expected


def _is_promised(operation: OperationRow) -> bool:
    return operation.kind == "refund" and operation.compensates is None and operation.is_undecided


def _clearing(evidence: ChargeEvidence, effects: Sequence[Effect]) -> Totals:
    """Captures less refunds and what was taken back, as the gateway says, less the fees booked, which were held against the gateway's already."""
    expected: Totals = Counter()
    for effect in effects:
        if effect.standing is Standing.DONE:
            sign = -1 if effect.kind is EffectKind.REFUND else 1
            expected[f"{CLEARING}{effect.gateway}", effect.currency] += sign * effect.amount_minor
    for (at, currency), amount in taken_back(evidence.effects).items():
        expected[f"{CLEARING}{at}", currency] -= amount
    gateways = {operation.operation_id: operation.gateway for operation in evidence.operations}
    for entry in without_withdrawals(evidence.entries):
        gateway = gateways.get(entry.operation_id or "")
        for line in entry.lines:
            if line.account == FEES and gateway is not None:
                expected[f"{CLEARING}{gateway}", line.currency] -= line.signed_minor
    return expected


def _held(effects: Sequence[Effect]) -> Totals:
    expected: Totals = Counter()
    for effect in effects:
        if effect.standing is Standing.HELD:
            expected[f"{AUTHORIZATIONS}{effect.gateway}", effect.currency] += effect.amount_minor
    return expected


def _sum(parts: Iterable[tuple[str, OperationRow, int]]) -> Totals:
    total: Totals = Counter()
    for account, operation, sign in parts:
        total[account, operation.currency] += sign * operation.amount_minor
    return total


def _of(found: Totals, prefix: str) -> Totals:
    return Counter(
        {
            (account, currency): amount
            for (account, currency), amount in found.items()
            if account.startswith(prefix) and not account.endswith(f":{CONTRA}")
        }
    )


def _compare(code: Code, evidence: ChargeEvidence, found: Totals, expected: Totals) -> Iterator[Finding]:
    for account, currency in sorted(found.keys() | expected.keys()):
        has, should = found[account, currency], expected[account, currency]
        if has != should:
            charge_id = evidence.charge.charge_id
            words = f"{account} has {shown(has, currency)}, and should have {shown(should, currency)}"
            yield Finding(code=code, message=f"charge {charge_id}: {words}", charge_id=charge_id)
