"""What commands print with `--csv`: RFC 4180 on stdout, one line for each document, written as it comes.

The columns are the fields of the documents, as in JSON; beside each amount in minor units is the same in major ones.
"""

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Self

from commands import output
from commands.documents import Document
from commands.errors import WrongUse
from ledger.money import Money

CHUNK_CHARACTERS = 100_000
MINOR = "_minor"
# A spreadsheet takes what begins so for a formula, and texts are not ours alone.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CsvWriter:
    """Prints documents of one kind; use it as a context, whose end writes what is left."""

    def __init__(self, kind: type[Document]) -> None:
        """Begin with the line of the columns' names."""
        self._fields = tuple(kind.model_fields)
        self._text = io.StringIO()
        self._writer = csv.writer(self._text)
        self._writer.writerow([name for field in self._fields for name in _columns(field)])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush()

    def write(self, document: Document) -> None:
        """Print a document."""
        currency = getattr(document, "currency", None)
        self._writer.writerow(
            [cell for field in self._fields for cell in _cells(field, getattr(document, field), currency)]
        )
        if self._text.tell() > CHUNK_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        output.text(self._text.getvalue())
        self._text.seek(0)
        self._text.truncate()


def one_form(*, as_json: bool, as_csv: bool) -> None:
    """Refuse two forms at once."""
    if as_json and as_csv:
        raise WrongUse("--json and --csv cannot be given together: choose one")


def _columns(field: str) -> list[str]:
    return [field, field.removesuffix(MINOR)] if field.endswith(MINOR) else [field]


def _cells(field: str, value: Any, currency: str | None) -> Iterator[str]:
    yield _cell(value)
    if field.endswith(MINOR):
        known = value is not None and currency is not None
        yield str(Money(amount_minor=value, currency=str(currency)).decimal()) if known else ""


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case tuple() | list() | dict():
            several = [f"{name}={each}" for name, each in value.items()] if isinstance(value, dict) else value
            return _cell(" ".join(several))
        case _:
            text = output.printable(str(value))
            return f"'{text}" if text.startswith(_FORMULA) else text
