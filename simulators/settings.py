"""Settings of a simulator that tests change while it runs; they survive a restart, not a reset."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from simulators.store import Store

SCHEMA = "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);"

Check = Callable[[Any], bool]


class WrongSetting(ValueError):
    """An unknown setting, or a value that it cannot have."""


class Settings:
    """Named values, each with a default and a check."""

    def __init__(self, store: Store, known: Mapping[str, tuple[Any, Check]]) -> None:
        self._store = store
        self._known = known
        store.define(SCHEMA)
        self.read()

    def read(self) -> None:
        """Take up what the store says."""
        with self._store.transaction(0) as transaction:
            rows = transaction.connection.execute("SELECT name, value FROM settings").fetchall()
        changed = {name: json.loads(value) for name, value in rows}
        self._values = {name: changed.get(name, default) for name, (default, _) in self._known.items()}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def all(self) -> dict[str, Any]:
        """Every setting."""
        return dict(self._values)

    def change(self, changes: Mapping[str, Any]) -> None:
        """Change some, all or none; raises WrongSetting."""
        for name, value in changes.items():
            if name not in self._known:
                raise WrongSetting(f"unknown setting {name!r}: use {', '.join(self._known)}")
            if not self._known[name][1](value):
                raise WrongSetting(f"{name} cannot be {value!r}")
        self._values.update(changes)
        with self._store.transaction(0) as transaction:
            for name, value in changes.items():
                transaction.connection.execute(
                    "INSERT INTO settings (name, value) VALUES (?, ?)"
                    " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    (name, json.dumps(value)),
                )


def one_of(*values: str) -> Check:
    """A check: one of these words."""
    return lambda value: value in values


def is_count(value: Any) -> bool:
    """A check: a whole number, zero or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_flag(value: Any) -> bool:
    """A check: true or false."""
    return isinstance(value, bool)
