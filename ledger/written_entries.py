"""Entries as somebody outside wrote them, in a file or a request: what is not said of an account is the chart's.

`ledger check FILE` and the HTTP service read the same form; each adds what only it allows.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ledger.accounts import Account, AccountCode, AccountType, Side
from ledger.entries import MAX_LINES, Condition, Entry, Line, Name, Reference, Rule, Text
from ledger.money import Money, UnitCode


def _no_float(given: object) -> object:
    if isinstance(given, bool | float):
        raise ValueError("must be a whole number of minor units, such as 1250")  # noqa: TRY004 # pydantic's protocol
    return given


class WrittenAmount(BaseModel):
    """An amount, in major units as text or in minor units."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    amount: Annotated[str, Field(max_length=64)] | None = None
    """In major units."""
    amount_minor: Annotated[int, BeforeValidator(_no_float)] | None = None
    currency: UnitCode

    @model_validator(mode="after")
    def _one_amount(self) -> "WrittenAmount":
        if (self.amount is None) == (self.amount_minor is None):
            raise ValueError("needs an amount: give `amount: 12.50`, or `amount_minor: 1250`, and not both")
        return self

    def money(self) -> Money:
        """Read the amount; raises MoneyError."""
        if self.amount is not None:
            return Money.parse(self.amount, self.currency)
        return Money(amount_minor=self.amount_minor or 0, currency=self.currency)


class WrittenLine(WrittenAmount):
    """A line; type and normal side are the chart's where it does not say."""

    account: AccountCode
    side: Side
    type: AccountType | None = None
    normal_side: Side | None = None

    def line(self, charted: Mapping[str, Account]) -> Line:
        """Make the line; `charted` has what the chart says of its account. Raises MoneyError."""
        account = charted[self.account]
        said = {"type": self.type or account.type, "normal_side": self.normal_side or account.normal_side}
        return Line(account=account.model_copy(update=said), side=self.side, money=self.money())


class WrittenEntry(BaseModel):
    """An entry."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    lines: tuple[WrittenLine, ...]
    entry_reference: Reference | None = None
    rule: Rule
    description: Text
    event_at: datetime | None = None
    charge_id: Name | None = None
    reason_code: Name | None = None
    reverses: Reference | None = None
    conditions: tuple[Condition, ...] = Field(default=(), max_length=MAX_LINES)

    @property
    def accounts(self) -> set[str]:
        """The codes of all accounts that it moves or asks about."""
        return {line.account for line in self.lines} | {condition.code for condition in self.conditions}

    def entry(
        self,
        charted: Mapping[str, Account],
        *,
        reference: str,
        actor: str,
        event_at: datetime,
        operation_id: str | None = None,
    ) -> Entry:
        """Make the entry; raises MoneyError for an amount that is none, and InvalidEntry."""
        return Entry(
            reference=reference,
            rule=self.rule,
            description=self.description,
            event_at=event_at,
            actor=actor,
            lines=tuple(line.line(charted) for line in self.lines),
            charge_id=self.charge_id,
            operation_id=operation_id,
            reason_code=self.reason_code,
            reverses=self.reverses,
            conditions=self.conditions,
        )
