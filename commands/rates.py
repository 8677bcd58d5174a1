"""`rates`: exchange rates between currencies and units: state them, read them, and see what conversions left at which cost."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from commands import options, output, rate_options
from commands.errors import AnswerIsNo, WrongUse

if TYPE_CHECKING:
    from ledger.positions import Position
    from ledger.rates import AppliedRate, NewRate, StatedRate
    from settings import Settings

app = typer.Typer(help="Exchange rates: state them, list them, and which one applied at a moment.")


@app.command()
def add(
    from_unit: rate_options.FromUnit,
    to_unit: rate_options.ToUnit,
    rate: rate_options.Rate,
    *,
    source: rate_options.Source,
    effective_from: rate_options.EffectiveFrom = None,
    as_json: options.AsJson = False,
) -> None:
    """State a rate; it is never rewritten."""
    from commands import arguments, rate_documents
    from ledger.rates import NewRate

    begin = arguments.point_in_time("--effective-from", effective_from) or datetime.now(UTC)
    content = {
        "from_unit": from_unit.upper(),
        "to_unit": to_unit.upper(),
        "rate": rate,
        "effective_from": begin,
        "source": source,
        "actor": arguments.actor(),
    }
    ((stated, is_new),) = _write([arguments.checked(NewRate, content)])
    if as_json:
        output.document(rate_documents.of_rate(stated).plain())
    else:
        output.line(f"{_said(stated)} {'is stated' if is_new else 'was stated before'}")


@app.command()
def load(file: rate_options.RateFile, *, as_json: options.AsJson = False) -> None:
    """State the rates of a file, all of them or none."""
    from commands import arguments
    from ledger import rate_file
    from ledger.lined_yaml import FileFault

    try:
        read = rate_file.read(Path(file), arguments.actor())
    except FileFault as error:
        raise WrongUse(*error.lines) from None
    new = sum(is_new for _, is_new in _write(read))
    if as_json:
        output.document({"rates": len(read), "new": new})
    else:
        output.line(f"{file}: {len(read)} rates, {new} of them new")


@app.command(name="list")
def list_(
    *,
    from_unit: rate_options.FromFilter = None,
    to_unit: rate_options.ToFilter = None,
    limit: options.Limit = 50,
    as_json: options.AsJson = False,
) -> None:
    """List rates, the last effective one first."""
    from commands import arguments, connections, rate_documents
    from ledger import rates

    pair = (arguments.unit_code("--from", from_unit), arguments.unit_code("--to", to_unit))

    async def read(settings: "Settings") -> "Sequence[StatedRate]":
        async with connections.books(settings) as books:
            return await rates.stated(books, *pair, limit=limit)

    found = [rate_documents.of_rate(row) for row in connections.run(read)]
    if as_json:
        output.document({"rates": [row.plain() for row in found]})
        return
    columns = ("from", "to", "rate", "effective from", "known since", "source", "stated by")
    cells = [
        (
            row.from_unit,
            row.to_unit,
            row.rate,
            _moment(row.effective_from),
            _moment(row.recorded_at),
            row.source,
            row.actor,
        )
        for row in found
    ]
    output.table(columns, cells, numbers=("rate",))


@app.command()
def at(
    from_unit: rate_options.FromUnit,
    to_unit: rate_options.ToUnit,
    *,
    moment: rate_options.At = None,
    known_at: rate_options.KnownAt = None,
    as_json: options.AsJson = False,
) -> None:
    """Say which rate applied at a moment, also by what was known at another."""
    from commands import arguments, connections, rate_documents
    from ledger import rates
    from ledger.exchange_errors import NoRate

    pair = (arguments.unit("FROM", from_unit), arguments.unit("TO", to_unit))
    when = arguments.point_in_time("--at", moment) or datetime.now(UTC)
    known = arguments.point_in_time("--known-at", known_at)

    async def read(settings: "Settings") -> "AppliedRate":
        async with connections.books(settings) as books:
            return await rates.at(books, *pair, when, known)

    try:
        applied = connections.run(read)
    except NoRate as error:
        raise AnswerIsNo(str(error)) from None
    if as_json:
        output.document(rate_documents.of_applied(applied).plain())
    else:
        output.line(f"1 {applied.from_unit} is {rates.shown(applied.rate)} {applied.to_unit}: {applied}")


@app.command()
def positions(*, as_json: options.AsJson = False) -> None:
    """Show what conversions left of each unit, and what it cost in the functional currency."""
    from commands import connections, rate_documents
    from ledger import exchange
    from ledger.exchange_errors import ConversionRefused

    async def read(settings: "Settings") -> "tuple[str, Mapping[str, Position]]":
        functional = settings.functional_currency
        async with connections.books(settings) as books:
            return functional, await exchange.positions(books, await exchange.units(books), functional)

    try:
        functional, found = connections.run(read)
    except ConversionRefused as error:
        raise WrongUse(str(error)) from None
    rows = [rate_documents.of_position(unit, position, functional) for unit, position in sorted(found.items())]
    if as_json:
        output.document({"positions": [row.plain() for row in rows]})
        return
    cells = [(row.unit, _money(row.held_minor, row.unit), _money(row.cost_minor, functional)) for row in rows]
    output.table(("unit", "held", "cost"), cells, numbers=("held", "cost"))


def _money(amount_minor: int, unit: str) -> str:
    from ledger.money import Money

    return str(Money(amount_minor=amount_minor, currency=unit))


def _write(new: "Sequence[NewRate]") -> "list[tuple[StatedRate, bool]]":
    from commands import connections
    from ledger import rates
    from ledger.exchange_errors import RateConflict

    async def write(settings: "Settings") -> "list[tuple[StatedRate, bool]]":
        async with connections.books(settings) as books:
            written = [await rates.add(books, one) for one in sorted(new, key=rates.order)]
            await books.commit()
            return written

    try:
        return connections.run(write)
    except RateConflict as error:
        raise AnswerIsNo(str(error)) from None


def _said(stated: "StatedRate") -> str:
    from ledger import rates

    return (
        f"1 {stated.from_unit} = {rates.shown(stated.rate)} {stated.to_unit} from {_moment(stated.effective_from)} on"
    )


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
