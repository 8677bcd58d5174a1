"""What `prove --repair` prints: what it would post, what it posted, and what it cannot repair."""

import sys
from collections.abc import Sequence
from typing import Any

import typer

from commands import ledger_documents, output, timeline
from commands.repair import Proposal, Proposals


def document(proposals: Proposals, posted: Sequence[Proposal], *, is_done: bool) -> dict[str, Any]:
    """Return a repair as JSON has it; docs/cli.md names the fields."""
    return {
        "verdict": proposals.report.verdict,
        "done": is_done,
        "charges": [_charge(each) for each in (posted if is_done else proposals.charges)],
        "cannot": list(proposals.cannot),
    }


def show(proposals: Proposals) -> None:
    """Print for people what would be done."""
    for each in proposals.to_do:
        output.line(f"charge {each.plan.charge_id} would be repaired:")
        _show(each)
    for line in proposals.cannot:
        output.line(f"cannot be repaired: {line}")
    if not proposals.charges:
        output.line("Nothing to repair.")


def show_posted(posted: Sequence[Proposal]) -> None:
    """Print for people what was done."""
    entries = sum(len(each.entries) for each in posted)
    output.line(f"Repaired {len(posted):,} charges, posted {entries:,} entries. Prove again to see that all agrees.")


def is_agreed() -> bool:
    """Ask the person at the terminal; where nobody can be asked, the answer is no."""
    return sys.stdin.isatty() and typer.confirm("Post this?")


def _show(proposal: Proposal) -> None:
    for step in proposal.plan.steps:
        output.line(f"  - {step}")
    timeline.show_entries([ledger_documents.of_entry(each) for each in proposal.entries])
    output.line("")


def _charge(proposal: Proposal) -> dict[str, Any]:
    return {
        "charge_id": proposal.plan.charge_id,
        "steps": [str(step) for step in proposal.plan.steps],
        "entries": [ledger_documents.of_entry(each).plain() for each in proposal.entries],
        "cannot": list(proposal.plan.cannot),
    }
