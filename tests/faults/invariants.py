"""The invariants I1 to I7, checked by code that shares nothing with the system: its own reading, its own sums.

I8, that seals verify, is tested in `tests/ledger/seals`; I9, that every history replays, is in `replays.py`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.faults.evidence import Effect, Evidence, Row

TAKEN_BACK = {"reversal": -1, "reversal_returned": 1, "dispute": -1, "dispute_returned": 1, "dispute_fee": -1}
"""What each kind of effect that no operation asked for does to what a gateway owes us."""
KEPT = TAKEN_BACK.keys() - {"dispute_fee"}
MONEY = {"capture": 1, "refund": -1, "refund_failed": 1, "fee": -1, **TAKEN_BACK}
"""What each kind of effect does to what a gateway owes us."""
ENTRY_OF = {
    "capture": ("", ("captured", "captured_in_excess")),
    "authorize": ("", ("authorized",)),
    "refund": ("", ("refund_succeeded",)),
    "refund_failed": (":failed", ("refund_failed",)),
}
"""The entry that each effect must have: what follows the operation id in its reference, and its rule."""
LATER = {"refunded", "disputed", "reversed"}
"""States that may follow upon one that was told as final."""
WITHDRAWN = {"reversal": ("payment_reversed",), "dispute": ("dispute_opened", "dispute_lost", "dispute_won")}
"""The rules of the first entry of what a gateway took back by itself; the entry names the gateway's object."""
FINAL = {
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
UNDECIDED = {None, "unknown", "pending", "action_required"}
SETTLED_AT_THE_END = ("memo:unresolved:", "memo:authorizations:", "liability:refunds_payable")

Sums = Counter[tuple[str, str]]
"""Amounts in minor units by gateway or account, and currency."""


@dataclass(frozen=True)
class Violation:
    """One thing that is not as it must be."""

    invariant: str
    charge_id: str | None
    message: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.invariant} {self.charge_id}: {self.message}"


def violations(evidence: Evidence, *, finished: bool = True) -> list[Violation]:
    """Everything that is wrong; `finished` where all has come to its end, so that nothing may be open any more."""
    found = [
        *_money(evidence),
        *_balanced(evidence),
        *_exactly_once(evidence),
        *_limits(evidence),
        *_acknowledged(evidence),
    ]
    return [*found, *_never_stuck(evidence), *_nothing_left(evidence)] if finished else found


def _money(evidence: Evidence) -> Iterator[Violation]:
    """I1: what the gateways did is what the books say that they owe, for each charge, to the unit."""
    booked = _balances(evidence, "clearing:")
    done: dict[str | None, Sums] = defaultdict(Counter)
    for effect in evidence.effects:
        if effect.kind in MONEY:
            done[effect.charge_id][f"clearing:{effect.gateway}", effect.currency] += (
                MONEY[effect.kind] * effect.amount_minor
            )
    for charge_id in booked.keys() | done.keys():
        ours, theirs = _without_zeros(booked[charge_id]), _without_zeros(done[charge_id])
        if ours != theirs:
            yield Violation("I1", charge_id, f"the gateways moved {theirs}, the books say {ours}")


def _balanced(evidence: Evidence) -> Iterator[Violation]:
    """I2: every entry is whole and sums to zero in each currency."""
    sums: dict[int, Counter[str]] = defaultdict(Counter)
    counts: Counter[int] = Counter()
    for line in evidence.lines:
        sums[line["entry_id"]][line["currency"]] += _signed(line)
        counts[line["entry_id"]] += 1
        if line["currency"] != line["account_currency"]:
            yield Violation("I2", None, f"entry {line['entry_id']} has a line in the wrong currency")
    for entry in evidence.entries:
        number = entry["entry_id"]
        if any(sums[number].values()) or counts[number] != entry["line_count"] or counts[number] < 2:
            yield Violation("I2", entry["charge_id"], f"entry {entry['reference']} does not balance or is not whole")


def _exactly_once(evidence: Evidence) -> Iterator[Violation]:
    """I3: an operation has at most one effect, each effect exactly one entry, each entry about money an effect."""
    effects = Counter((effect.operation_id, effect.kind) for effect in evidence.effects if effect.kind in ENTRY_OF)
    entries: Counter[tuple[str, str]] = Counter((entry["reference"], entry["rule"]) for entry in evidence.entries)
    for (operation_id, kind), count in effects.items():
        charge_id = operation_id.split(":")[0] if operation_id else None
        if count > 1:
            yield Violation("I3", charge_id, f"{operation_id} took effect {count} times: {kind}")
        suffix, rules = ENTRY_OF[kind]
        booked = sum(entries[f"{operation_id}{suffix}", rule] for rule in rules)
        if booked != 1:
            yield Violation("I3", charge_id, f"{operation_id} has {booked} entries for its {kind}")
    for effect in evidence.effects:
        if effect.kind in WITHDRAWN:
            names = [entry["reference"] for entry in evidence.entries if entry["rule"] in WITHDRAWN[effect.kind]]
            booked = sum(name.endswith(f":{effect.kind}:{effect.object_id}") for name in names)
            if booked != 1:
                yield Violation("I3", effect.charge_id, f"{effect.kind} {effect.object_id} has {booked} entries")
    for entry in evidence.entries:
        kind_of_rule = next((kind for kind, (_, rules) in ENTRY_OF.items() if entry["rule"] in rules), None)
        had_succeeded = kind_of_rule != "refund_failed" or _is_of_clearing(evidence, entry)
        if kind_of_rule and had_succeeded and not effects[entry["operation_id"], kind_of_rule]:
            yield Violation(
                "I3", entry["charge_id"], f"{entry['reference']} says {entry['rule']}, and it never happened"
            )


def _limits(evidence: Evidence) -> Iterator[Violation]:
    """I4: nobody pays twice, nobody gets back more than was taken, and the charge says what happened."""
    by_charge: dict[str | None, list[Effect]] = defaultdict(list)
    for effect in evidence.effects:
        by_charge[effect.charge_id].append(effect)
    for charge_id, charge in evidence.charges.items():
        effects = by_charge[charge_id]
        counted = [effect for effect in effects if _counts(evidence, effect)]
        captured = _total(counted, "capture")
        refunded = _total(counted, "refund") - _total(counted, "refund_failed")
        taken = _total(effects, "capture")
        kept = taken - _total(effects, "refund") + _total(effects, "refund_failed") - _taken_back(effects)
        authorized = max(charge["authorized_minor"], _total(counted, "authorize"))
        if not 0 <= kept <= charge["amount_minor"] or captured > max(authorized, 0) or refunded > captured:
            yield Violation("I4", charge_id, f"of {charge['amount_minor']} it took {taken} and kept {kept}")
        said = charge["captured_minor"], charge["refunded_minor"], charge["withdrawn_minor"]
        really = captured, refunded, _taken_back(counted)
        if said != really:
            yield Violation("I4", charge_id, f"captured, refunded, taken back: it says {said}; really {really}")


def _never_stuck(evidence: Evidence) -> Iterator[Violation]:
    """I5: a charge has ended, waits with a deadline, or is with a person, with a reason."""
    for charge_id, charge in evidence.charges.items():
        status = charge["status"]
        held = status == "authorized" and f"charge/{charge_id}" in evidence.open_processes
        if status not in FINAL and not held and not (status == "needs_review" and charge["message"]):
            yield Violation("I5", charge_id, f"it is {status}, and nothing will happen")
    for operation_id, operation in evidence.operations.items():
        with_a_person = evidence.charges[operation["charge_id"]]["status"] == "needs_review"
        if operation["outcome"] in UNDECIDED and not with_a_person:
            yield Violation("I5", operation["charge_id"], f"{operation_id} is still {operation['outcome']}")


def _nothing_left(evidence: Evidence) -> Iterator[Violation]:
    """I6: what is on its way somewhere is gone from a charge that has ended: exposures, reservations, promises."""
    for charge_id, sums in _balances(evidence, *SETTLED_AT_THE_END).items():
        status = evidence.charges[charge_id]["status"] if charge_id else None
        left = _without_zeros(sums)
        if left and status in FINAL:
            yield Violation("I6", charge_id, f"it is {status}, and there is left {left}")


def _acknowledged(evidence: Evidence) -> Iterator[Violation]:
    """I7: what a caller was told stands: money that was acknowledged as captured is captured, a no is a no."""
    for told in evidence.acknowledged:
        charge = evidence.charges.get(told.charge_id)
        if charge is None:
            yield Violation("I7", told.charge_id, f"its caller was told {told.status}, and it is gone")
        elif told.captured_minor > charge["captured_minor"]:
            yield Violation("I7", told.charge_id, f"its caller was told of {told.captured_minor} captured")
        elif told.status in FINAL and told.status != charge["status"] and charge["status"] not in LATER:
            yield Violation("I7", told.charge_id, f"its caller was told {told.status}, now it is {charge['status']}")


def _counts(evidence: Evidence, effect: Effect) -> bool:
    """Whether an effect counts for its charge: not one in excess, and not what undoes one."""
    operation = evidence.operations.get(effect.operation_id or "")
    return operation is None or not (operation["excess"] or operation["compensates"])


def _balances(evidence: Evidence, *accounts: str) -> dict[str | None, Sums]:
    """Debits less credits of the accounts whose codes start so, for each charge."""
    charge_of = {entry["entry_id"]: entry["charge_id"] for entry in evidence.entries}
    sums: dict[str | None, Sums] = defaultdict(Counter)
    for line in evidence.lines:
        if line["code"].startswith(accounts) and line["code"] != "memo:authorizations:contra":
            sums[charge_of[line["entry_id"]]][line["code"], line["currency"]] += _signed(line)
    return sums


def _is_of_clearing(evidence: Evidence, entry: Row) -> bool:
    return any(
        line["entry_id"] == entry["entry_id"] and line["code"].startswith("clearing:") for line in evidence.lines
    )


def _signed(line: Row) -> int:
    amount: int = line["amount_minor"]
    return amount if line["side"] == "debit" else -amount


def _total(effects: Iterable[Effect], kind: str) -> int:
    return sum(effect.amount_minor for effect in effects if effect.kind == kind)


def _taken_back(effects: Iterable[Effect]) -> int:
    """What gateways took by themselves and keep, without what they charged for it."""
    return -sum(TAKEN_BACK[effect.kind] * effect.amount_minor for effect in effects if effect.kind in KEPT)


def _without_zeros(sums: Sums) -> dict[tuple[str, str], int]:
    return {key: amount for key, amount in sums.items() if amount}
