"""Reads a file of exchange rates, CSV or YAML by its name, with the line of each fault; all of it can be used, or nothing."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from ledger import lined_yaml
from ledger.editions import Moment
from ledger.lined_yaml import MAX_FAULTS, Fault, FileFault, Kind, said
from ledger.money import UnitCode
from ledger.rates import NewRate, Rate, Source
from ledger.record import Record

MAX_BYTES: Final = 4_194_304
MAX_RATES: Final = 10_000
KIND: Final = Kind(
    "rate", "write `rates:` and at least one rate, as docs/ledger.md shows", "[{from: EUR, to: USD, ...}]"
)
COLUMNS: Final = ("from", "to", "rate", "effective_from", "source")


class _Row(Record):
    """A rate as a file has it."""

    from_: UnitCode = Field(alias="from")
    to: UnitCode
    rate: Rate
    effective_from: Moment
    """UTC where it does not say."""
    source: Source

    def by(self, actor: str) -> NewRate:
        """Say who states it; raises ValidationError where the two units are one."""
        return NewRate(
            from_unit=self.from_,
            to_unit=self.to,
            rate=self.rate,
            effective_from=self.effective_from,
            source=self.source,
            actor=actor,
        )


class _Rows(Record):
    rates: tuple[_Row, ...] = Field(min_length=1, max_length=MAX_RATES)


def read(path: Path, actor: str) -> list[NewRate]:
    """Read a file of rates that `actor` states. Raises FileFault with a line for each fault."""
    text = lined_yaml.read_text(path, KIND.noun, MAX_BYTES)
    if path.suffix.lower() == ".csv":
        return _of_csv(text, str(path), actor)
    if path.suffix.lower() in {".yaml", ".yml"}:
        rows = lined_yaml.parse(text, str(path), KIND, _Rows, _faults_of).rates
        return [row.by(actor) for row in rows]
    raise FileFault(f"{path} is neither .csv nor .yaml: name it by what is in it")


def _faults_of(read: _Rows) -> Iterator[Fault]:
    seen: set[tuple[object, ...]] = set()
    for number, row in enumerate(read.rates):
        place = ("rates", number)
        if row.from_ == row.to:
            yield Fault((*place, "to"), _one_unit(row))
        if _key(row) in seen:
            yield Fault((*place, "effective_from"), _twice(row))
        seen.add(_key(row))


def _of_csv(text: str, source: str, actor: str) -> list[NewRate]:
    # What a spreadsheet writes begins with a mark of its encoding.
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    found: list[_Row] = []
    faults: list[str] = []
    seen: set[tuple[object, ...]] = set()
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if header != list(COLUMNS):
            raise FileFault(f"{source} line 1: the columns must be {','.join(COLUMNS)}")
        for cells in reader:
            line = reader.line_num
            if not "".join(cells).strip():
                continue
            row = _row(cells, faults, f"{source} line {line}")
            if row is None:
                continue
            if row.from_ == row.to:
                faults.append(f"{source} line {line}: to: {_one_unit(row)}")
            if _key(row) in seen:
                faults.append(f"{source} line {line}: {_twice(row)}")
            seen.add(_key(row))
            found.append(row)
    except csv.Error as error:
        raise FileFault(f"{source} line {reader.line_num}: is no CSV: {error}") from None
    if faults:
        more = len(faults) - MAX_FAULTS
        raise FileFault(*faults[:MAX_FAULTS], *([f"{source}: and {more} more"] if more > 0 else []))
    if not 0 < len(found) <= MAX_RATES:
        raise FileFault(f"{source} has {len(found)} rates: give 1 to {MAX_RATES}")
    return [row.by(actor) for row in found]


def _row(cells: list[str], faults: list[str], where: str) -> _Row | None:
    if len(cells) != len(COLUMNS):
        faults.append(f"{where}: has {len(cells)} fields: give {','.join(COLUMNS)}")
        return None
    try:
        return _Row.model_validate(dict(zip(COLUMNS, (cell.strip() for cell in cells), strict=True)))
    except ValidationError as error:
        faults += [
            f"{where}: {fault['loc'][0]}: {said(fault)}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        return None


def _key(row: _Row) -> tuple[object, ...]:
    return row.from_, row.to, row.effective_from


def _one_unit(row: _Row) -> str:
    return f"{row.from_} is always 1 {row.to}: give two units"


def _twice(row: _Row) -> str:
    return f"{row.from_} to {row.to} from {row.effective_from:%Y-%m-%d %H:%M} on is given twice: give it once"
