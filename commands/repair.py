"""Repairs the books after a crash or a restored backup: proposes, shows what it would post, and does it once it may.

What it posts goes through the ledger steps of the processes, so a process that comes later finds it done.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from commands import connections, gateway_records, proof
from commands.lost_operations import Memory
from commands.process_proof import unknown
from commands.process_records import ProcessRecords
from commands.proof_report import ProofReport
from commands.repair_plan import ChargePlan, Planner
from commands.repair_steps import Repairs, StepRefused, entries_of
from gateways import adapters
from gateways.port import Gateway
from ledger.database import Database, create_engine
from ledger.proofs.evidence import ProcessRow
from ledger.proofs.findings import Finding
from ledger.proofs.process_checks import names_of
from ledger.proofs.reading import open_books
from ledger.rehearsal import rehearsal
from ledger.reports import EntryRecord
from settings import Settings

POOL = 2


@dataclass(slots=True)
class Proposal:
    """A plan for one charge, and the entries that it would post, or has posted."""

    plan: ChargePlan
    entries: list[EntryRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Proposals:
    """What a repair would do; `report` is the proof that it rests on."""

    report: ProofReport
    charges: Sequence[Proposal]

    @property
    def to_do(self) -> list[Proposal]:
        """Those that change something."""
        return [each for each in self.charges if each.plan.steps]

    @property
    def cannot(self) -> list[str]:
        """What cannot be repaired, each in a line."""
        return [f"charge {each.plan.charge_id}: {line}" for each in self.charges for line in each.plan.cannot]


async def propose(settings: Settings, actor: str, charge_id: str | None = None) -> Proposals:
    """Prove the books, and plan for each charge that differs, or for one, what can be repaired; changes nothing."""
    report = await proof.run(settings)
    if report.unread:
        return Proposals(report, ())
    seen = _references(report.findings)
    records = gateway_records.of_settings(settings)
    gateways = adapters.of_settings(settings)
    database = create_engine(settings.database_url, POOL)
    try:
        memories = await _memories(settings, [name for name in seen if charge_id in {None, name}])
        planner = Planner(database, gateways, records, actor)
        proposals = []
        for name in sorted(seen.keys() | memories.keys()):
            if charge_id in {None, name}:
                plan = await planner.plan(name, memories.get(name, Memory()), seen.get(name, {}))
                proposals.append(await _rehearsed(database, gateways, plan))
        return Proposals(report, [each for each in proposals if each.plan.steps or each.plan.cannot])
    finally:
        await records.close()
        await adapters.close(gateways)
        await database.dispose()


async def carry_out(settings: Settings, proposals: Proposals) -> list[Proposal]:
    """Do what was proposed; returns what was posted. A step that is refused ends its charge, and is said in `cannot`."""
    database = create_engine(settings.database_url, POOL)
    gateways = adapters.of_settings(settings)
    try:
        async with database.connect() as connection:
            await connections.require_protection(connection, settings)
        return [await _done(database, gateways, each.plan) for each in proposals.to_do]
    finally:
        await adapters.close(gateways)
        await database.dispose()


async def _rehearsed(database: Database, gateways: Mapping[str, Gateway], plan: ChargePlan) -> Proposal:
    """See what the steps post, and take it back."""
    proposal = Proposal(plan)
    if not plan.steps:
        return proposal
    async with rehearsal(database) as (stage, connection):
        before = {each.reference for each in await entries_of(connection, plan.charge_id)}
        if await _do(stage, gateways, plan):
            after = await entries_of(connection, plan.charge_id)
            proposal.entries = [each for each in after if each.reference not in before]
        else:
            plan.steps.clear()
    return proposal


async def _done(database: Database, gateways: Mapping[str, Gateway], plan: ChargePlan) -> Proposal:
    proposal = Proposal(plan)
    async with database.connect() as connection:
        before = {each.reference for each in await entries_of(connection, plan.charge_id)}
    await _do(database, gateways, plan)
    async with database.connect() as connection:
        after = await entries_of(connection, plan.charge_id)
    proposal.entries = [each for each in after if each.reference not in before]
    return proposal


async def _do(database: Database, gateways: Mapping[str, Gateway], plan: ChargePlan) -> bool:
    repairs = Repairs(database, {name: gateway.capabilities for name, gateway in gateways.items()})
    try:
        for step in plan.steps:
            await repairs.do(step)
    except StepRefused as error:
        plan.cannot.append(str(error))
        return False
    return True


def _references(findings: Iterable[Finding]) -> dict[str, dict[str, set[str]]]:
    """List the charges that differ, and the gateways' objects that were found for each."""
    seen: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for finding in findings:
        if finding.charge_id is None:
            continue
        of_charge = seen[finding.charge_id]
        if finding.gateway is not None and finding.gateway_reference is not None:
            of_charge[finding.gateway].add(finding.gateway_reference)
    return seen


async def _memories(settings: Settings, charge_ids: Iterable[str]) -> dict[str, Memory]:
    """Read the histories of these charges, and of all processes of which the books know nothing."""
    records = ProcessRecords(settings)
    async with open_books(settings.database_url) as books, books.snapshot() as snapshot:
        strangers = await unknown(snapshot, (await records.everything(None)).values())
        evidence = await snapshot.some(list(charge_ids))
    own = [name for each in evidence for name in names_of(each.charge.charge_id, each.operations)]
    memories: dict[str, Memory] = defaultdict(Memory)
    for read in await records.again(own):
        charge_id = _charge_of(read.row)
        if charge_id is not None:
            memories[charge_id].add(read.history)
            memories[charge_id].is_open |= read.row.is_open
    async for read in records.histories(_charges_first(strangers)):
        charge_id = _charge_of(read.row)
        history = read.row.history
        if charge_id is not None and history is not None and history.sent:
            memories[charge_id].add(read.history)
            memories[charge_id].is_open |= read.row.is_open
    return dict(memories)


def _charges_first(rows: Iterable[ProcessRow]) -> list[ProcessRow]:
    """A charge is sent before its refunds, and they by the order of their start."""
    return sorted(rows, key=lambda row: (not row.workflow_id.startswith("charge/"), row.started_at))


def _charge_of(row: ProcessRow) -> str | None:
    kind, _, name = row.workflow_id.partition("/")
    if kind != "refund":
        return name
    return None if row.history is None else row.history.charge_id
