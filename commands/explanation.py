"""Explains one charge: what each of the four sources says of it, statement by statement, and whether they agree."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from commands import gateway_records
from commands.gateway_records import GatewayRecords
from commands.process_records import ProcessesUnreadable, ProcessRecords
from ledger.proofs.amounts import shown
from ledger.proofs.evidence import ChargeEvidence, Effect, EntryRow, OperationRow, ProcessRow
from ledger.proofs.findings import Finding, Note, Result
from ledger.proofs.join import examine
from ledger.proofs.matching import match
from ledger.proofs.process_checks import check_strangers, names_of
from ledger.proofs.reading import Books, open_books
from ledger.proofs.withdrawal_checks import KINDS
from settings import Settings

PAUSE_SECONDS = 1.0
"""Before what differs is looked at again."""


class Source(NamedTuple):
    """Where a statement is read: `books`, `journal`, `gateway` or `process`, and the name of the thing there."""

    source: str
    reference: str


class Statement(NamedTuple):
    """A sentence about a part of the charge: `charge`, `attempt`, `operation`, `effect`, `entry` or `process`."""

    about: str
    name: str
    text: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What there is to say of a charge; `is_known` where the books have it or a process of its own exists."""

    charge_id: str
    is_known: bool
    statements: tuple[Statement, ...]
    findings: tuple[Finding, ...]
    notes: tuple[Note, ...]
    unread: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """As that of a proof: `proved`, `findings` or `not_read`."""
        if self.unread:
            return "not_read"
        return "findings" if self.findings else "proved"


async def explain(settings: Settings, charge_id: str) -> Explanation:
    """Read everything about one charge, by id."""
    records = gateway_records.of_settings(settings)
    try:
        async with open_books(settings.database_url) as books:
            return await _Reading(books, records, ProcessRecords(settings), charge_id).explanation()
    finally:
        await records.close()


class _Reading:
    def __init__(self, books: Books, records: GatewayRecords, processes: ProcessRecords, charge_id: str) -> None:
        self._books = books
        self._records = records
        self._processes = processes
        self._charge_id = charge_id
        self._unread: list[str] = []

    async def explanation(self) -> Explanation:
        evidence, result = await self._look()
        if result.findings and evidence is not None:
            # What is just being recorded looks like a difference, once.
            await asyncio.sleep(PAUSE_SECONDS)
            first = {finding.key for finding in result.findings}
            evidence, again = await self._look()
            result = replace(again, findings=tuple(each for each in again.findings if each.key in first))
        processes = self._seen
        return Explanation(
            charge_id=self._charge_id,
            is_known=evidence is not None or bool(processes),
            statements=tuple(_statements(evidence, processes)),
            findings=result.findings,
            notes=result.notes,
            unread=(*self._records.unread.values(), *dict.fromkeys(self._unread)),
        )

    async def _look(self) -> tuple[ChargeEvidence | None, Result]:
        async with self._books.snapshot() as snapshot:
            found = await snapshot.some([self._charge_id])
        operations = found[0].operations if found else ()
        self._seen = await self._read_processes(operations)
        effects = await self._records.again(operations, ())
        async with self._books.snapshot() as snapshot:
            found = await snapshot.some([self._charge_id])
            if not found:
                return None, Result(tuple(check_strangers(self._seen, snapshot.now)))
            processes = None if self._unread else self._seen
            evidence = replace(found[0], effects=effects, processes=processes)
            return evidence, examine(evidence, snapshot.now, frozenset(self._records.unread))

    async def _read_processes(self, operations: Sequence[OperationRow]) -> list[ProcessRow]:
        try:
            return [read.row for read in await self._processes.again(names_of(self._charge_id, operations))]
        except ProcessesUnreadable as error:
            self._unread.append(str(error))
            return []


def _statements(evidence: ChargeEvidence | None, processes: Sequence[ProcessRow]) -> Iterator[Statement]:
    if evidence is not None:
        yield from _of_books(evidence)
    for process in processes:
        yield _of_process(process)


def _of_books(evidence: ChargeEvidence) -> Iterator[Statement]:
    charge = evidence.charge
    amounts = f"{shown(charge.captured_minor, charge.currency)} captured, {shown(charge.refunded_minor, charge.currency)} refunded"
    asked = f"{shown(charge.amount_minor, charge.currency)} were asked for at {_time(charge.created_at)}"
    books = Source("books", charge.charge_id)
    yield Statement("charge", charge.charge_id, f"{asked}; it is {_word(charge.status)}, {amounts}.", (books,))
    taken_back = [effect for effect in evidence.effects if effect.kind in KINDS]
    matched = match(evidence.operations, [effect for effect in evidence.effects if effect.kind not in KINDS])
    known = {(row.gateway, row.reference) for row in evidence.withdrawals}
    entries: dict[str | None, list[EntryRow]] = defaultdict(list)
    for entry in evidence.entries:
        entries[entry.operation_id].append(entry)
    attempt = 0
    for operation in sorted(evidence.operations, key=lambda row: (row.attempt, row.requested_at)):
        if operation.attempt > attempt:
            attempt = operation.attempt
            yield _of_attempt(attempt, operation)
        yield _of_operation(operation, evidence.processes or ())
        for effect in matched.by_operation.get(operation.operation_id, ()):
            yield _of_effect(effect)
        for entry in entries.pop(operation.operation_id, ()):
            yield _of_entry(entry)
    for effect in taken_back:
        is_known = (effect.gateway, effect.reference) in known
        yield _of_effect(effect, " It took that back by itself." if is_known else " The books do not have it.")
    for effect in matched.unexplained:
        yield _of_effect(effect, " No operation of ours explains it.")
    for strays in entries.values():
        yield from map(_of_entry, strays)


def _of_attempt(number: int, first: OperationRow) -> Statement:
    text = f"Attempt {number} went to {first.gateway}."
    return Statement("attempt", str(number), text, (Source("books", first.operation_id),))


def _of_operation(operation: OperationRow, processes: Sequence[ProcessRow]) -> Statement:
    sent_by = [
        Source("process", process.workflow_id)
        for process in processes
        if process.history is not None
        and any(sent.operation_id == operation.operation_id for sent in process.history.sent)
    ]
    outcome = _word(operation.outcome or "not known yet")
    said = f" ({operation.decline_code})" if operation.decline_code else ""
    excess = " It was in excess, and is given back." if operation.excess else ""
    gives_back = f" It gives back {operation.compensates}." if operation.compensates else ""
    amount = shown(operation.amount_minor, operation.currency)
    text = f"{operation.gateway} was asked to {operation.kind} {amount}; outcome: {outcome}{said}.{excess}{gives_back}"
    sources = (Source("books", operation.operation_id), *sent_by)
    return Statement("operation", operation.operation_id, text, sources)


def _of_effect(effect: Effect, more: str = "") -> Statement:
    fee = "" if not effect.fee_minor else f", fee {shown(effect.fee_minor, effect.fee_currency or effect.currency)}"
    amount = shown(effect.amount_minor, effect.currency)
    text = f"{effect.gateway} shows the {effect.kind} of {amount} as {effect.standing}{fee}.{more}"
    return Statement("effect", effect.reference, text, (Source("gateway", f"{effect.gateway}:{effect.reference}"),))


def _of_entry(entry: EntryRow) -> Statement:
    moved = ", ".join(f"{line.side} {line.account} {shown(line.amount_minor, line.currency)}" for line in entry.lines)
    return Statement("entry", entry.reference, f"The journal has: {moved}.", (Source("journal", entry.reference),))


def _of_process(process: ProcessRow) -> Statement:
    history = process.history
    sent = len(set(history.sent)) if history is not None else 0
    told = list(dict.fromkeys(answer.status for answer in history.answers)) if history is not None else []
    answers = f"; it told its callers {', '.join(map(_word, told))}" if told else ""
    text = f"It is {process.status} since {_time(process.started_at)}, and sent {sent} operations{answers}."
    return Statement("process", process.workflow_id, text, (Source("process", process.workflow_id),))


def _word(text: str) -> str:
    return text.replace("_", " ")


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
