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
from ledger.accounts import Account
from ledger.database import Connection
from ledger.dry_run import Tried
from ledger.entries import Entry, Name, Rule, Text
from ledger.errors import LedgerError
from ledger.lined_yaml import FileFault, Kind
from ledger.money import MoneyError
from ledger.written_entries import WrittenEntry, WrittenLine

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


class CheckedLine(WrittenLine):
    """A line as somebody wrote it, or as it was printed."""

    @model_validator(mode="before")
    @classmethod
    def _as_printed(cls, given: object) -> object:
        return _without(PRINTED_OF_LINE, given)


class CheckedEntry(WrittenEntry):
    """An entry as somebody wrote it, or as it was printed; only its lines are needed."""

    lines: tuple[CheckedLine, ...]
    rule: Rule = "checked"
    description: Text = "checked"
    date: datetime | None = None
    actor: Name | None = None
    operation_id: Name | None = None

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
        charted = {line.account: await _account(connection, line) for line in typed.lines}
        return typed.entry(
            charted,
            reference=reference,
            actor=typed.actor or arguments.actor(),
            event_at=_event_at(typed),
            operation_id=typed.operation_id,
        )
    except MoneyError as error:
        raise WrongUse(str(error)) from None
    except LedgerError as refusal:
        return Tried(reference, refusal=refusal)


async def _account(connection: Connection, typed: CheckedLine) -> Account:
    if typed.type is not None and typed.normal_side is not None:
        return Account(code=typed.account, type=typed.type, normal_side=typed.normal_side)
    return await account_standing.charted(connection, typed.account)


def _event_at(typed: CheckedEntry) -> datetime:
    at = typed.event_at or typed.date or datetime.now(UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
