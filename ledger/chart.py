"""The chart of accounts: validated data of which accounts there can be, what they count, whose they are, and what they refuse.

An account is opened by the first line that names it. What is wrong with a chart as a whole is in `ledger/chart_faults.py`.
"""

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ledger.accounts import AccountType, Side

PART = "[A-Za-z0-9_.-]+"
_PLACE = re.compile(r"\{[a-z_]+\}")


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
    def parts(self) -> tuple[str | None, ...]:
        """The parts of the code; None where any one is meant."""
        return tuple(None if _PLACE.fullmatch(part) else part for part in self.code.split(":"))

    @property
    def form(self) -> str:
        """A regular expression of the codes that it stands for, as PostgreSQL and Python read it alike."""
        return "^" + ":".join(PART if part is None else re.escape(part) for part in self.parts) + "$"

    @property
    def literals(self) -> int:
        """How many parts of the code are fixed."""
        return sum(part is not None for part in self.parts)


class Chart(BaseModel):
    """All rows; the most literal one that fits a code is the one that is meant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[int, Field(ge=1)]
    accounts: Annotated[tuple[ChartRow, ...], Field(min_length=1, max_length=1000)]

    def row_of(self, code: str) -> ChartRow | None:
        """Find the row that is meant by a code, or None where there is none."""
        fitting = [row for row in self.accounts if re.match(row.form, code)]
        return min(fitting, key=lambda row: (-row.literals, row.code), default=None)
