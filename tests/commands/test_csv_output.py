"""CSV that any reader takes: each cell comes back as it was, and none of them is a formula."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import csv_output, output
from commands.documents import Document
from commands.errors import WrongUse

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


class Row(Document):
    """A row with a cell of each kind."""

    currency: str
    amount_minor: int | None
    text: str | None
    is_it: bool
    at: datetime | None
    references: tuple[str, ...]


def written(rows: list[Row], monkeypatch: pytest.MonkeyPatch) -> str:
    """What is printed of rows."""
    parts: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(output, "text", parts.append)
        with csv_output.CsvWriter(Row) as writer:
            for row in rows:
                writer.write(row)
    return "".join(parts)


def row(**changes: object) -> Row:
    """A row with changes."""
    plain = {"currency": "USD", "amount_minor": 1, "text": "x", "is_it": True, "at": None, "references": ()}
    return Row.model_validate(plain | changes)


@given(texts=st.lists(TEXTS, max_size=5))
def test_a_text_comes_back_as_it_was(texts: list[str]) -> None:
    """Quotes, commas and line ends within a text end no cell; what steers a terminal is replaced, and formulas are quoted."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        answer = written([row(text=text) for text in texts], monkeypatch)
    found = list(csv.DictReader(io.StringIO(answer, newline="")))
    assert len(found) == len(texts)
    for each, text in zip(found, texts, strict=True):
        shown = output.printable(text)
        assert each["text"] == (f"'{shown}" if shown.startswith(("=", "+", "-", "@", "\t", "\r")) else shown)


def test_each_kind_of_cell_has_one_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts read times, numbers and truth values as in JSON, and people amounts in major units."""
    at = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    rows = [
        row(amount_minor=-123456, at=at, references=("a", "b"), is_it=False),
        row(currency="JPY", amount_minor=500, text=None),
        row(amount_minor=None, text="=1+1"),
    ]
    assert written(rows, monkeypatch).split("\r\n") == [
        "currency,amount_minor,amount,text,is_it,at,references",
        "USD,-123456,-1234.56,x,false,2026-11-21T08:00:00Z,a b",
        "JPY,500,500,,true,,",
        "USD,,,'=1+1,true,,",
        "",
    ]


def test_a_long_report_is_written_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A general ledger of a year is in nobody's memory at once."""
    parts: list[int] = []
    monkeypatch.setattr(output, "text", lambda text: parts.append(len(text)))
    with csv_output.CsvWriter(Row) as writer:
        for _ in range(20_000):
            writer.write(row())
    assert len(parts) > 3
    assert max(parts) < 2 * csv_output.CHUNK_CHARACTERS


def test_one_form_is_chosen() -> None:
    """Two forms at once are refused."""
    csv_output.one_form(as_json=True, as_csv=False)
    with pytest.raises(WrongUse, match="cannot be given together"):
        csv_output.one_form(as_json=True, as_csv=True)
