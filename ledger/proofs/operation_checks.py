"""Each operation three ways: what the gateway shows, what its row says, and what the journal moved for it.

A gateway's effect, an operation that succeeded and one journal entry belong together; where one is missing, which one
tells what is wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from ledger.proofs.amounts import shown
from ledger.proofs.booked import Booked, Movement
from ledger.proofs.evidence import ChargeRow, Effect, OperationRow, Standing
from ledger.proofs.findings import Code, Finding, Note, NoteCode

STARTED_WITHIN = timedelta(minutes=15)
"""An operation without any answer: longer than every retry of its call while somebody waits."""
SEEN_WITHIN = timedelta(hours=2)
"""An answer that the gateway has and we were still waiting for: twice the slowest poll."""
FEE_WITHIN = timedelta(days=1)

Remark = Finding | Note


@dataclass(frozen=True, slots=True)
class Case:
    """One operation, its effects at the gateway, and its entries."""

    charge: ChargeRow
    operation: OperationRow
    effects: Sequence[Effect]
    booked: Booked
    now: datetime

    @property
    def took_effect(self) -> list[Effect]:
        """The effects that stand."""
        return [effect for effect in self.effects if effect.standing.took_effect]

    @property
    def said_to_succeed(self) -> bool:
        """Whether its row says so."""
        return self.operation.outcome == "succeeded"

    @property
    def entries(self) -> list[Movement]:
        """The entries of its main effect; one that was reversed does not count."""
        if self.operation.kind == "authorize":
            return [movement for movement in self.booked.held if movement.amount_minor > 0]
        sign = -1 if self.operation.kind == "refund" else 1
        made = [movement for movement in self.booked.moved if movement.amount_minor * sign > 0]
        reversed_count = len(self.booked.moved) - len(made)
        return made[reversed_count:]

    def finding(self, code: Code, message: str, effect: Effect | None = None) -> Finding:
        """Say what is wrong with it."""
        entries = self.entries
        return Finding(
            code=code,
            message=f"{self.operation.operation_id}: {message}",
            charge_id=self.charge.charge_id,
            operation_id=self.operation.operation_id,
            gateway=self.operation.gateway,
            gateway_reference=effect.reference if effect else self.operation.gateway_reference,
            entry_reference=entries[-1].entry_reference if entries else None,
        )

    def note(self, code: NoteCode, message: str) -> Note:
        """Say what is going on with it."""
        name = self.operation.operation_id
        return Note(code=code, message=f"{name}: {message}", charge_id=self.charge.charge_id, operation_id=name)


def check_operation(case: Case) -> Iterator[Remark]:
    """Examine an authorization, a capture or a refund."""
    if len(case.took_effect) > 1:
        amounts = ", ".join(f"{effect.reference} of {_amount(effect)}" for effect in case.took_effect)
        yield case.finding(Code.EFFECT_DOUBLED, f"{case.operation.gateway} shows {amounts}", case.took_effect[1])
    elif len(case.entries) > 1:
        names = ", ".join(entry.entry_reference for entry in case.entries)
        yield case.finding(Code.ENTRY_DOUBLED, f"the journal has {names}")
    elif case.took_effect:
        yield from _took_effect(case, case.took_effect[0])
    else:
        yield from _no_effect(case)


def check_void(case: Case, *, was_authorized: bool) -> Iterator[Remark]:
    """Examine a void: what was on the memo account of authorizations is off it."""
    if case.said_to_succeed and was_authorized and not any(entry.amount_minor < 0 for entry in case.booked.held):
        yield case.finding(Code.ENTRY_MISSING, "its row says succeeded, and the journal has no release for it")


def _took_effect(case: Case, effect: Effect) -> Iterator[Remark]:
    outcome = case.operation.outcome or "no outcome yet"
    shows = f"{effect.gateway} shows {effect.reference} of {_amount(effect)}"
    if case.said_to_succeed and case.entries:
        yield from _amounts(case, effect, case.entries[0])
        yield from _fee(case, effect)
    elif case.said_to_succeed:
        yield case.finding(Code.ENTRY_MISSING, f"{shows}, and the journal has no entry for it", effect)
    elif case.entries:
        yield case.finding(Code.OUTCOME_DIFFERS, f"{shows} and it is booked, but its row says {outcome}", effect)
    elif not case.operation.is_undecided:
        yield case.finding(Code.DECLINED_BUT_TAKEN, f"its row says {outcome}, and {shows}", effect)
    elif _may_still_be_recorded(case, effect):
        yield case.note(NoteCode.IN_PROGRESS, f"{shows}, and it is about to be booked")
    else:
        yield case.finding(Code.ENTRY_MISSING, f"its row says {outcome}, and {shows}", effect)


def _no_effect(case: Case) -> Iterator[Remark]:
    pending = next((effect for effect in case.effects if effect.standing is Standing.PENDING), None)
    failed = next((effect for effect in case.effects if effect.standing is Standing.FAILED), None)
    if case.said_to_succeed and failed is not None:
        yield case.finding(Code.REFUND_RETURNED, f"{failed.gateway} says that {failed.reference} failed", failed)
    elif case.said_to_succeed or case.entries:
        shows = "does not show it" if pending is None else f"says that {pending.reference} is still pending"
        says = "the journal has it" if case.entries else "its row says succeeded"
        yield case.finding(Code.EFFECT_MISSING, f"{says}, and {case.operation.gateway} {shows}", pending)
    elif pending is not None and not case.operation.is_undecided:
        says = f"its row says {case.operation.outcome}"
        shows = f"{pending.gateway} is still working on {pending.reference}"
        yield case.finding(Code.OUTCOME_DIFFERS, f"{says}, and {shows}", pending)
    elif any(case.booked.fees.values()):
        yield case.finding(Code.FEE_DIFFERS, f"a fee is booked, and {case.operation.gateway} shows no effect")


def _may_still_be_recorded(case: Case, effect: Effect) -> bool:
    """Whether the operation's process is expected to see and record the effect by itself."""
    operation = case.operation
    if operation.outcome is None:
        return case.now - operation.requested_at < STARTED_WITHIN
    if case.charge.status == "needs_review":
        return False
    if operation.outcome == "pending" and effect.changed_at is None:
        # Nobody can say since when it is decided; what waits too long is found as stuck.
        return True
    return case.now - max(effect.changed_at or effect.occurred_at, operation.requested_at) < SEEN_WITHIN


def _amounts(case: Case, effect: Effect, entry: Movement) -> Iterator[Remark]:
    operation = case.operation
    stated = {
        effect.gateway: (effect.amount_minor, effect.currency),
        "the operation": (operation.amount_minor, operation.currency),
        "the journal": (abs(entry.amount_minor), entry.currency),
    }
    if len(set(stated.values())) > 1:
        words = ", ".join(f"{who} says {shown(*amount)}" for who, amount in stated.items())
        yield case.finding(Code.AMOUNT_DIFFERS, words, effect)


class Fee(NamedTuple):
    """A fee, without a currency where it is nothing."""

    amount_minor: int
    currency: str | None

    def __str__(self) -> str:
        return "no fee" if self.currency is None else f"a fee of {shown(self.amount_minor, self.currency)}"


def _fee(case: Case, effect: Effect) -> Iterator[Remark]:
    operation = case.operation
    booked = [Fee(amount, currency) for currency, amount in case.booked.fees.items() if amount] or [Fee(0, None)]
    recorded = _fee_of(operation.fee_minor, operation.fee_currency)
    is_young = case.now - (operation.decided_at or operation.requested_at) < FEE_WITHIN
    nothing_booked = booked == [Fee(0, None)]
    if effect.fee_minor is None:
        if not nothing_booked:
            yield case.finding(Code.FEE_DIFFERS, f"{booked[0]} is booked, and {effect.gateway} reports none", effect)
        elif is_young:
            yield case.note(NoteCode.FEE_PENDING, f"{effect.gateway} has not reported its fee yet")
        else:
            yield case.finding(Code.FEE_MISSING, f"{effect.gateway} has not reported its fee", effect)
        return
    reported = _fee_of(effect.fee_minor, effect.fee_currency)
    if nothing_booked and is_young and operation.fee_status == "pending":
        yield case.note(NoteCode.FEE_PENDING, f"{effect.gateway} reports {reported}, which is about to be booked")
    elif booked != [reported] or recorded != reported:
        words = f"{effect.gateway} reports {reported}, the journal has {booked[0]}, the operation {recorded}"
        yield case.finding(Code.FEE_DIFFERS, words, effect)


def _fee_of(amount_minor: int | None, currency: str | None) -> Fee:
    return Fee(amount_minor, currency) if amount_minor else Fee(0, None)


def _amount(effect: Effect) -> str:
    return shown(effect.amount_minor, effect.currency)
