"""The invariants that the whole system keeps, and which of them each kind of finding breaks."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ledger.proofs.findings import Code, Finding


class Invariant(StrEnum):
    """A promise that holds for everything in the books, at any moment."""

    I1 = "I1"
    I2 = "I2"
    I3 = "I3"
    I4 = "I4"
    I5 = "I5"
    I6 = "I6"
    I7 = "I7"
    I8 = "I8"
    I9 = "I9"

    @property
    def meaning(self) -> str:
        """What is promised, in one sentence."""
        return _MEANINGS[self]


_MEANINGS: dict[Invariant, str] = {
    Invariant.I1: "What the gateways say happened equals the journal, per charge, exactly.",
    Invariant.I2: "Every entry sums to zero per currency, and has the lines and totals that it was posted with.",
    Invariant.I3: "Each operation has at most one effect at a gateway, and each effect exactly one entry.",
    Invariant.I4: "No customer is charged twice for a charge; captured is within authorized, refunded within captured.",
    Invariant.I5: "Every charge is terminal, waits with a deadline, or is in needs_review.",
    Invariant.I6: "Clearing holds for each charge what its gateway still owes, and nothing else.",
    Invariant.I7: "What a caller was told is what the books say.",
    Invariant.I8: "What was posted is what was sealed: every seal verifies.",
    Invariant.I9: "Every recorded history replays with today's code.",
}

BROKEN_BY: dict[Code, Invariant] = {
    Code.EFFECT_UNEXPLAINED: Invariant.I1,
    Code.EFFECT_MISSING: Invariant.I1,
    Code.EFFECT_DOUBLED: Invariant.I3,
    Code.CHARGE_DOUBLED: Invariant.I4,
    Code.EXCESS_KEPT: Invariant.I4,
    Code.DECLINED_BUT_TAKEN: Invariant.I1,
    Code.OUTCOME_DIFFERS: Invariant.I1,
    Code.AMOUNT_DIFFERS: Invariant.I1,
    Code.REFUND_RETURNED: Invariant.I1,
    Code.FEE_DIFFERS: Invariant.I1,
    Code.FEE_MISSING: Invariant.I1,
    Code.MOVEMENT_UNEXPLAINED: Invariant.I1,
    Code.ENTRY_MISSING: Invariant.I3,
    Code.ENTRY_DOUBLED: Invariant.I3,
    Code.ENTRY_UNEXPLAINED: Invariant.I3,
    Code.ENTRY_MISNAMED: Invariant.I3,
    Code.ENTRY_UNBALANCED: Invariant.I2,
    Code.ENTRY_ALTERED: Invariant.I2,
    Code.TRIAL_BALANCE_DIFFERS: Invariant.I2,
    Code.AUTHORIZATION_LEFT_OPEN: Invariant.I1,
    Code.AUTHORIZATION_LOST: Invariant.I1,
    Code.LIMIT_EXCEEDED: Invariant.I4,
    Code.COUNTER_DIFFERS: Invariant.I4,
    Code.STATUS_DIFFERS: Invariant.I5,
    Code.CLEARING_DIFFERS: Invariant.I6,
    Code.AUTHORIZATIONS_DIFFER: Invariant.I1,
    Code.UNRESOLVED_DIFFERS: Invariant.I1,
    Code.REFUNDS_PAYABLE_DIFFER: Invariant.I1,
    Code.OPERATION_STUCK: Invariant.I5,
    Code.CHARGE_STUCK: Invariant.I5,
    Code.OPERATION_ORPHANED: Invariant.I5,
    Code.OPERATION_UNRECORDED: Invariant.I3,
    Code.ANSWER_DIFFERS: Invariant.I7,
    Code.HISTORY_DIFFERS: Invariant.I9,
    Code.WITHDRAWAL_MISSING: Invariant.I1,
    Code.WITHDRAWAL_DIFFERS: Invariant.I1,
    Code.SEALS_DIFFER: Invariant.I8,
}


class State(StrEnum):
    """What the proof says of an invariant."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_CHECKED = "not_checked"
    """Nobody asked for it, or what it is read from is not there or could not be read."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many things were checked for an invariant, and how many findings break it."""

    invariant: Invariant
    state: State
    checked: int
    failed: int
    of: str
    """What was counted: entries, operations, charges."""
    why_not: str | None = None
    """Why it was not checked."""


COUNTED: dict[Invariant, str] = {
    Invariant.I1: "effects",
    Invariant.I2: "entries",
    Invariant.I3: "operations",
    Invariant.I4: "charges",
    Invariant.I5: "charges",
    Invariant.I6: "charges",
    Invariant.I7: "answers",
    Invariant.I8: "seals",
    Invariant.I9: "histories",
}


def count(findings: Iterable[Finding], counts: Mapping[str, int], unchecked: Mapping[Invariant, str]) -> list[Count]:
    """Count by invariant; `counts` says how many of each kind of thing were examined, `unchecked` why some could not be."""
    failed = Counter(BROKEN_BY[finding.code] for finding in findings)
    return [_count(invariant, counts.get(of, 0), failed[invariant], unchecked) for invariant, of in COUNTED.items()]


def _count(invariant: Invariant, checked: int, failed: int, unchecked: Mapping[Invariant, str]) -> Count:
    unbroken = State.NOT_CHECKED if invariant in unchecked else State.KEPT
    state = State.BROKEN if failed else unbroken
    why_not = unchecked[invariant] if state is State.NOT_CHECKED else None
    return Count(invariant, state, checked, failed, COUNTED[invariant], why_not)
