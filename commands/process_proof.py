"""The processes' part of a proof: which belong to which charge, and what a number of their histories say and replay to.

Those that act for no one charge, such as that of a subscription, are replayed only: what they move is moved by charges.
What could not be read is remembered in `unread`, and never taken for "nothing there".
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from temporalio.client import WorkflowHistory

from commands import replays
from commands.process_records import ProcessesUnreadable, ProcessRecords
from ledger.proofs.evidence import REFUND, ChargeEvidence, ProcessRow
from ledger.proofs.findings import Code, Finding
from ledger.proofs.process_checks import charge_of, check_processes, check_strangers, names_of
from ledger.proofs.reading import Books, Snapshot

BATCH = 200
"""Histories whose charges are looked up at once."""


@dataclass(slots=True)
class Told:
    """What the histories brought: findings to look at again with their charges, and those of no charge of ours."""

    of_charges: list[Finding] = field(default_factory=list)
    strays: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class ProcessProof:
    """Lists the processes, gives them out charge by charge, and examines at most `most_histories` histories."""

    def __init__(self, records: ProcessRecords | None, most_histories: int) -> None:
        self._records = records
        self._most_histories = most_histories
        self._all: dict[str, ProcessRow] = {}
        self._left: dict[str, ProcessRow] = {}
        self.unread: list[str] = []

    @property
    def are_read(self) -> bool:
        """Whether anything may be concluded from what processes there are."""
        return self._records is not None and not self.unread

    @property
    def count(self) -> int:
        """How many processes there are."""
        return len(self._all)

    async def list_all(self, since: datetime | None) -> None:
        """List every process that was started since then."""
        if self._records is None:
            return
        try:
            self._all = await self._records.everything(since)
        except ProcessesUnreadable as error:
            self.unread.append(str(error))
        self._left = dict(self._all)

    async def list_again(self, charges: Iterable[ChargeEvidence]) -> None:
        """Read the processes of these charges anew, with their histories, to be taken again."""
        if self._records is None or self.unread:
            return
        names = [name for each in charges for name in names_of(each.charge.charge_id, each.operations)]
        try:
            found = await self._records.again(names)
        except ProcessesUnreadable as error:
            self.unread.append(str(error))
            return
        for name in names:
            self._all.pop(name, None)
        self._all |= {read.row.workflow_id: read.row for read in found}

    def take(self, evidence: ChargeEvidence) -> list[ProcessRow] | None:
        """Hand out the processes of a charge; None where nothing may be concluded from them."""
        if not self.are_read:
            return None
        names = names_of(evidence.charge.charge_id, evidence.operations)
        for name in names:
            self._left.pop(name, None)
        return [row for name in names if (row := self._all.get(name)) is not None]

    async def examine(self, books: Books) -> Told:
        """Read and replay histories: those of which the books know nothing first, then a sample that changes daily."""
        told = Told()
        if self._records is None or self.unread:
            return told
        async with books.snapshot() as snapshot:
            strangers = await unknown(snapshot, (row for row in self._left.values() if row.is_of_charge))
            today = f"{snapshot.now:%Y-%m-%d}"
        chosen = list(islice(self._order(strangers, today), self._most_histories))
        batch: list[ProcessRow] = []
        try:
            async for row, failure in _replayed(self._records, chosen):
                told.counts.update(histories=1)
                if failure is not None:
                    told.strays.append(_not_replayed(row, failure))
                if row.is_of_charge:
                    batch.append(row)
                if len(batch) == BATCH:
                    await _examine(books, batch, told)
                    batch = []
            await _examine(books, batch, told)
        except ProcessesUnreadable as error:
            self.unread.append(str(error))
        return told

    def _order(self, strangers: Sequence[ProcessRow], today: str) -> Iterable[ProcessRow]:
        yield from strangers
        first = {row.workflow_id for row in strangers}
        rest = [row for row in self._all.values() if row.workflow_id not in first]
        yield from sorted(rest, key=lambda row: hashlib.sha256(f"{today}/{row.workflow_id}".encode()).digest())


async def _replayed(
    records: ProcessRecords, rows: Sequence[ProcessRow]
) -> AsyncIterator[tuple[ProcessRow, str | None]]:
    """Read each history once, and replay it while it is there."""
    read_rows: dict[str, ProcessRow] = {}
    unreadable: list[ProcessesUnreadable] = []

    async def histories() -> AsyncIterator[WorkflowHistory]:
        try:
            async for read in records.histories(rows):
                read_rows[read.row.workflow_id] = read.row
                yield read.history
        except ProcessesUnreadable as error:
            # Raised in here it would reach the SDK, which reads ahead.
            unreadable.append(error)

    async for workflow_id, failure in replays.failures(histories()):
        yield read_rows.pop(workflow_id), failure
    if unreadable:
        raise unreadable[0]


async def _examine(books: Books, rows: Sequence[ProcessRow], told: Told) -> None:
    """Hold what histories say against the books as they are now, after the histories were read."""
    of_charge: dict[str, list[ProcessRow]] = {}
    for row in rows:
        of_charge.setdefault(charge_of(row) or _name(row), []).append(row)
        told.counts.update(answers=len(row.history.answers) if row.history is not None else 0)
    async with books.snapshot() as snapshot:
        found = {each.charge.charge_id: each for each in await snapshot.some(of_charge)}
        for charge_id, processes in of_charge.items():
            evidence = found.get(charge_id)
            if evidence is None:
                told.strays += check_strangers(processes, snapshot.now)
                continue
            # Of what waits, the listing of all processes has said already who follows it.
            said = check_processes(replace(evidence, processes=processes), snapshot.now)
            told.of_charges += [each for each in said if each.code in OF_HISTORIES]


OF_HISTORIES = frozenset({Code.OPERATION_UNRECORDED, Code.ANSWER_DIFFERS})


async def unknown(snapshot: Snapshot, rows: Iterable[ProcessRow]) -> list[ProcessRow]:
    """Of these processes, those whose charge or refund the books do not have."""
    rows = list(rows)
    refunds = {name for row in rows if (name := _name(row)) and row.workflow_id.startswith(REFUND)}
    charges = {name for row in rows if (name := _name(row)) and not row.workflow_id.startswith(REFUND)}
    known_refunds, known_charges = await snapshot.known_refunds(refunds), await snapshot.known(charges)
    return [
        row
        for row in rows
        if _name(row) not in (known_refunds if row.workflow_id.startswith(REFUND) else known_charges)
    ]


def _name(row: ProcessRow) -> str:
    return row.workflow_id.partition("/")[2]


def _not_replayed(row: ProcessRow, failure: str) -> Finding:
    return Finding(
        code=Code.HISTORY_DIFFERS,
        message=f"process {row.workflow_id}: its history does not replay: {failure}",
        charge_id=charge_of(row),
    )
