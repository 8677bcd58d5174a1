"""Units of ours, such as CREDIT, beside the currencies of ISO 4217. They are data: `ledger/units.yaml`."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from iso4217 import Currency as IsoCurrency
from pydantic import Field

from ledger import lined_yaml
from ledger.lined_yaml import Fault, Kind
from ledger.record import Record

DATA: Final = Path(__file__).with_name("units.yaml")
KIND: Final = Kind("unit", "write `units:` and at least one unit", "[{code: CREDIT, digits: 0, name: credits}]")
MAX_DIGITS: Final = 6
CODE: Final = r"^[A-Z][A-Z0-9]{2,11}$"


class Unit(Record):
    """What an amount can be counted in without being money of a country."""

    code: str = Field(pattern=CODE)
    digits: int = Field(ge=0, le=MAX_DIGITS)
    """Digits after the decimal point."""
    name: str = Field(min_length=1, max_length=100)
    """What it is, for people."""


class Units(Record):
    """All of them."""

    units: tuple[Unit, ...] = Field(min_length=1, max_length=100)


def parse(text: str, source: str) -> Mapping[str, Unit]:
    """Read units, by their codes; raises FileFault with a line for each fault."""
    read = lined_yaml.parse(text, source, KIND, Units, _faults_of)
    return {unit.code: unit for unit in read.units}


@lru_cache(maxsize=1)
def known() -> Mapping[str, Unit]:
    """Return the units that there are, by their codes."""
    return parse(lined_yaml.read_text(DATA, KIND.noun), DATA.name)


def is_iso(code: str) -> bool:
    """Whether it is a code of ISO 4217."""
    try:
        IsoCurrency(code)
    except ValueError:
        return False
    return True


def _faults_of(read: Units) -> Iterator[Fault]:
    counted = Counter(unit.code for unit in read.units)
    for number, unit in enumerate(read.units):
        place = ("units", number, "code")
        if is_iso(unit.code):
            yield Fault(place, f"{unit.code} is a currency of ISO 4217: give the unit a name of its own")
        if counted[unit.code] > 1:
            yield Fault(place, f"{unit.code} is given twice: give it once")
