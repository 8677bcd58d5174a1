"""`prove`: whether the gateways' own record, the journal and the charges agree, and what to do where they do not."""
# ruff: noqa: PLC0415 # heavy parts are imported when the command runs, so that --help is quick

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from commands import options, output
from commands.errors import AnswerIsNo, OutOfReach

if TYPE_CHECKING:
    from commands.proof_report import ProofReport
    from ledger.proofs.findings import Finding
    from ledger.proofs.invariants import Count
    from settings import Settings

DEFAULT_HISTORIES = 500
MOST_SHOWN = 20
"""Findings of one kind that a person gets to see; --json has all."""


def prove(
    *, since: options.Since = None, histories: options.Histories = "500", as_json: options.AsJson = False
) -> None:
    """Prove that the gateways' own record, the journal, the charges and their processes agree."""
    from commands import arguments, connections

    begin = arguments.point_in_time("--since", since)
    most = arguments.histories(histories)
    report = connections.run(lambda settings: run_proof(settings, begin, most))
    if as_json:
        output.document(document(report))
    else:
        show(report)
    if report.unread:
        raise OutOfReach(*(f"nothing is proved, since a part could not be read: {line}" for line in report.unread))
    if report.findings:
        raise AnswerIsNo(f"the books are not proved: {len(report.findings):,} findings")


async def run_proof(
    settings: "Settings", since: datetime | None = None, histories: int | None = DEFAULT_HISTORIES
) -> "ProofReport":
    """Run the proof; on a terminal it tells on stderr how far it is. Raises what SQLAlchemy raises."""
    from rich.console import Console

    from commands import proof

    console = Console(stderr=True)
    if not console.is_terminal:
        return await proof.run(settings, since, histories=histories)
    with console.status("proving") as status:
        return await proof.run(settings, since, status.update, histories)


def document(report: "ProofReport") -> dict[str, Any]:
    """Return the report as JSON has it; docs/cli.md and docs/proof.md name the fields."""
    from ledger.proofs.invariants import BROKEN_BY

    return {
        "verdict": report.verdict,
        "since": report.since.isoformat() if report.since else None,
        "checked": {
            "charges": report.charges,
            "operations": report.operations,
            "entries": report.entries,
            "effects": report.effects,
            "processes": report.processes,
            "histories": report.histories,
        },
        "invariants": [
            {
                "invariant": each.invariant,
                "meaning": each.invariant.meaning,
                "state": each.state,
                "of": each.of,
                "checked": each.checked,
                "failed": each.failed,
            }
            for each in report.invariants
        ],
        "findings": [
            {
                "code": finding.code,
                "invariant": BROKEN_BY[finding.code],
                "message": finding.message,
                "what_to_do": finding.code.what_to_do,
                "charge_id": finding.charge_id,
                "operation_id": finding.operation_id,
                "gateway": finding.gateway,
                "gateway_reference": finding.gateway_reference,
                "entry_reference": finding.entry_reference,
            }
            for finding in report.findings
        ],
        "notes": [
            {
                "code": note.code,
                "message": note.message,
                "charge_id": note.charge_id,
                "operation_id": note.operation_id,
            }
            for note in report.notes
        ],
        "unread": list(report.unread),
    }


def show(report: "ProofReport") -> None:
    """Print the report for people."""
    by_code: dict[Any, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        by_code[finding.code].append(finding)
    for code, findings in by_code.items():
        output.line(f"{code} ({len(findings):,}): {code.meaning}")
        output.line(f"  What to do: {code.what_to_do}")
        for finding in findings[:MOST_SHOWN]:
            output.line(f"  - {finding.message}")
        if len(findings) > MOST_SHOWN:
            output.line(f"  - and {len(findings) - MOST_SHOWN:,} more; --json lists all")
        output.line("")
    for note in report.notes[:MOST_SHOWN]:
        output.line(f"Note, {note.code}: {note.message}")
    if len(report.notes) > MOST_SHOWN:
        output.line(f"Note: and {len(report.notes) - MOST_SHOWN:,} more; --json lists all")
    for each in report.invariants:
        output.line(f"{each.invariant} {_words(each)}: {each.invariant.meaning}")
    output.line(summary(report))


def _words(each: "Count") -> str:
    """Say in a few words what was checked for an invariant."""
    state = each.state.replace("_", " ")
    if each.state in {"not_checked", "not_kept_yet"}:
        return state
    failed = f", {each.failed:,} failed" if each.failed else ""
    return f"{state} ({each.checked:,} {each.of} checked{failed})"


def summary(report: "ProofReport") -> str:
    """Say in a sentence what the proof came to."""
    counts = (
        f"{report.charges:,} charges, {report.operations:,} operations, {report.entries:,} journal entries, "
        f"{report.effects:,} effects at the gateways and {report.processes:,} processes ({report.histories:,} replayed)"
    )
    match report.verdict:
        case "proved":
            return f"Proved: {counts} agree."
        case "findings":
            return f"Not proved: {len(report.findings):,} findings in {counts}."
        case _:
            return f"Not proved: a part could not be read. Examined: {counts}."
