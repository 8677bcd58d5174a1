"""Rows of rules that hold from one date to another, each with its source, as files of CSV beside the code have them."""

import csv
from datetime import date
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from billing.dunning.regions import NAMED
from ledger.record import Record


class DatedRow(Record):
    """What every row has."""

    network: str = Field(pattern=r"^[a-z]*$")
    """A card network or bank scheme; empty, or `any`, for each."""
    region: str = ""
    """Where the card was issued: a country, or a name of `regions`; empty for anywhere."""
    effective_from: date | None
    effective_until: date | None
    """The first day on which it holds no more; days begin at midnight UTC."""
    source: str = Field(min_length=1)
    note: str = Field(min_length=1)

    @field_validator("effective_from", "effective_until", mode="before")
    @classmethod
    def _empty_is_open(cls, text: object) -> object:
        return text or None

    @model_validator(mode="after")
    def _holds_at_some_time(self) -> "DatedRow":
        if self.region and self.region not in NAMED and not (len(self.region) == 2 and self.region.isupper()):
            raise ValueError(f"there is no region {self.region}: use a country such as BR, or {' or '.join(NAMED)}")
        if self.effective_from and self.effective_until and self.effective_from >= self.effective_until:
            raise ValueError("ends before it begins: exchange the dates")
        return self

    def holds_on(self, day: date) -> bool:
        """Whether it is in force on this day."""
        if self.effective_from is not None and day < self.effective_from:
            return False
        return self.effective_until is None or day < self.effective_until

    def meets(self, other: "DatedRow") -> bool:
        """Whether there is a day on which both are in force."""
        begins = [row.effective_from for row in (self, other) if row.effective_from]
        ends = [row.effective_until for row in (self, other) if row.effective_until]
        return not (begins and ends) or max(begins) < min(ends)


SomeRow = TypeVar("SomeRow", bound=DatedRow)


def read(path: Path, kind: type[SomeRow]) -> list[SomeRow]:
    """Read a file of rows; raises ValueError with the line that cannot be used."""
    rows = []
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.DictReader(file)
        for line in lines:
            try:
                rows.append(kind.model_validate(line))
            except ValidationError as error:
                fault = error.errors(include_input=False, include_url=False)[0]
                raise ValueError(f"{path} line {lines.line_num}: {fault['loc']}: {fault['msg']}") from None
    return rows
