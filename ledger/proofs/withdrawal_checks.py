"""What gateways took back of captures by themselves: each withdrawal three ways, and what it cost in the journal.

Entries of withdrawals belong to their capture's operation; only their references tell them from the capture's own.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ledger.proofs.amounts import shown
from ledger.proofs.booked import CLEARING
from ledger.proofs.evidence import ChargeEvidence, Effect, EffectKind, EntryRow, WithdrawalRow
from ledger.proofs.findings import Code, Finding, Note, NoteCode

BOOKED_WITHIN = timedelta(hours=1)
"""From what a gateway did to the entry of it, also where its event was lost and is caught up with."""
KINDS = frozenset({EffectKind.WITHDRAWAL, EffectKind.WITHDRAWAL_RETURNED})
NAMED = re.compile(r":(?:reversal|dispute):[!-~]+")
SUFFIX = re.compile(r"(?::fee)?(?::[0-9]+)?")

Amounts = Counter[str]
"""Minor units by currency."""


@dataclass(slots=True)
class Seen:
    """What a gateway shows of one withdrawal: what it keeps of the capture, and its fee."""

    effect: Effect
    kept: Amounts = field(default_factory=Counter)
    fees: Amounts = field(default_factory=Counter)

    @property
    def gone(self) -> Amounts:
        """What has left our balance, fee and all."""
        return _without_nothing(self.kept + self.fees)


def is_of_withdrawal(entry: EntryRow) -> bool:
    """Whether an entry is of a withdrawal, by its reference."""
    return NAMED.fullmatch(_rest(entry)) is not None


def without_withdrawals(entries: Iterable[EntryRow]) -> list[EntryRow]:
    """The entries of operations themselves."""
    return [entry for entry in entries if not is_of_withdrawal(entry)]


def check_withdrawals(evidence: ChargeEvidence, effects: Sequence[Effect], now: datetime) -> Iterator[Finding | Note]:
    """Examine each withdrawal that a gateway shows, and each that the books have; `effects` are all of the charge's."""
    seen = _seen(effects)
    rows = {(row.gateway, row.reference): row for row in evidence.withdrawals}
    for key in sorted(seen.keys() | rows.keys()):
        shows, row = seen.get(key), rows.get(key)
        if row is None and shows is not None:
            yield from _not_in_the_books(evidence, shows, now)
        elif row is not None:
            yield from _compared(evidence, row, shows, now)


def check_withdrawn_entries(evidence: ChargeEvidence) -> Iterator[Finding]:
    """Examine the entries of withdrawals: each names one that there is, and together they book what its row says."""
    booked: dict[WithdrawalRow, Amounts] = {row: Counter() for row in evidence.withdrawals}
    for entry in evidence.entries:
        if not is_of_withdrawal(entry):
            continue
        row = next((row for row in evidence.withdrawals if _names(entry, row)), None)
        if row is None:
            words = f"{entry.reference} names a withdrawal that there is not"
            yield _finding(Code.ENTRY_UNEXPLAINED, evidence, words, entry_reference=entry.reference)
            continue
        for line in entry.lines:
            if line.account.startswith(CLEARING):
                booked[row][line.currency] -= line.signed_minor
    for row, gone in booked.items():
        expected = _gone(row)
        if _without_nothing(gone) != expected:
            words = f"{row.reference} has taken {_shown(expected)}, and the journal has {_shown(gone)}"
            yield _finding(Code.WITHDRAWAL_DIFFERS, evidence, words, row=row)


def taken_back(effects: Iterable[Effect]) -> Counter[tuple[str, str]]:
    """What withdrawals have taken off each gateway's balance by now, by gateway and currency, fees and all."""
    gone: Counter[tuple[str, str]] = Counter()
    for (gateway, _), seen in _seen(effects).items():
        for currency, amount in seen.gone.items():
            gone[gateway, currency] += amount
    return gone


def _seen(effects: Iterable[Effect]) -> dict[tuple[str, str], Seen]:
    found: dict[tuple[str, str], Seen] = {}
    for effect in sorted((each for each in effects if each.kind in KINDS), key=lambda each: each.occurred_at):
        seen = found.setdefault((effect.gateway, effect.reference), Seen(effect))
        sign = 1 if effect.kind is EffectKind.WITHDRAWAL else -1
        seen.kept[effect.currency] += sign * effect.amount_minor
        if effect.fee_minor:
            seen.fees[effect.fee_currency or effect.currency] += effect.fee_minor
        seen.effect = effect
    return found


def _not_in_the_books(evidence: ChargeEvidence, shows: Seen, now: datetime) -> Iterator[Finding | Note]:
    effect = shows.effect
    if not shows.gone:
        return  # it came and went before anybody looked
    words = f"{effect.gateway} took back {_shown(shows.gone)} under {effect.reference}"
    if now - (effect.changed_at or effect.occurred_at) <= BOOKED_WITHIN:
        yield _soon(evidence, f"{words}, which is about to be booked")
    else:
        yield _finding(Code.WITHDRAWAL_MISSING, evidence, f"{words}, and the books do not have it", effect=effect)


def _compared(
    evidence: ChargeEvidence, row: WithdrawalRow, shows: Seen | None, now: datetime
) -> Iterator[Finding | Note]:
    at_gateway: Amounts = Counter() if shows is None else shows.gone
    in_books = _gone(row)
    if at_gateway == in_books:
        return
    words = f"{row.reference}: the books say that {row.gateway} took {_shown(in_books)}, it shows {_shown(at_gateway)}"
    if shows is not None and now - (shows.effect.changed_at or shows.effect.occurred_at) <= BOOKED_WITHIN:
        yield _soon(evidence, words)
    else:
        yield _finding(Code.WITHDRAWAL_DIFFERS, evidence, words, row=row)


def _gone(row: WithdrawalRow) -> Amounts:
    gone: Amounts = Counter({row.currency: row.kept_minor})
    gone[row.fee_currency] += row.fee_minor
    return _without_nothing(gone)


def _without_nothing(amounts: Amounts) -> Amounts:
    return Counter({currency: amount for currency, amount in amounts.items() if amount})


def _shown(amounts: Amounts) -> str:
    return " and ".join(shown(amount, currency) for currency, amount in sorted(amounts.items())) or "nothing"


def _rest(entry: EntryRow) -> str:
    """What follows the operation's name in an entry's reference."""
    return entry.reference.removeprefix(entry.operation_id or "")


def _names(entry: EntryRow, row: WithdrawalRow) -> bool:
    begins = f":{row.kind}:{row.reference}"
    rest = _rest(entry)
    of_its_capture = entry.operation_id == row.operation_id
    return of_its_capture and rest.startswith(begins) and SUFFIX.fullmatch(rest.removeprefix(begins)) is not None


def _soon(evidence: ChargeEvidence, words: str) -> Note:
    charge_id = evidence.charge.charge_id
    return Note(code=NoteCode.IN_PROGRESS, message=f"charge {charge_id}: {words}", charge_id=charge_id)


def _finding(
    code: Code,
    evidence: ChargeEvidence,
    message: str,
    *,
    row: WithdrawalRow | None = None,
    effect: Effect | None = None,
    entry_reference: str | None = None,
) -> Finding:
    charge_id = evidence.charge.charge_id
    named = row or effect
    return Finding(
        code=code,
        message=f"charge {charge_id}: {message}",
        charge_id=charge_id,
        operation_id=row.operation_id if row else None,
        gateway=named.gateway if named else None,
        gateway_reference=named.reference if named else None,
        entry_reference=entry_reference,
    )
