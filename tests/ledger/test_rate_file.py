"""A file of rates can be used whole, or is refused whole with the line of each fault."""

from fractions import Fraction
from pathlib import Path

import pytest

from ledger import rate_file
from ledger.lined_yaml import FileFault
from tests.ledger.exchange_samples import DAY

HEAD = "from,to,rate,effective_from,source\n"
GOOD = "EUR,USD,1.0834,2026-11-02,ECB\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the files are, briefly named."""
    return tmp_path


def read(directory: Path, text: str, name: str = "r.csv") -> list[tuple[str, str, Fraction]]:
    path = directory / name
    path.write_text(text)
    found = rate_file.read(path, "person:alice")
    assert all((rate.actor, rate.effective_from) == ("person:alice", DAY) for rate in found)
    return [(rate.from_unit, rate.to_unit, rate.rate) for rate in found]


def faults(directory: Path, text: str, name: str = "r.csv") -> list[str]:
    with pytest.raises(FileFault) as refused:
        read(directory, text, name)
    return [line.removeprefix(f"{directory / name} ") for line in refused.value.lines]


def test_both_forms_say_the_same(directory: Path) -> None:
    """Whatever a bank sends or a person writes, the rates are exact."""
    csv = f'{HEAD}{GOOD}\n CREDIT , USD , 1/3 , 2026-11-02T00:00Z , "price list, autumn"\n'
    yaml = (
        "rates:\n  - {from: EUR, to: USD, rate: 1.0834, effective_from: 2026-11-02, source: ECB}\n"
        "  - {from: CREDIT, to: USD, rate: 1/3, effective_from: 2026-11-02T00:00Z, source: price list}\n"
    )
    expected = [("EUR", "USD", Fraction("1.0834")), ("CREDIT", "USD", Fraction(1, 3))]
    assert read(directory, csv.replace(' "price', '"price')) == expected
    assert read(directory, yaml, "r.yaml") == expected
    assert read(directory, yaml, "r.YML") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["line 1: the columns must be from,to,rate,effective_from,source"]),
        (GOOD, ["line 1: the columns must be from,to,rate,effective_from,source"]),
        (HEAD, ["has 0 rates: give 1 to 10000"]),
        (f"{HEAD}EUR,USD\n", ["line 2: has 2 fields: give from,to,rate,effective_from,source"]),
        (f"{HEAD}{GOOD}EUR,EUR,1,2026-11-02,x\n", ["line 3: to: EUR is always 1 EUR: give two units"]),
        (f"{HEAD}{GOOD}EUR,USD,2,2026-11-02T00:00Z,x\n", ["line 3: EUR to USD from 2026-11-02 00:00 on is given twice: give it once"]),
        (
            f"{HEAD}XYZ,USD,-1,someday,\n",
            [
                "line 2: from: unknown currency 'XYZ': give an ISO 4217 code such as USD",
                "line 2: rate: rate -1 must be greater than zero: write it like 1.0834, or 1/3",
                "line 2: effective_from: must be a valid datetime or date, input is too short",
                "line 2: source: must say where the rate is from, such as ECB",
            ],
        ),
        (f'{HEAD}EUR,USD,1,2026-11-02,"open\n', ["line 2: is no CSV: unexpected end of data"]),
        (f"{HEAD}EUR,USD,1,2026-11-02,4242424242424242\n", ["line 2: source: looks like a card number: give the gateway's token instead"]),
    ],
)  # fmt: skip
def test_a_csv_file_with_a_fault_is_refused_with_its_line(directory: Path, text: str, expected: list[str]) -> None:
    """Whoever sent it is told the line and what to do, and nothing of it is stated."""
    assert faults(directory, text) == expected


def test_many_faults_are_listed_briefly(directory: Path) -> None:
    """A terminal stays readable."""
    found = faults(directory, HEAD + "EUR,EUR,1,2026-11-02,x\n" * 1 + "x\n" * 40)
    assert len(found) == 21
    assert found[-1].endswith("and 21 more")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["line 1: the file is empty: write `rates:` and at least one rate, as docs/ledger.md shows"]),
        ("rates: []", ["line 1: rates: needs at least one entry: add it, or leave the whole field out"]),
        ("rates:\n  - {from: EUR, to: EUR, rate: 1, effective_from: 2026-11-02, source: x}", ["line 2: to: EUR is always 1 EUR: give two units"]),
        ("rates:\n  - {from: EUR, to: USD, rate: 1, source: x}", ["line 2: effective_from: is missing: add it"]),
        (
            "rates:\n" + "  - {from: EUR, to: USD, rate: 1, effective_from: 2026-11-02, source: x}\n" * 2,
            ["line 3: effective_from: EUR to USD from 2026-11-02 00:00 on is given twice: give it once"],
        ),
    ],
)  # fmt: skip
def test_a_yaml_file_with_a_fault_is_refused_with_its_line(directory: Path, text: str, expected: list[str]) -> None:
    """The same as of CSV."""
    assert faults(directory, text, "r.yaml") == expected


def test_a_file_that_is_none_is_refused(directory: Path) -> None:
    """Another form, no file, no text: one line each."""
    assert faults(directory, GOOD, "r.txt") == ["is neither .csv nor .yaml: name it by what is in it"]
    (directory / "bytes.csv").write_bytes(b"\xff\xfe")
    for name, message in (("absent.csv", "cannot be read"), ("bytes.csv", "is not UTF-8 text: save it as UTF-8")):
        with pytest.raises(FileFault, match=message):
            rate_file.read(directory / name, "person:alice")
