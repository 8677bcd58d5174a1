"""`ledger check`: what would be refused of entries and why, and how accounts would stand; nothing is written."""
# ruff: noqa: PLC0415 # heavy parts are imported when the command runs, so that --help is quick

from pathlib import Path
from typing import TYPE_CHECKING

from commands import options, output, standing_options
from commands.errors import AnswerIsNo

if TYPE_CHECKING:
    from commands.check_documents import CheckDocument


def check(file: standing_options.EntryFile, *, as_json: options.AsJson = False) -> None:
    """Say what would be refused of one or more entries and why, and how their accounts would stand; nothing is written."""
    from commands import check_documents, checked_entries, connections
    from ledger.dry_run import DryRun, dry_run
    from settings import Settings

    typed = checked_entries.read(Path(file))

    async def run(settings: Settings) -> DryRun:
        async with connections.books(settings) as books:
            entries = [await checked_entries.entry_of(books, each, number) for number, each in enumerate(typed, 1)]
            await books.rollback()
            return await dry_run(books, entries)

    found = check_documents.of_dry_run(connections.run(run))
    if as_json:
        output.document(found.plain())
    else:
        _show(found)
    refused = [each.message or "" for each in found.entries if not each.accepted]
    if refused:
        raise AnswerIsNo(*refused)


def _show(found: "CheckDocument") -> None:
    from commands.standing_arguments import shown

    for each in found.entries:
        if each.accepted:
            output.line(f"{each.entry_reference} {'is posted already' if each.posted_already else 'would be posted'}")
    if found.standings:
        output.line("")
        rows = [
            (
                each.account,
                each.state,
                *(
                    shown(minor, each.currency)
                    for minor in (each.posted_minor, each.pending_minor, each.available_minor)
                ),
            )
            for each in found.standings
        ]
        columns = ("account", "state", "posted", "pending", "available")
        output.table(columns, rows, numbers=columns[2:])
