"""The leaf of an entry: all that the tables say of it, in one form of bytes, and the hash of that form.

The form is JSON as RFC 8785 writes it (keys in the order of their code points, no spaces, short escapes), but with whole
numbers in all their digits. A number with a fraction is a string that begins with U+0000, which no text of PostgreSQL holds.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

Row = Mapping[str, Any]
"""A row of a table by its columns, as `to_jsonb` has it."""
Columns = Mapping[str, Sequence[str]]
"""The columns that a leaf covers, by table."""

LEAF_PREFIX = b"\x00"
_READER = json.JSONDecoder(parse_float=lambda digits: f"\0{digits}")
TABLES = ("accounts", "entries", "lines")


@dataclass(frozen=True)
class EntryContent:
    """An entry with its lines, in the order of their numbers, and the accounts that they name, in the order of their ids."""

    entry: Row
    lines: Sequence[Row]
    accounts: Sequence[Row]


def read_row(text: str) -> Any:
    """Read what PostgreSQL wrote as JSON, without losing a digit."""
    return _READER.decode(text)


def canonical(value: object) -> str:
    """Write JSON in its one form."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def content_bytes(content: EntryContent) -> bytes:
    """Return the bytes that a leaf is the hash of."""
    document = {"accounts": content.accounts, "entry": content.entry, "lines": content.lines}
    return canonical(document).encode()


def leaf_hash(content: EntryContent) -> bytes:
    """Hash an entry as a leaf of RFC 9162."""
    return sha256(LEAF_PREFIX + content_bytes(content)).digest()


def covered_columns(contents: Iterable[EntryContent]) -> Columns:
    """Name the columns that leaves cover: all that their tables had when they were read."""
    found: dict[str, set[str]] = {table: set() for table in TABLES}
    for content in contents:
        found["entries"].update(content.entry)
        for line in content.lines:
            found["lines"].update(line)
        for account in content.accounts:
            found["accounts"].update(account)
    return {table: sorted(columns) for table, columns in found.items()}
