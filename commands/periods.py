"""`periods`: which months are open, and how a person closes one, or has one opened again."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import typer

from commands import options, output
from commands.errors import AnswerIsNo, WrongUse

if TYPE_CHECKING:
    from commands.connections import Books
    from commands.period_documents import PeriodDocument, PeriodSheetDocument

app = typer.Typer(help="The months of the books: list them, look at one, close it, reopen it.")


@app.command(name="list")
def list_periods(*, limit: options.Limit = 50, as_json: options.AsJson = False) -> None:
    """List the last periods, oldest first."""
    from commands import connections, period_documents
    from ledger import periods
    from settings import Settings

    async def read(settings: Settings) -> "list[PeriodDocument]":
        async with connections.books(settings) as books:
            return [period_documents.of_period(each) for each in await periods.listed(books, limit=limit)]

    found = connections.run(read)
    if as_json:
        output.document({"periods": [period.plain() for period in found]})
    else:
        rows = [(each.period, f"{each.starts_on}", f"{each.ends_on}", each.state) for each in found]
        output.table(("period", "from", "to", "state"), rows)


@app.command()
def show(period: options.PeriodName, *, as_json: options.AsJson = False) -> None:
    """Show a period: its entries, who closed or reopened it and why, and what its closing would meet."""
    from commands import connections, period_documents
    from ledger import periods
    from ledger.period_errors import UnknownPeriod
    from settings import Settings

    async def read(settings: Settings) -> "PeriodSheetDocument":
        async with connections.books(settings) as books:
            return period_documents.of_sheet(await periods.sheet(books, period))

    try:
        found = connections.run(read)
    except UnknownPeriod as error:
        raise WrongUse(str(error)) from None
    if as_json:
        output.document(found.plain())
    else:
        _show(found)


@app.command(name="begin-close")
def begin_close(period: options.PeriodName, *, by: options.ByCloser, as_json: options.AsJson = False) -> None:
    """Let only closers post into a period, whose late facts then go to the next one."""
    from ledger import periods

    _change(period, lambda books: periods.begin_close(books, period, by=by), as_json=as_json)


@app.command()
def close(
    period: options.PeriodName,
    *,
    by: options.ByCloser,
    despite: options.Despite = None,
    as_json: options.AsJson = False,
) -> None:
    """Close a period that is over; refused while the checks of the books fail, or something in it is open."""
    from ledger import periods

    _change(period, lambda books: periods.close(books, period, by=by, despite=despite), as_json=as_json)


@app.command()
def reopen(
    period: options.PeriodName,
    *,
    because: options.Why,
    by: options.ByAccountant,
    approved_by: options.ApprovedBy,
    as_json: options.AsJson = False,
) -> None:
    """Open a period again that was closed last; another person than who asks has to approve it."""
    from ledger import periods

    _change(
        period,
        lambda books: periods.reopen(books, period, by=by, approved_by=approved_by, because=because),
        as_json=as_json,
    )


def _change(period: str, change: "Callable[[Books], Awaitable[None]]", *, as_json: bool) -> None:
    from commands import connections, period_documents
    from ledger import periods
    from ledger.period_errors import NotInThisRole, PeriodHasWarnings, PeriodRefused, UnknownPeriod
    from settings import Settings

    async def changed(settings: Settings) -> "PeriodSheetDocument":
        async with connections.writable_books(settings) as books:
            await change(books)
            # Before anything is read: until then, nobody else can post.
            await books.commit()
            return period_documents.of_sheet(await periods.sheet(books, period))

    try:
        found = connections.run(changed)
    except UnknownPeriod as error:
        raise WrongUse(str(error)) from None
    except PeriodHasWarnings as error:
        raise AnswerIsNo(str(error), *error.warnings) from None
    except (NotInThisRole, PeriodRefused) as error:
        raise AnswerIsNo(str(error)) from None
    if as_json:
        output.document(found.plain())
    else:
        output.line(f"period {found.period} is {found.state}")


def _show(found: "PeriodSheetDocument") -> None:
    late = f", {found.late_count} of them late" if found.late_count else ""
    output.line(f"period {found.period} ({found.starts_on} to {found.ends_on}) is {found.state}")
    output.line(f"entries: {found.entry_count}{late}")
    for change in found.changes:
        approved = f", approved by {change.approved_by}" if change.approved_by else ""
        because = f": {change.because}" if change.because else ""
        output.line(
            f"{change.changed_at:%Y-%m-%d %H:%M:%S} {change.to_state} by {change.changed_by}{approved}{because}"
        )
        for warning in change.warnings:
            output.line(f"    although {warning}")
    if found.state != "closed":
        for finding in found.findings:
            output.line(f"{finding.severity}: {finding.finding}")
