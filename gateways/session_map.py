"""What a code of a gateway's means within the session: try here again, try another gateway, authenticate, or give up.

Data with a source per row (`session_map.csv`), apart from dunning's map: seconds here, days there. Pure.
"""

import csv
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

DATA: Final = Path(__file__).with_name("session_map.csv")
ANY: Final = "any"
"""Rows of codes that mean the same at every gateway."""
BY_CODE: Final = "by_code"
"""Of an advice that says nothing for this session."""


class Action(StrEnum):
    """What a code permits."""

    RETRY_HERE = "retry_here"
    """The same gateway once more, after a pause; another one where this one may not be asked again."""
    OTHER_GATEWAY = "other_gateway"
    """Another gateway; this one after a pause where there is no other and the row has a pause."""
    AUTHENTICATE = "authenticate"
    """The same gateway, with the customer."""
    GIVE_UP = "give_up"


class Row(BaseModel):
    """A line of the data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gateway: str = Field(min_length=1)
    signal: str = Field(pattern=r"^(code|advice)$")
    code: str = Field(min_length=1)
    action: str = Field(pattern=rf"^({'|'.join(Action)}|{BY_CODE})$")
    here_after_seconds: str = Field(pattern=r"^(|[1-9][0-9]?)$")
    source: str = Field(min_length=1)
    note: str = Field(min_length=1)


class Advice(BaseModel):
    """What to do about an answer that was no."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action
    here_after_seconds: int | None = None
    """After how long the same gateway may be asked again; None where it may not."""
    why: str
    known: bool = True
    """False where the code or the advice is not in the map, which calls for a warning: the map has to learn it."""


UNKNOWN: Final = "the code is not in the map, so no further attempt is known to be safe"


class SessionMap:
    """The map; looked up by gateway, code and the issuer's or network's advice."""

    def __init__(self, rows: Iterable[Row]) -> None:
        """Raises ValueError where two rows speak of the same code."""
        self._rows: dict[tuple[str, str, str], Row] = {}
        for row in rows:
            key = (row.gateway, row.signal, row.code)
            if key in self._rows:
                raise ValueError(f"{row.gateway} {row.signal} {row.code} is in the session map twice: leave one out")
            if row.action == BY_CODE and row.signal != "advice":
                raise ValueError(f"{row.gateway} {row.code} leads nowhere: only an advice can leave it to the code")
            self._rows[key] = row

    def look_up(self, gateway: str, code: str, advice: str | None = None) -> Advice:
        """Say what to do; an advice that decides wins over the code. What is not in the map is given up."""
        advised = self._row(gateway, "advice", advice) if advice else None
        if advised is not None and advised.action != BY_CODE:
            return _advice(advised)
        row = self._row(gateway, "code", code)
        if row is None or (advice and advised is None):
            return Advice(action=Action.GIVE_UP, why=UNKNOWN, known=False)
        return _advice(row)

    @property
    def rows(self) -> Mapping[tuple[str, str, str], Row]:
        """All rows, by gateway, signal and code."""
        return self._rows

    def _row(self, gateway: str, signal: str, code: str) -> Row | None:
        return self._rows.get((gateway, signal, code)) or self._rows.get((ANY, signal, code))


def _advice(row: Row) -> Advice:
    seconds = int(row.here_after_seconds) if row.here_after_seconds else None
    return Advice(action=Action(row.action), here_after_seconds=seconds, why=row.note)


def read(path: Path = DATA) -> SessionMap:
    """Read the data; raises ValueError where a line cannot be used."""
    with path.open(newline="", encoding="utf-8") as file:
        return SessionMap(Row.model_validate(line) for line in csv.DictReader(file))


SESSION_MAP: Final = read()
"""The map that the project ships."""
