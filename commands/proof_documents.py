"""What `prove` prints: a proof and the explanation of a charge, as JSON documents and for people."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from commands import output
from commands.explanation import Explanation
from commands.proof_report import ProofReport
from ledger.proofs.findings import Code, Finding, Note
from ledger.proofs.invariants import BROKEN_BY, Count

MOST_SHOWN = 20
"""Findings of one kind that a person gets to see; --json has all."""


def document(report: ProofReport) -> dict[str, Any]:
    """Return the report as JSON has it; docs/cli.md and docs/proof.md name the fields."""
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
                "why_not": each.why_not,
            }
            for each in report.invariants
        ],
        "findings": [_finding(finding) for finding in report.findings],
        "notes": [_note(note) for note in report.notes],
        "unread": list(report.unread),
    }


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """Return the explanation of a charge as JSON has it."""
    return {
        "charge_id": explanation.charge_id,
        "verdict": explanation.verdict,
        "statements": [
            {
                "about": each.about,
                "name": each.name,
                "statement": each.text,
                "sources": [{"source": source.source, "reference": source.reference} for source in each.sources],
            }
            for each in explanation.statements
        ],
        "findings": [_finding(finding) for finding in explanation.findings],
        "notes": [_note(note) for note in explanation.notes],
        "unread": list(explanation.unread),
    }


def show(report: ProofReport) -> None:
    """Print the report for people."""
    _show_findings(report.findings)
    for note in report.notes[:MOST_SHOWN]:
        output.line(f"Note, {note.code}: {note.message}")
    if len(report.notes) > MOST_SHOWN:
        output.line(f"Note: and {len(report.notes) - MOST_SHOWN:,} more; --json lists all")
    for each in report.invariants:
        output.line(f"{each.invariant} {_words(each)}: {each.invariant.meaning}")
    output.line(summary(report))


def show_explanation(explanation: Explanation) -> None:
    """Print for people what each source says of a charge, and whether they agree."""
    for each in explanation.statements:
        sources = ", ".join(f"{source.source} {source.reference}" for source in each.sources)
        output.line(f"{each.about} {each.name}: {each.text} [{sources}]")
    output.line("")
    _show_findings(explanation.findings)
    for note in explanation.notes:
        output.line(f"Note, {note.code}: {note.message}")
    match explanation.verdict:
        case "proved":
            output.line(f"Proved: all sources agree on charge {explanation.charge_id}.")
        case "findings":
            output.line(f"Not proved: {len(explanation.findings):,} findings on charge {explanation.charge_id}.")
        case _:
            output.line("Not proved: a part could not be read.")


def summary(report: ProofReport) -> str:
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


def _show_findings(findings: Iterable[Finding]) -> None:
    by_code: dict[Code, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_code[finding.code].append(finding)
    for code, found in by_code.items():
        output.line(f"{code} ({len(found):,}): {code.meaning}")
        output.line(f"  What to do: {code.what_to_do}")
        for finding in found[:MOST_SHOWN]:
            output.line(f"  - {finding.message}")
        if len(found) > MOST_SHOWN:
            output.line(f"  - and {len(found) - MOST_SHOWN:,} more; --json lists all")
        output.line("")


def _words(each: Count) -> str:
    """Say in a few words what was checked for an invariant."""
    state = each.state.replace("_", " ")
    if each.why_not is not None:
        return f"{state} ({each.why_not})"
    failed = f", {each.failed:,} failed" if each.failed else ""
    return f"{state} ({each.checked:,} {each.of} checked{failed})"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
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


def _note(note: Note) -> dict[str, Any]:
    return {
        "code": note.code,
        "message": note.message,
        "charge_id": note.charge_id,
        "operation_id": note.operation_id,
    }
