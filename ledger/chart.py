"""The chart of accounts: validated data of which accounts there can be, what they count, whose they are, and what they refuse.

`ledger/chart.yaml` is the one that ships; a migration loads it, and an account is opened by the first line that names it.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import Connection, text

from ledger.accounts import AccountType, Side
from ledger.errors import ChartFault

DEFAULT = Path(__file__).parent / "chart.yaml"
PART = "[A-Za-z0-9_.-]+"
MAX_BYTES = 1_000_000
_PLACE = re.compile(r"\{[a-z_]+\}")
_APPLY = text(
    "INSERT INTO chart (code, form, literals, type, normal_side, owner, guarded, bill_back_minor, currencies)"
    " VALUES (:code, :form, :literals, :type, :normal_side, :owner, :guarded, :bill_back_minor, :currencies)"
    " ON CONFLICT (code) DO UPDATE SET form = excluded.form, literals = excluded.literals, type = excluded.type,"
    " normal_side = excluded.normal_side, owner = excluded.owner, guarded = excluded.guarded,"
    " bill_back_minor = excluded.bill_back_minor, currencies = excluded.currencies"
)


class Owner(StrEnum):
    """Whose money an account counts."""

    COMPANY = "company"
    USER = "user"
    CAMPAIGN = "campaign"
    CUSTOMER = "customer"
    GATEWAY = "gateway"
    HOUSE = "house"


class ChartRow(BaseModel):
    """The accounts of one form of code; `{name}` in it stands for any one part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(:([A-Za-z0-9_.-]+|\{[a-z_]+\}))+$", max_length=200)]
    type: AccountType
    normal_side: Side
    owner: Owner
    guarded: bool = False
    """Whether what is available of it never falls below zero."""
    bill_back_minor: Annotated[int, Field(gt=0)] | None = None
    """How far below zero it may fall after all, in minor units: the owner is billed for it."""
    currencies: (
        Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{2,11}$")], ...], Field(min_length=1)] | None
    ) = None
    """The only ones that it is kept in; None for any."""

    @model_validator(mode="after")
    def _bill_back_needs_a_guard(self) -> Self:
        if self.bill_back_minor is not None and not self.guarded:
            raise ValueError(f"{self.code} has a limit of bill-back and no guard: give `guarded: true` too")
        return self

    @property
    def form(self) -> str:
        """A regular expression of the codes that it stands for, as PostgreSQL and Python read it alike."""
        return (
            "^" + ":".join(PART if _PLACE.fullmatch(part) else re.escape(part) for part in self.code.split(":")) + "$"
        )

    @property
    def literals(self) -> int:
        """How many parts of the code are fixed."""
        return sum(not _PLACE.fullmatch(part) for part in self.code.split(":"))


class Chart(BaseModel):
    """All rows; the most literal one that fits a code is the one that is meant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[int, Field(ge=1)]
    accounts: Annotated[tuple[ChartRow, ...], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _one_row_is_meant(self) -> Self:
        """Refuse two rows of which nobody can say which is meant: equal but for the names of their parts."""
        seen: dict[str, str] = {}
        for row in self.accounts:
            shape = _PLACE.sub("{}", row.code)
            if shape in seen:
                raise ValueError(f"{row.code} and {seen[shape]} stand for the same accounts: keep one of them")
            seen[shape] = row.code
        return self

    def row_of(self, code: str) -> ChartRow | None:
        """Find the row that is meant by a code, or None where there is none."""
        return row_of(self.accounts, code)


def row_of(rows: Iterable[ChartRow], code: str) -> ChartRow | None:
    """Find the row that is meant by a code: the most literal one that fits; None where none does."""
    fitting = [row for row in rows if re.match(row.form, code)]
    return min(fitting, key=lambda row: (-row.literals, row.code), default=None)


def read(path: Path = DEFAULT) -> Chart:
    """Read a chart; raises ChartFault with what is wrong where, and what to do."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ChartFault(f"the chart of accounts {path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise ChartFault(f"the chart of accounts {path} is larger than {MAX_BYTES:,} bytes")
    try:
        return Chart.model_validate(yaml.safe_load(content))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise ChartFault(
            f"the chart of accounts {path} is not YAML{where}: {getattr(error, 'problem', error)}"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ChartFault(f"the chart of accounts {path} is wrong at {place}: {first['msg']}") from error


def apply(connection: Connection, chart: Chart) -> None:
    """Load a chart in the transaction of a migration; raises ChartFault for what accounts that are open forbid."""
    connection.execute(text("SET LOCAL ROLE quittance_owner"))
    opened = connection.execute(text("SELECT code, type, normal_side FROM account_codes")).all()
    for code, kind, side in opened:
        row = chart.row_of(code)
        if row is None or (row.type, row.normal_side) != (kind, side):
            raise ChartFault(f"account {code} is open as {kind}, {side}: a chart must keep it so")
    connection.execute(
        text("DELETE FROM chart WHERE code <> ALL (:codes)"), {"codes": [row.code for row in chart.accounts]}
    )
    for row in chart.accounts:
        values = row.model_dump(mode="json") | {"form": row.form, "literals": row.literals}
        connection.execute(_APPLY, values)
    connection.execute(text("RESET ROLE"))
