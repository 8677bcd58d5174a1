"""`adjustment`: a person asks to post an entry by hand, others approve or reject it, and everybody sees what is missing."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

import uuid
from typing import TYPE_CHECKING

import typer

from commands import adjustment_options, options, output
from commands.line_options import CommandWithLines

if TYPE_CHECKING:
    from commands.adjustment_documents import AdjustmentDocument
    from settings import Settings

app = typer.Typer(help="Entries that persons post by hand: ask for one, look at it, approve or reject it.")


@app.command(cls=CommandWithLines)
def request(
    *,
    reason: adjustment_options.ReasonCode,
    because: adjustment_options.BecauseOfAdjustment,
    evidence: adjustment_options.Evidence,
    by: adjustment_options.Accountant,
    entry: options.EntryFile = None,
    debit: adjustment_options.DebitLines = None,
    credit: adjustment_options.CreditLines = None,
    reverses: adjustment_options.Reverses = None,
    amount: adjustment_options.AmountToUndo = None,
    date: adjustment_options.EntryDate = None,
    valid_for: adjustment_options.ValidFor = "7d",
    adjustment_id: adjustment_options.NewAdjustmentId = None,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Ask to post an entry by hand; it is frozen, and posted once other persons have approved it."""
    from commands import (
        adjustment_arguments,
        adjustment_process,
        adjustment_rows,
        adjustment_sheet,
        arguments,
        connections,
        reversal_arguments,
    )

    typed = adjustment_arguments.typed_entry(entry, debit or [], credit or [], date, needs_lines=reverses is None)
    undoing = reversal_arguments.typed_reversal(reverses, amount, typed)
    new_id = adjustment_id or f"adj_{uuid.uuid4().hex}"
    content = {
        "adjustment_id": new_id,
        "requester": by,
        "reason_code": reason,
        "because": because,
        "evidence": evidence,
        "valid_seconds": int(arguments.duration("--valid-for", valid_for).total_seconds()),
    }

    async def asked(settings: "Settings") -> "AdjustmentDocument":
        opened = await adjustment_rows.accounts(settings, [line.account for line in typed.lines])
        if undoing is None:
            request = adjustment_arguments.adjustment_request(typed, opened, content)
        else:
            original = await adjustment_rows.undoable(settings, undoing.reference, new_id)
            request = reversal_arguments.adjustment_request(undoing, original, opened, content)
        return await adjustment_process.request(settings, request, timeout_seconds)

    found = connections.run(asked)
    if as_json:
        output.document(found.plain())
    else:
        output.line(adjustment_sheet.sentence(found))


@app.command(name="list")
def list_adjustments(
    *,
    state: adjustment_options.AdjustmentStateFilter = None,
    limit: options.Limit = 50,
    as_json: options.AsJson = False,
) -> None:
    """List what waits for approval or posting, the last one first; with a state, those in that state."""
    from commands import adjustment_arguments, adjustment_rows, adjustment_sheet, connections

    states = adjustment_arguments.states(state)
    found = connections.run(lambda settings: adjustment_rows.listed(settings, states, limit))
    if as_json:
        output.document({"adjustments": [adjustment.plain() for adjustment in found]})
    elif found:
        adjustment_sheet.show_list(found)
    else:
        output.line("no adjustment waits" if state is None else f"no adjustment is {state}")


@app.command()
def show(adjustment_id: adjustment_options.AdjustmentId, *, as_json: options.AsJson = False) -> None:
    """Show an adjustment: the exact entry and its hash, who decided what, and what is missing."""
    from commands import adjustment_rows, adjustment_sheet, arguments, connections

    arguments.identifier("ADJUSTMENT_ID", adjustment_id)
    found = connections.run(lambda settings: adjustment_rows.whole(settings, adjustment_id))
    if as_json:
        output.document(found.plain())
    else:
        adjustment_sheet.show(found)


@app.command()
def approve(
    adjustment_id: adjustment_options.AdjustmentId,
    *,
    seen: adjustment_options.SeenHash,
    because: adjustment_options.BecauseOfDecision,
    by: adjustment_options.Accountant,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Approve the entry that you have seen; with the last approval that it needs it is posted, once."""
    word = {"seen": seen, "because": because, "by": by}
    _decide("approve", adjustment_id, word, timeout_seconds, as_json=as_json)


@app.command()
def reject(
    adjustment_id: adjustment_options.AdjustmentId,
    *,
    seen: adjustment_options.SeenHash,
    because: adjustment_options.BecauseOfDecision,
    by: adjustment_options.Accountant,
    timeout_seconds: options.Timeout = options.DEFAULT_TIMEOUT_SECONDS,
    as_json: options.AsJson = False,
) -> None:
    """Reject the entry that you have seen: it is never posted."""
    word = {"seen": seen, "because": because, "by": by}
    _decide("reject", adjustment_id, word, timeout_seconds, as_json=as_json)


def _decide(
    verdict: str, adjustment_id: str, given: "dict[str, str]", timeout_seconds: float, *, as_json: bool
) -> None:
    from commands import (
        adjustment_arguments,
        adjustment_process,
        adjustment_rows,
        adjustment_sheet,
        arguments,
        connections,
    )
    from ledger.adjustments import Verdict

    arguments.identifier("ADJUSTMENT_ID", adjustment_id)
    adjustment_arguments.require_hash("--hash", given["seen"])

    async def decided(settings: "Settings") -> "tuple[AdjustmentDocument, str | None]":
        adjustment = await adjustment_rows.known(settings, adjustment_id)
        word = adjustment_arguments.word(adjustment, **given)
        return await adjustment_process.decide(settings, adjustment, Verdict(verdict), word, timeout_seconds)

    found, message = connections.run(decided)
    if as_json:
        output.document(found.plain())
    else:
        output.line(adjustment_sheet.sentence(found, message))
