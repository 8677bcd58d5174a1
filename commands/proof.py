"""Runs the proof: reads the gateways and Temporal first, then the books, and looks at whatever differs a second time.

An operation is in the books before its gateway or its process' history hears of it, so in this order each finds its
operation; what was recorded while we read is seen right by the second look, which reads by id.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, islice

from commands import gateway_records, seal_proof
from commands.gateway_records import GatewayRecords
from commands.process_proof import ProcessProof
from commands.process_records import ProcessRecords
from commands.proof_report import ProofReport
from commands.seal_proof import SealProof
from ledger.proofs.entry_checks import check_entries, check_totals, imbalance
from ledger.proofs.evidence import ChargeEvidence, Effect
from ledger.proofs.findings import Finding, Note, NoteCode, Result
from ledger.proofs.invariants import Invariant, count
from ledger.proofs.join import Effects, examine, unexplained
from ledger.proofs.process_checks import answers_of
from ledger.proofs.reading import Books, Size, Snapshot, open_books
from settings import Settings

PAUSES_SECONDS = (1.0, 2.0, 4.0)
"""Waits before looking again: what is being recorded right now takes less than the first."""
MOST_LOOKED_AT_AGAIN = 1000
EARLIER = timedelta(hours=1)
"""How long before `since` the gateways and Temporal are read from: their clocks are not ours."""
HISTORIES = 500
"""How many histories are read and replayed where nobody says otherwise."""

Say = Callable[[str], None]
Key = tuple[str | None, ...]


async def run(
    settings: Settings,
    since: datetime | None = None,
    say: Say = lambda _: None,
    histories: int | None = HISTORIES,
) -> ProofReport:
    """Prove the books of these settings; with `since`, for the charges made from then on.

    `histories` is how many processes' histories are read and replayed at most; None leaves Temporal out.
    """
    records = gateway_records.of_settings(settings)
    processes = ProcessProof(None if histories is None else ProcessRecords(settings), histories or 0)
    try:
        async with open_books(settings.database_url) as books:
            proof = _Proof(books, records, processes, since, say)
            return await proof.report(settings.seal_public_key_file)
    finally:
        await records.close()


@dataclass(slots=True)
class _Suspect:
    """A charge that differs: what was found, and the effects that were seen."""

    findings: dict[Key, Finding]
    effects: tuple[Effect, ...]


@dataclass(slots=True)
class _Seen:
    """What looking at all charges brought; `strays` are findings that belong to no charge of ours."""

    suspects: dict[str, _Suspect] = field(default_factory=dict)
    strays: list[Finding] = field(default_factory=list)
    notes: dict[str, tuple[Note, ...]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    off: Counter[tuple[str, bool]] = field(default_factory=Counter)
    """What unbalanced entries are off by."""

    def add(self, evidence: ChargeEvidence, result: Result) -> None:
        """Keep what was seen of a charge."""
        charge_id = evidence.charge.charge_id
        self.counts.update(
            charges=1,
            operations=len(evidence.operations),
            entries=len(evidence.entries),
            lines=sum(len(entry.lines) for entry in evidence.entries),
            answers=answers_of(evidence.processes or ()),
        )
        if result.findings:
            self.suspects[charge_id] = _Suspect({each.key: each for each in result.findings}, tuple(evidence.effects))
            for entry in evidence.entries:
                self.off.update(imbalance(entry))
        if result.notes:
            self.notes[charge_id] = result.notes

    def suspect(self, finding: Finding) -> None:
        """Look again at the charge of a finding that another examination brought."""
        known = self.suspects.setdefault(finding.charge_id or "", _Suspect({}, ()))
        known.findings[finding.key] = finding


class _Proof:
    """One run."""

    def __init__(
        self, books: Books, records: GatewayRecords, processes: ProcessProof, since: datetime | None, say: Say
    ) -> None:
        self._books = books
        self._records = records
        self._processes = processes
        self._since = since
        self._say = say
        self._unproved: list[str] = []
        """What was read and could still not be examined, each in a line."""

    async def report(self, public_key_file: str) -> ProofReport:
        """Look at everything, then again at what differs."""
        async with self._books.snapshot() as snapshot:
            claims = await snapshot.claims(self._since)
        self._say(f"reading the record of {' and '.join(self._records.names)}")
        start = None if self._since is None else self._since - EARLIER
        effects, _ = await asyncio.gather(self._records.everything(start, claims), self._processes.list_all(start))
        seen = _Seen(counts=Counter(effects=len(effects)))
        del claims
        self._say("reading the books")
        async with self._books.snapshot() as snapshot:
            await self._look(snapshot, Effects(effects), seen)
        del effects
        self._say("reading and replaying the histories of processes")
        told = await self._processes.examine(self._books)
        seen.counts.update(told.counts)
        for finding in told.of_charges:
            seen.suspect(finding)
        confirmed = list(await self._look_again(seen)) if seen.suspects else []
        sealed = await self._seals(public_key_file)
        seen.counts.update(seals=sealed.seals)
        findings = (*confirmed, *seen.strays, *told.strays, *sealed.findings)
        return self._report(seen, findings, self._unchecked(sealed))

    async def _seals(self, public_key_file: str) -> SealProof:
        if self._since is not None:
            return SealProof(why_not="seals are over everything, and --since asks for a part")
        self._say("verifying the seals")
        return await seal_proof.examine(self._books, public_key_file)

    def _report(self, seen: _Seen, findings: tuple[Finding, ...], unchecked: Mapping[Invariant, str]) -> ProofReport:
        counts = seen.counts
        unread = (*self._records.unread.values(), *self._processes.unread, *self._unproved)
        return ProofReport(
            findings=findings,
            notes=tuple(chain.from_iterable(seen.notes.values())),
            unread=unread,
            charges=counts["charges"],
            operations=counts["operations"],
            entries=counts["entries"],
            effects=counts["effects"],
            processes=self._processes.count,
            histories=counts["histories"],
            invariants=tuple(count(findings, counts, unchecked)),
            since=self._since,
        )

    def _unchecked(self, sealed: SealProof) -> dict[Invariant, str]:
        """What rests on a part that was not read, and why it was not."""
        unchecked = {} if sealed.why_not is None else {Invariant.I8: sealed.why_not}
        if self._records.unread:
            why = "a gateway's record could not be read"
            unchecked |= dict.fromkeys((Invariant.I1, Invariant.I3, Invariant.I4, Invariant.I6), why)
        if not self._processes.are_read:
            why = "the processes were not read"
            unchecked |= dict.fromkeys((Invariant.I5, Invariant.I7, Invariant.I9), why)
        return unchecked

    async def _look(self, snapshot: Snapshot, effects: Effects, seen: _Seen) -> None:
        async for page in snapshot.pages(self._since):
            for evidence in self._whole(page, effects):
                seen.add(evidence, self._examine(evidence, snapshot))
            self._say(f"examined {seen.counts['charges']:,} charges")
        for entry in await snapshot.entries_of_no_charge():
            seen.strays += check_entries([entry], ())
            seen.off.update(imbalance(entry))
            seen.counts.update(entries=1, lines=len(entry.lines))
        seen.strays += unexplained(await self._of_no_charge(snapshot, effects.left()))
        seen.strays += check_totals(await snapshot.totals(), seen.off)
        if self._since is None:
            self._require_all(seen.counts, await snapshot.size())

    async def _look_again(self, seen: _Seen) -> Iterator[Finding]:
        """Look again at the charges that differ, and keep what is found twice running."""
        suspects = dict(islice(seen.suspects.items(), MOST_LOOKED_AT_AGAIN))
        once = dict(islice(seen.suspects.items(), MOST_LOOKED_AT_AGAIN, None))
        if once:
            message = f"{len(once):,} charges that differ were read only once: prove again when the others are settled"
            seen.notes[""] = (Note(code=NoteCode.READ_ONCE, message=message),)
        confirmed: dict[Key, Finding] = {}
        for pause in PAUSES_SECONDS:
            if not suspects:
                break
            self._say(f"looking again at {len(suspects):,} charges that differ")
            await asyncio.sleep(pause)
            unread_before = self._unread_count
            again = await self._suspects_now(suspects, seen)
            if self._unread_count > unread_before:
                # Without the second look, the first one counts.
                return chain(confirmed.values(), _findings(suspects), _findings(once))
            for charge_id, now in again.items():
                confirmed |= {key: each for key, each in now.findings.items() if key in suspects[charge_id].findings}
            suspects = {
                charge_id: _Suspect(news, suspect.effects)
                for charge_id, suspect in again.items()
                if (news := {key: each for key, each in suspect.findings.items() if key not in confirmed})
            }
        for charge_id in suspects:
            # Found in no two looks running, so neither a finding nor proved.
            message = f"charge {charge_id} was different each time it was examined: prove again"
            self._unproved.append(message)
        return chain(confirmed.values(), _findings(once))

    @property
    def _unread_count(self) -> int:
        return len(self._records.unread) + len(self._processes.unread)

    async def _suspects_now(self, suspects: dict[str, _Suspect], seen: _Seen) -> dict[str, _Suspect]:
        async with self._books.snapshot() as snapshot:
            before = await snapshot.some(suspects)
        operations = [operation for evidence in before for operation in evidence.operations]
        known = chain.from_iterable(suspect.effects for suspect in suspects.values())
        read, _ = await asyncio.gather(self._records.again(operations, known), self._processes.list_again(before))
        effects = Effects(read)
        found = {}
        async with self._books.snapshot() as snapshot:
            for evidence in self._whole(await snapshot.some(suspects), effects):
                result = self._examine(evidence, snapshot)
                charge_id = evidence.charge.charge_id
                seen.notes[charge_id] = result.notes
                found[charge_id] = _Suspect({each.key: each for each in result.findings}, tuple(evidence.effects))
        return found

    def _examine(self, evidence: ChargeEvidence, snapshot: Snapshot) -> Result:
        return examine(evidence, snapshot.now, frozenset(self._records.unread))

    def _whole(self, page: Iterable[ChargeEvidence], effects: Effects) -> Iterator[ChargeEvidence]:
        """Add to each charge what the gateways and Temporal say of it."""
        for evidence in page:
            references = chain.from_iterable(operation.references for operation in evidence.operations)
            yield replace(
                evidence,
                effects=effects.take(evidence.charge.charge_id, references),
                processes=self._processes.take(evidence),
            )

    async def _of_no_charge(self, snapshot: Snapshot, left: list[Effect]) -> list[Effect]:
        """Take out what belongs to charges made before `since`."""
        if self._since is None:
            return left
        known = await snapshot.known({effect.charge_id for effect in left if effect.charge_id})
        return [effect for effect in left if effect.occurred_at >= self._since and effect.charge_id not in known]

    def _require_all(self, counts: Counter[str], size: Size) -> None:
        """Refuse to conclude anything from books that were not read whole."""
        missed = [
            f"{there - counts[name]:,} of {there:,} {name}"
            for name, there in size._asdict().items()
            if counts[name] != there
        ]
        if missed:
            self._unproved.append(f"the books: {', '.join(missed)} were not read; this is a defect of the proof")


def _findings(suspects: dict[str, _Suspect]) -> Iterator[Finding]:
    return chain.from_iterable(suspect.findings.values() for suspect in suspects.values())
