"""What a charge took too often, late successes after it had moved on: given back, or on the way back, within a bound."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from ledger.proofs.amounts import shown
from ledger.proofs.evidence import ChargeEvidence, Effect, OperationRow
from ledger.proofs.findings import Code, Finding, Note, NoteCode

BEGUN_WITHIN = timedelta(hours=1)
"""From the success that was too many to the operation that gives it back."""

EffectsOf = Mapping[str, Sequence[Effect]]
"""The effects of each operation, by its id."""


def check_excess(evidence: ChargeEvidence, effects: EffectsOf, now: datetime) -> Iterator[Finding | Note]:
    """Examine each operation in excess: something gives it back, or is about to."""
    for operation in evidence.operations:
        if not operation.excess or operation.outcome != "succeeded":
            continue
        if _is_given_back(operation, evidence) or _has_lapsed(operation, evidence):
            continue
        amount = shown(operation.amount_minor, operation.currency)
        since = _seen_at(operation, effects.get(operation.operation_id, ()))
        charge_id, name = evidence.charge.charge_id, operation.operation_id
        if now - since <= BEGUN_WITHIN:
            message = f"{name}: {amount} in excess are about to be given back"
            yield Note(code=NoteCode.IN_PROGRESS, message=message, charge_id=charge_id, operation_id=name)
            continue
        yield Finding(
            code=Code.EXCESS_KEPT,
            message=f"{name}: {amount} in excess at {operation.gateway} since {since:%Y-%m-%d %H:%M} UTC, and nothing gives it back",
            charge_id=charge_id,
            operation_id=name,
            gateway=operation.gateway,
            gateway_reference=operation.gateway_reference,
        )


def payments_in_excess(evidence: ChargeEvidence, effects: EffectsOf) -> frozenset[str]:
    """The payments at the gateways that belong to operations in excess."""
    own = {
        row.payment_reference for row in evidence.operations if row.counts and row.is_first and row.payment_reference
    }
    return frozenset(
        effect.payment_reference or effect.reference
        for row in evidence.operations
        if row.excess
        for effect in effects.get(row.operation_id, ())
        if (effect.payment_reference or effect.reference) not in own
    )


def _is_given_back(operation: OperationRow, evidence: ChargeEvidence) -> bool:
    """Whether operations or the gateway itself gave all of it back, or one that does is under way."""
    compensations = [row for row in evidence.operations if row.compensates == operation.operation_id]
    if any(row.is_undecided for row in compensations):
        return True
    given_back = sum(row.amount_minor for row in compensations if row.outcome == "succeeded")
    given_back += sum(
        row.kept_minor
        for row in evidence.withdrawals
        if row.operation_id == operation.operation_id and row.state == "lost"
    )
    return given_back >= operation.amount_minor


def _has_lapsed(operation: OperationRow, evidence: ChargeEvidence) -> bool:
    """Whether the books say that a hold in excess ended by itself; that it did is held against the gateway elsewhere."""
    return any(entry.reference == f"{operation.operation_id}:released" for entry in evidence.entries)


def _seen_at(operation: OperationRow, effects: Sequence[Effect]) -> datetime:
    moments = [effect.changed_at or effect.occurred_at for effect in effects]
    return max([operation.decided_at or operation.requested_at, *moments])
