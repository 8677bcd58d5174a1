"""Runs the proof: reads the gateways first, then the books, and looks at whatever differs a second time.

An operation is in the books before its gateway hears of it, so in this order an effect always finds its operation;
what was recorded while we read is seen right by the second look, which reads the gateways by id.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, islice

from commands import gateway_records
from commands.gateway_records import GatewayRecords
from ledger.proofs.entry_checks import check_entries, check_totals, imbalance
from ledger.proofs.evidence import ChargeEvidence, Effect
from ledger.proofs.findings import Finding, Note, NoteCode, Result
from ledger.proofs.join import Effects, examine, unexplained
from ledger.proofs.reading import Books, Size, Snapshot, open_books
from settings import Settings

PAUSES_SECONDS = (1.0, 2.0, 4.0)
"""Waits before looking again: what is being recorded right now takes less than the first."""
MOST_LOOKED_AT_AGAIN = 1000
EARLIER = timedelta(hours=1)
"""How long before `since` the gateways are read from: their clocks are not ours."""

Say = Callable[[str], None]
Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofReport:
    """What the proof says; `unread` are the parts that could not be read or examined, each in a line."""

    findings: tuple[Finding, ...]
    notes: tuple[Note, ...]
    unread: tuple[str, ...]
    charges: int
    operations: int
    entries: int
    effects: int
    since: datetime | None

    @property
    def verdict(self) -> str:
        """`proved`, `findings`, or `not_read` where a part could not be read, whatever was found in the rest."""
        if self.unread:
            return "not_read"
        return "findings" if self.findings else "proved"

    @property
    def exit_code(self) -> int:
        """0 nothing found, 1 findings, 3 something could not be read."""
        return {"proved": 0, "findings": 1, "not_read": 3}[self.verdict]


async def run(settings: Settings, since: datetime | None = None, say: Say = lambda _: None) -> ProofReport:
    """Prove the books of these settings; with `since`, for the charges made from then on."""
    records = gateway_records.of_settings(settings)
    try:
        async with open_books(settings.database_url) as books:
            return await _Proof(books, records, since, say).report()
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
        )
        if result.findings:
            self.suspects[charge_id] = _Suspect({each.key: each for each in result.findings}, tuple(evidence.effects))
            for entry in evidence.entries:
                self.off.update(imbalance(entry))
        if result.notes:
            self.notes[charge_id] = result.notes


class _Proof:
    """One run."""

    def __init__(self, books: Books, records: GatewayRecords, since: datetime | None, say: Say) -> None:
        self._books = books
        self._records = records
        self._since = since
        self._say = say
        self._unproved: list[str] = []
        """What was read and could still not be examined, each in a line."""

    async def report(self) -> ProofReport:
        """Look at everything, then again at what differs."""
        async with self._books.snapshot() as snapshot:
            claims = await snapshot.claims(self._since)
        self._say(f"reading the record of {' and '.join(self._records.names)}")
        start = None if self._since is None else self._since - EARLIER
        effects = await self._records.everything(start, claims)
        self._say("reading the books")
        async with self._books.snapshot() as snapshot:
            seen = await self._look(snapshot, Effects(effects))
        confirmed = list(await self._look_again(seen)) if seen.suspects else []
        return ProofReport(
            findings=(*confirmed, *seen.strays),
            notes=tuple(chain.from_iterable(seen.notes.values())),
            unread=(*self._records.unread.values(), *self._unproved),
            charges=seen.counts["charges"],
            operations=seen.counts["operations"],
            entries=seen.counts["entries"],
            effects=len(effects),
            since=self._since,
        )

    async def _look(self, snapshot: Snapshot, effects: Effects) -> _Seen:
        seen = _Seen()
        async for page in snapshot.pages(self._since):
            for evidence in _with_effects(page, effects):
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
        return seen

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
            unread_before = len(self._records.unread)
            again = await self._suspects_now(suspects, seen)
            if len(self._records.unread) > unread_before:
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

    async def _suspects_now(self, suspects: dict[str, _Suspect], seen: _Seen) -> dict[str, _Suspect]:
        async with self._books.snapshot() as snapshot:
            before = await snapshot.some(suspects)
        operations = [operation for evidence in before for operation in evidence.operations]
        known = chain.from_iterable(suspect.effects for suspect in suspects.values())
        effects = Effects(await self._records.again(operations, known))
        found = {}
        async with self._books.snapshot() as snapshot:
            for evidence in _with_effects(await snapshot.some(suspects), effects):
                result = self._examine(evidence, snapshot)
                charge_id = evidence.charge.charge_id
                seen.notes[charge_id] = result.notes
                found[charge_id] = _Suspect({each.key: each for each in result.findings}, tuple(evidence.effects))
        return found

    def _examine(self, evidence: ChargeEvidence, snapshot: Snapshot) -> Result:
        return examine(evidence, snapshot.now, frozenset(self._records.unread))

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


def _with_effects(page: Iterable[ChargeEvidence], effects: Effects) -> Iterator[ChargeEvidence]:
    for evidence in page:
        references = chain.from_iterable(operation.references for operation in evidence.operations)
        yield replace(evidence, effects=effects.take(evidence.charge.charge_id, references))
