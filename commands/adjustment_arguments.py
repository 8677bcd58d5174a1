"""Reads the entry of an adjustment as it was typed, as options or as a file; in a file every value is text until it is read here."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from commands import arguments
from commands.errors import AnswerIsNo, WrongUse
from commands.line_options import WORDS_OF_A_LINE
from ledger.accounts import Account, AccountType, Side
from ledger.adjustment_requests import AdjustmentRequest
from ledger.adjustments import Adjustment, AdjustmentState
from ledger.entries import MAX_LINES, Line
from ledger.errors import LedgerError
from ledger.record import Record
from workflows.adjustment_messages import AdjustmentWord

EXAMPLE = "expense:bad_debt 12.50 USD"
MAX_BYTES = 262_144
HASH = re.compile(r"[0-9a-f]{12,64}")
"""The hash that was seen, or as much of its beginning as nobody mistakes."""


class TypedLine(Record):
    """A line as somebody wrote it; type and normal side are the chart's, and may be said again."""

    account: str
    side: Side
    amount: str
    currency: str
    type: AccountType | None = None
    normal_side: Side | None = None


class TypedEntry(Record):
    """An entry as somebody wrote it."""

    lines: tuple[TypedLine, ...]
    date: str | None = None
    """When what is corrected happened: a date or a time of ISO 8601."""


class _PlainText(yaml.SafeLoader):
    """YAML in which every value is text, so that 12.50 is no float and NO no boolean; a key is given once."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 # the library's own name and form

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 # as above
        """Refuse a key that is given twice."""
        keys = [key.value for key, _ in node.value]
        if len({str(key) for key in keys}) != len(keys):
            raise yaml.constructor.ConstructorError(None, None, "a name is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def typed_entry(
    file: str | None, debits: Sequence[str], credits_: Sequence[str], date: str | None, *, needs_lines: bool = True
) -> TypedEntry:
    """Read the entry from a file or from options; raises WrongUse with a line for each fault."""
    if file is not None and (debits or credits_):
        raise WrongUse("--entry: give a file or --debit and --credit, not both")
    if file is not None:
        entry = _of_file(Path(file))
        if date is not None and entry.date is not None:
            raise WrongUse("--date: the file says when it happened: leave it out in one of the two")
        return entry.model_copy(update={"date": date or entry.date})
    lines = [
        _of_option(text, side) for side, texts in ((Side.DEBIT, debits), (Side.CREDIT, credits_)) for text in texts
    ]
    if needs_lines and not lines:
        raise WrongUse(f"--entry: give a file, or lines such as --debit {EXAMPLE} --credit revenue:sales 12.50 USD")
    return TypedEntry(lines=tuple(lines), date=date)


def lines_of(entry: TypedEntry, opened: Mapping[str, Account]) -> tuple[Line, ...]:
    """Make the lines; `opened` are the accounts that the books know. Raises WrongUse with a line for each fault."""
    lines: list[Line] = []
    faults: list[str] = []
    for number, line in enumerate(entry.lines[: MAX_LINES + 1], start=1):
        try:
            account = _account(line, opened.get(line.account))
            lines.append(Line(account=account, side=line.side, money=arguments.money(line.amount, line.currency)))
        except WrongUse as error:
            faults += [f"line {number}: {fault}" for fault in error.lines]
    if faults:
        raise WrongUse(*faults)
    return tuple(lines)


def adjustment_request(
    typed: TypedEntry, opened: Mapping[str, Account], content: Mapping[str, object]
) -> AdjustmentRequest:
    """Make the request; raises WrongUse with a line for each fault, also of an entry that does not balance."""
    return checked_request({**content, "event_at": event_at(typed.date), "lines": lines_of(typed, opened)})


def checked_request(content: Mapping[str, object]) -> AdjustmentRequest:
    """Make a request and its entry; raises WrongUse with a line for each fault."""
    request = arguments.checked(AdjustmentRequest, content)
    try:
        request.entry()
    except LedgerError as error:
        raise WrongUse(str(error)) from None
    return request


def event_at(text: str | None) -> datetime:
    """Read a date or a time of ISO 8601; nothing relative, since the same request shall be the same tomorrow."""
    if text is None:
        raise WrongUse("--date: is needed: say when what is corrected happened, such as 2026-11-20")
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        raise WrongUse(f"--date {text!r} is no date: write it like 2026-11-20 or 2026-11-20T08:00Z") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def states(text: str | None) -> Collection[AdjustmentState]:
    """Read a state to list by; without one, all that are open."""
    if text is None:
        return [state for state in AdjustmentState if not state.is_over]
    try:
        return [AdjustmentState(text)]
    except ValueError:
        raise WrongUse(f"--state: there is no state {text!r}: use one of {', '.join(AdjustmentState)}") from None


def require_hash(option: str, text: str) -> None:
    """Refuse what cannot be the hash of an entry."""
    if not HASH.fullmatch(text):
        raise WrongUse(f"{option}: must be the hash that `adjustment show` prints, or its first 12 digits at least")


def word(adjustment: Adjustment, seen: str, because: str, by: str) -> AdjustmentWord:
    """Make a person's word on what they have seen; raises AnswerIsNo where that is something else."""
    if not adjustment.entry_hash.startswith(seen):
        raise AnswerIsNo(
            f"the entry of adjustment {adjustment.adjustment_id} has another hash than {seen}: "
            f"look with `adjustment show {adjustment.adjustment_id}`"
        )
    return arguments.checked(AdjustmentWord, {"by": by, "because": because, "entry_hash": adjustment.entry_hash})


def _account(line: TypedLine, opened: Account | None) -> Account:
    if opened is not None:
        said = (line.type or opened.type, line.normal_side or opened.normal_side)
        if said != (opened.type, opened.normal_side):
            raise WrongUse(f"account {opened.code} is {opened.type}, {opened.normal_side} normal: leave both out")
        return opened
    raise WrongUse(f"there is no account {line.account}: `ledger chart show` has those that there can be")


def _of_option(text: str, side: Side) -> TypedLine:
    words = text.split()
    if len(words) != WORDS_OF_A_LINE:
        raise WrongUse(f"--{side} {text!r} cannot be read: write it like --{side} {EXAMPLE}")
    account, amount, currency = words
    return TypedLine(account=account, side=side, amount=amount, currency=currency)


def _of_file(path: Path) -> TypedEntry:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise WrongUse(f"--entry: {path} cannot be read ({error.strerror}): name a file with an entry") from None
    if len(content) > MAX_BYTES:
        raise WrongUse(f"--entry: {path} has more than {MAX_BYTES} bytes, which no entry needs")
    try:
        read = yaml.load(content.decode(), Loader=_PlainText)  # noqa: S506 # a safe loader with less, not with more
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise WrongUse(f"--entry: {path} is neither YAML nor JSON: {why}") from None
    try:
        return TypedEntry.model_validate(read)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        raise WrongUse(*(f"--entry: {path}: {_place(fault['loc'])}{fault['msg']}" for fault in faults)) from None


def _place(location: tuple[int | str, ...]) -> str:
    within = location[1:] if location[:1] == ("lines",) and location[1:] else location
    words = [f"line {part + 1}" if isinstance(part, int) else part for part in within]
    return f"{', '.join(words)}: " if words else ""
