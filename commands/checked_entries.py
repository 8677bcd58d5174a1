"""Reads entries that are to be checked: a file in YAML or JSON, as somebody wrote it or as `ledger entry --json` printed it."""

import contextlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from commands import arguments
from commands.errors import WrongUse
from ledger import account_standing, lined_yaml
from ledger.accounts import Account, AccountCode, AccountType, Side
from ledger.database import Connection
from ledger.dry_run import Tried
from ledger.entries import Condition, Entry, Line, Name, Reference, Text
from ledger.errors import LedgerError
from ledger.lined_yaml import FileFault, Kind
from ledger.money import CurrencyCode, Money

MAX_ENTRIES = 200
PRINTED_OF_ENTRY = {
    "recorded_at",
    "gateway",
    "gateway_reference",
    "reversed_by",
    "left_to_undo",
    "operation",
    "withdrawal",
}
"""What `ledger entry --json` prints of an entry, and is not a caller's to say."""
PRINTED_OF_LINE = {"sequence", "before_minor", "after_minor"}
"""The same of a line."""
KIND = Kind("entry", "write an entry, as docs/cli.md shows", "[...]")


class CheckedLine(BaseModel):
    """A line as somebody wrote it; type and normal side are the chart's where it does not say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: AccountCode
    side: Side
    amount: str | None = None
    """In major units."""
    amount_minor: int | None = None
    currency: CurrencyCode
    type: AccountType | None = None
    normal_side: Side | None = None

    @model_validator(mode="before")
    @classmethod
    def _as_printed(cls, given: object) -> object:
        return _without(PRINTED_OF_LINE, given)

    @model_validator(mode="after")
    def _one_amount(self) -> "CheckedLine":
        if (self.amount is None) == (self.amount_minor is None):
            raise ValueError("needs an amount: give `amount: 12.50`, or `amount_minor: 1250`, and not both")
        return self

    def money(self) -> Money:
        """Read the amount; raises WrongUse."""
        if self.amount is not None:
            return arguments.money(self.amount, self.currency)
        return Money(amount_minor=self.amount_minor or 0, currency=self.currency)


class CheckedEntry(BaseModel):
    """An entry as somebody wrote it; only its lines are needed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lines: tuple[CheckedLine, ...]
    entry_reference: Reference | None = None
    rule: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,63}$")] = "checked"
    description: Text = "checked"
    date: datetime | None = None
    event_at: datetime | None = None
    actor: Name | None = None
    charge_id: Name | None = None
    operation_id: Name | None = None
    reason_code: Name | None = None
    reverses: Reference | None = None
    conditions: tuple[Condition, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _as_printed(cls, given: object) -> object:
        return _without(PRINTED_OF_ENTRY, given)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: Annotated[tuple[CheckedEntry, ...], Field(min_length=1, max_length=MAX_ENTRIES)]


def read(path: Path) -> Sequence[CheckedEntry]:
    """Read one entry, or several under the name `entries`; raises WrongUse with a line for each fault."""
    try:
        text = lined_yaml.read_text(path, KIND.noun)
        if _is_one(text):
            return (lined_yaml.parse(text, str(path), KIND, CheckedEntry),)
        return lined_yaml.parse(text, str(path), KIND, _File).entries
    except FileFault as error:
        raise WrongUse(*error.lines) from None


def _without(names: Collection[str], given: object) -> object:
    return {name: value for name, value in given.items() if name not in names} if isinstance(given, dict) else given


def _is_one(text: str) -> bool:
    """Whether the lines of an entry stand at the top; what cannot be read is told by whoever reads it all."""
    with contextlib.suppress(yaml.YAMLError, RecursionError, ValueError):
        top = yaml.compose(text, Loader=yaml.SafeLoader)
        return isinstance(top, yaml.MappingNode) and any(key.value == "lines" for key, _ in top.value)
    return False


async def entry_of(connection: Connection, typed: CheckedEntry, number: int) -> Entry | Tried:
    """Make the entry, or say why it could not even be made; raises WrongUse for an amount that cannot be read."""
    reference = typed.entry_reference or f"check:{number}"
    try:
        lines = [await _line(connection, line) for line in typed.lines]
        return Entry(
            reference=reference,
            rule=typed.rule,
            description=typed.description,
            event_at=_event_at(typed),
            actor=typed.actor or arguments.actor(),
            lines=tuple(lines),
            charge_id=typed.charge_id,
            operation_id=typed.operation_id,
            reason_code=typed.reason_code,
            reverses=typed.reverses,
            conditions=typed.conditions,
        )
    except LedgerError as refusal:
        return Tried(reference, refusal=refusal)


async def _line(connection: Connection, typed: CheckedLine) -> Line:
    if typed.type is not None and typed.normal_side is not None:
        account = Account(code=typed.account, type=typed.type, normal_side=typed.normal_side)
    else:
        account = await account_standing.charted(connection, typed.account)
    return Line(account=account, side=typed.side, money=typed.money())


def _event_at(typed: CheckedEntry) -> datetime:
    at = typed.event_at or typed.date or datetime.now(UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
