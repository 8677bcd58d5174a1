"""What the database must be like, as data: grants.yaml and guards.yaml, for a reader and for the check alike."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

OWNER = "quittance_owner"
"""Owns everything and cannot log in."""
_FOLDER = Path(__file__).parent


@dataclass(frozen=True, order=True)
class Right:
    """One thing that a role may do to one object; a column is named `table.column`, a function with its arguments' types."""

    role: str
    object: str
    privilege: str

    def __str__(self) -> str:
        return f"{self.privilege} on {self.object} for {self.role}"


@dataclass(frozen=True, order=True)
class Guard:
    """A trigger of a table."""

    table: str
    name: str

    def __str__(self) -> str:
        return f"trigger {self.name} of {self.table}"


@cache
def schema_version() -> str:
    """Return the revision of the schema that the grants are declared for."""
    return str(_grants()["schema_version"])


@cache
def rights() -> frozenset[Right]:
    """Return every right that is granted to any role but the owner."""
    return frozenset(right for role, given in _grants()["roles"].items() for right in _rights_of(role, given))


@cache
def guards() -> frozenset[Guard]:
    """Return every trigger that there must be."""
    stated: Mapping[str, list[str]] = yaml.safe_load((_FOLDER / "guards.yaml").read_text())
    return frozenset(Guard(table, name) for table, names in stated.items() for name in names)


@cache
def _grants() -> Mapping[str, Any]:
    stated: Mapping[str, Any] = yaml.safe_load((_FOLDER / "grants.yaml").read_text())
    return stated


def _rights_of(role: str, given: Mapping[str, Any]) -> Iterator[Right]:
    for privilege in given["schema"]:
        yield Right(role, "schema public", privilege)
    for function in given["functions"]:
        yield Right(role, f"function {function}", "EXECUTE")
    for table, privileges in given["tables"].items():
        for privilege, columns in privileges.items():
            if columns == "all":
                yield Right(role, table, privilege)
            else:
                yield from (Right(role, f"{table}.{column}", privilege) for column in columns)
