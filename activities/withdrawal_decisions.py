"""What a withdrawal means: its row, the charge's new state and the entries, as pure functions of the charge's rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities import excess_decisions
from activities.charge_decisions import Case
from activities.consequences import fact_of
from gateways.port import Withdrawal
from ledger.charges import Charge, ChargeStatus
from ledger.entries import Entry
from ledger.operations import Operation
from ledger.withdrawal_posting import withdrawal as withdrawal_entries
from ledger.withdrawals import TakenBack

ACTOR = "workflow:reconcile"
STANDS_BY_WITHDRAWALS = frozenset(
    {ChargeStatus.CAPTURED, ChargeStatus.PARTIALLY_CAPTURED, ChargeStatus.DISPUTED, ChargeStatus.REVERSED}
)
"""A charge that is called off, or that a person has to look at, stays what it is: only its amounts change."""


@dataclass(frozen=True, kw_only=True)
class Taking:
    """What to write of the withdrawals of one capture, in one transaction."""

    rows: tuple[TakenBack, ...]
    """New and changed ones."""
    charge: dict[str, Any]
    entries: tuple[Entry, ...]


def captures(case: Case) -> list[Operation]:
    """List the captures that took money, of which a gateway may take some back."""
    return [each for each in case.operations if each.kind == "capture" and each.outcome == "succeeded"]


def taken_back(
    case: Case,
    operation_id: str,
    stored: Sequence[TakenBack],
    seen: Sequence[Withdrawal],
    *,
    read_at: datetime,
    now: datetime,
) -> Taking | None:
    """Decide what a reading of one capture's withdrawals changes; None where the books say all of it.

    `stored` are those of the whole charge. What a reading does not show stays as it is, and so does what was read later:
    a worker that stood still may come with an old reading.
    """
    operation = case.operation(operation_id)
    known = {(each.gateway, each.reference): each for each in stored}
    rows, entries = [], []
    for each in seen:
        before = known.get((operation.gateway, each.reference))
        after = _row(operation, before, each, read_at)
        if after == before:
            continue
        at = now if before is not None and each.closed_at is None else each.closed_at or each.withdrawn_at
        fact = fact_of(case.charge, operation, operation.amount, at).model_copy(update={"actor": ACTOR})
        others = [row for key, row in known.items() if key != (after.gateway, after.reference)]
        excess = excess_decisions.of_withdrawal(case, operation, after, others) if operation.excess else None
        entries += withdrawal_entries(fact, before, after, excess=excess)
        rows.append(after)
        known[after.gateway, after.reference] = after
    if not rows:
        return None
    return Taking(rows=tuple(rows), charge=_standing(case, list(known.values())), entries=tuple(entries))


def is_given_back(case: Case, stored: Sequence[TakenBack]) -> bool:
    """Whether all that a charge took is the customer's again, by refunds or because the gateway took it back for good."""
    charge = case.charge
    lost = sum(each.kept_minor for each in _counted(case, stored) if each.state == "lost")
    return 0 < charge.captured_minor <= charge.refunded_minor + lost


def _row(operation: Operation, before: TakenBack | None, seen: Withdrawal, read_at: datetime) -> TakenBack:
    """Read what the gateway shows as a row; what was first seen of it is fixed."""
    returned = 0 if seen.returned is None else seen.returned.amount_minor
    told = {
        "state": str(seen.state),
        "returned_minor": returned,
        "fee_minor": 0 if seen.fee is None else seen.fee.amount_minor,
        "closed_at": seen.closed_at,
    }
    if before is None:
        return TakenBack(
            gateway=operation.gateway,
            reference=seen.reference,
            charge_id=operation.charge_id,
            operation_id=operation.operation_id,
            kind=str(seen.kind),
            currency=seen.amount.currency,
            amount_minor=seen.amount.amount_minor,
            fee_currency=(seen.fee or seen.amount).currency,
            withdrawn_at=seen.withdrawn_at,
            read_at=read_at,
            **told,
        )
    changed = before.model_copy(update=told)
    if changed == before or read_at < before.read_at:
        return before
    return changed.model_copy(update={"changes": before.changes + 1, "read_at": read_at})


def _standing(case: Case, all_taken: Sequence[TakenBack]) -> dict[str, Any]:
    """Say where the charge stands with its withdrawals; what was taken of captures in excess does not count for it."""
    charge: Charge = case.charge
    counted = _counted(case, all_taken)
    withdrawn = sum(each.kept_minor for each in counted)
    changes: dict[str, Any] = {"withdrawn_minor": withdrawn}
    if charge.status not in STANDS_BY_WITHDRAWALS:
        return changes
    is_open = any(each.state == "open" for each in counted)
    if is_open:
        status = ChargeStatus.DISPUTED
    elif withdrawn > 0 and withdrawn + charge.refunded_minor >= charge.captured_minor:
        status = ChargeStatus.REVERSED
    else:
        partial = charge.captured_minor < charge.authorized_minor
        status = ChargeStatus.PARTIALLY_CAPTURED if partial else ChargeStatus.CAPTURED
    return changes | {"status": status, "message": _words(counted)}


def _counted(case: Case, taken: Sequence[TakenBack]) -> list[TakenBack]:
    excess = {each.operation_id for each in case.operations if each.excess}
    return [each for each in taken if each.operation_id not in excess]


def _words(taken: Sequence[TakenBack]) -> str | None:
    """Say of each withdrawal what it is and where it stands."""
    said = []
    for each in taken:
        what = "dispute" if each.kind == "dispute" else "reversal"
        stands = {"open": "is open", "lost": "has taken it for good", "won": "has given it back"}[each.state]
        said.append(f"{what} {each.reference} of {each.amount} {stands}")
    return "; ".join(said)[:500] or None
