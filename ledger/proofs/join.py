"""The join: every effect at the gateways, every operation and every journal entry of a charge, held against each other.

Pure. Consequences of a finding are not listed beside it: limits, rows and accounts are examined where all else agrees.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from ledger.proofs.account_checks import check_gateway_accounts, check_own_accounts
from ledger.proofs.amounts import shown
from ledger.proofs.booked import Booked, by_operation
from ledger.proofs.charge_checks import check_charged_once, check_holds, check_limits, check_row, check_waiting
from ledger.proofs.entry_checks import check_entries
from ledger.proofs.evidence import ChargeEvidence, Effect, EffectKind, Standing
from ledger.proofs.excess_checks import check_excess, payments_in_excess
from ledger.proofs.findings import Code, Finding, Note, NoteCode, Result
from ledger.proofs.matching import Matched, match
from ledger.proofs.operation_checks import Case, Remark, check_operation, check_void
from ledger.proofs.process_checks import check_processes
from ledger.proofs.withdrawal_checks import KINDS, check_withdrawals, check_withdrawn_entries, without_withdrawals

UNIMPORTANT = frozenset({Standing.USED, Standing.RELEASED, Standing.FAILED})
"""Effects that left no money anywhere, so that nobody has to explain them."""
BROKEN = frozenset({Code.ENTRY_ALTERED, Code.ENTRY_UNBALANCED})
"""Entries that say nothing of their operation any more."""


class Effects:
    """The effects of all charges, given out charge by charge; what nobody claimed is left."""

    def __init__(self, effects: Iterable[Effect]) -> None:
        self._by_charge: dict[str, list[Effect]] = defaultdict(list)
        self._nameless: dict[int, Effect] = {}
        self._by_reference: dict[str, list[int]] = defaultdict(list)
        for effect in effects:
            charge_id = effect.charge_id or charge_of(effect.operation_id)
            if charge_id is not None:
                self._by_charge[charge_id].append(effect)
                continue
            number = len(self._nameless)
            self._nameless[number] = effect
            for reference in effect.references:
                self._by_reference[reference].append(number)

    def take(self, charge_id: str, references: Iterable[str]) -> list[Effect]:
        """Hand out what names the charge, and what names nothing of ours and one of its references."""
        taken = self._by_charge.pop(charge_id, [])
        if not self._nameless:
            return taken
        known = {*references, *(reference for effect in taken for reference in effect.references)}
        numbers = {number for reference in known for number in self._by_reference.get(reference, ())}
        return taken + [self._nameless.pop(number) for number in sorted(numbers) if number in self._nameless]

    def left(self) -> list[Effect]:
        """What nobody claimed."""
        return [effect for effects in self._by_charge.values() for effect in effects] + list(self._nameless.values())


def charge_of(operation_id: str | None) -> str | None:
    """Read the charge out of an operation's name, `{charge_id}:{kind}:{number}`; None where it is no such name."""
    charge_id, _, rest = (operation_id or "").partition(":")
    kind, _, number = rest.partition(":")
    return charge_id if charge_id and kind.isalpha() and number.isdigit() else None


def examine(evidence: ChargeEvidence, now: datetime, unread: frozenset[str] = frozenset()) -> Result:
    """Examine one charge; at `unread` gateways nothing could be read, so nothing is concluded from them."""
    matched = match(evidence.operations, [each for each in evidence.effects if each.kind not in KINDS])
    is_readable = not any(operation.gateway in unread for operation in evidence.operations)
    remarks: list[Remark] = [*check_entries(evidence.entries, {row.operation_id for row in evidence.operations})]
    if is_readable:
        broken = {remark.operation_id for remark in remarks if isinstance(remark, Finding) and remark.code in BROKEN}
        remarks += _against_gateway(evidence, matched, now, broken)
        remarks += check_withdrawals(evidence, evidence.effects, now)
    remarks += check_withdrawn_entries(evidence)
    findings = [remark for remark in remarks if isinstance(remark, Finding)]
    notes = [remark for remark in remarks if isinstance(remark, Note)]
    if not findings:
        findings += check_limits(evidence, evidence.effects if is_readable else ())
    if not findings:
        findings += check_row(evidence)
        findings += check_own_accounts(evidence)
        if is_readable and not any(note.code is NoteCode.IN_PROGRESS for note in notes):
            joined = [effect for effects in matched.by_operation.values() for effect in effects]
            findings += check_gateway_accounts(evidence, joined)
    # Where the books are wrong by themselves, it follows that what was told differs from them.
    said = list(check_processes(evidence, now))
    findings += [each for each in said if not findings or each.code is not Code.ANSWER_DIFFERS]
    told = {finding.operation_id for finding in findings}
    findings += [finding for finding in check_waiting(evidence, now) if finding.operation_id not in told - {None}]
    if evidence.charge.status == "needs_review":
        name = evidence.charge.charge_id
        notes.append(Note(code=NoteCode.NEEDS_REVIEW, message=f"charge {name} waits for a person", charge_id=name))
    return Result(tuple(findings), tuple(notes))


def unexplained(effects: Iterable[Effect], charge_id: str | None = None) -> Iterator[Finding]:
    """Report effects that no operation of ours explains."""
    for effect in effects:
        if effect.standing in UNIMPORTANT:
            continue
        amount = shown(effect.amount_minor, effect.currency)
        if effect.kind is EffectKind.MOVEMENT:
            code, what = Code.MOVEMENT_UNEXPLAINED, effect.description or "a movement"
        else:
            code, what = Code.EFFECT_UNEXPLAINED, f"{effect.kind} {effect.standing}"
        named = f", which names {effect.operation_id}" if effect.operation_id else ""
        yield Finding(
            code=code,
            message=f"{effect.gateway} shows {effect.reference}: {what}, {amount}{named}",
            charge_id=charge_id or effect.charge_id,
            operation_id=effect.operation_id,
            gateway=effect.gateway,
            gateway_reference=effect.reference,
        )


def _against_gateway(
    evidence: ChargeEvidence, matched: Matched, now: datetime, broken: Collection[str | None]
) -> Iterator[Remark]:
    booked = by_operation(without_withdrawals(evidence.entries))
    was_authorized = any(entry.amount_minor > 0 for each in booked.values() for entry in each.held)
    is_doubled = False
    for operation in evidence.operations:
        effects = matched.by_operation.get(operation.operation_id, [])
        case = Case(evidence.charge, operation, effects, booked.get(operation.operation_id, Booked()), now)
        is_doubled |= len(case.took_effect) > 1
        if operation.operation_id in broken:
            continue
        if operation.kind == "void":
            yield from check_void(case, was_authorized=was_authorized and operation.target_reference is not None)
        else:
            yield from check_operation(case)
    yield from unexplained(matched.unexplained, evidence.charge.charge_id)
    yield from check_holds(evidence, _holds(matched))
    yield from check_excess(evidence, matched.by_operation, now)
    if not is_doubled:
        joined = [effect for effects in matched.by_operation.values() for effect in effects]
        in_excess = payments_in_excess(evidence, matched.by_operation)
        yield from check_charged_once(evidence, joined + matched.unexplained, in_excess)


def _holds(matched: Matched) -> dict[str, Effect]:
    return {
        operation_id: effects[0]
        for operation_id, effects in matched.by_operation.items()
        if effects[0].kind is EffectKind.AUTHORIZE
    }
