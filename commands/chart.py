"""`ledger chart`: which accounts there can be, and what is wrong with a chart that somebody wrote."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from commands import options, output, standing_options
from commands.errors import WrongUse

if TYPE_CHECKING:
    from ledger.chart import ChartRow

app = typer.Typer(help="Which accounts there can be; what is wrong with a chart of one's own.")


@app.command()
def show(*, as_json: options.AsJson = False) -> None:
    """Show the chart that the database has: of several rows that fit a code, the most literal one is meant."""
    from commands import connections
    from ledger import charted_rows
    from settings import Settings

    async def read(settings: Settings) -> "Sequence[ChartRow]":
        async with connections.books(settings) as books:
            return await charted_rows.listed(books)

    _show(connections.run(read), as_json=as_json)


@app.command()
def check(file: standing_options.ChartFile, *, as_json: options.AsJson = False) -> None:
    """Read a chart as `worker.py --migrate` does, and say what is wrong with it, with the line."""
    from ledger import chart_file
    from ledger.errors import ChartFault

    try:
        chart = chart_file.read(Path(file))
    except ChartFault as error:
        raise WrongUse(*error.lines) from None
    _show(chart.accounts, as_json=as_json)


def _show(rows: "Sequence[ChartRow]", *, as_json: bool) -> None:
    from commands import chart_documents

    if as_json:
        return output.document({"accounts": [chart_documents.of_row(row).plain() for row in rows]})
    columns = ("account", "type", "normal side", "owner", "guard", "currencies")
    cells = [
        (row.code, row.type, row.normal_side, row.owner, _guard(row), ", ".join(row.currencies or ("any",)))
        for row in rows
    ]
    return output.table(columns, cells)


def _guard(row: "ChartRow") -> str:
    if not row.guarded:
        return ""
    return f"never below -{row.bill_back_minor} in minor units" if row.bill_back_minor else "never below zero"
