"""Durable state of a simulator: JSON documents by kind and id in one SQLite file, one transaction per request.

It survives SIGKILL, not a power cut (`synchronous=OFF`): a simulator has to be cheap, and what is to be tested
is never the simulator's own disk. Links are the properties that documents are listed by.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, created INTEGER NOT NULL,
    body TEXT NOT NULL, UNIQUE (kind, id));
CREATE INDEX IF NOT EXISTS documents_by_kind ON documents (kind, sequence);
CREATE TABLE IF NOT EXISTS links (
    kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, sequence INTEGER NOT NULL,
    PRIMARY KEY (kind, name, value, sequence)) WITHOUT ROWID;
"""
COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class StateInUse(Exception):
    """The state file is open in another simulator."""


@dataclass(frozen=True)
class Page:
    """Some documents in the order asked for, and whether there are more."""

    documents: list[Document]
    has_more: bool


class Transaction:
    """What one request reads and writes; `now` is the simulator's time, the same for all of the request."""

    def __init__(self, connection: sqlite3.Connection, now: int) -> None:
        self.connection = connection
        self.now = now

    def get(self, kind: str, identity: str) -> Document | None:
        """The document, or None."""
        row = self.connection.execute(
            "SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, identity)
        ).fetchone()
        if row is None:
            return None
        document: Document = json.loads(row[0])
        return document

    def put(self, kind: str, identity: str, document: Document, links: Mapping[str, str | None] | None = None) -> None:
        """Write a document, new or changed. Links are kept from the first time that they were given."""
        sequence = self.connection.execute(
            "INSERT INTO documents (kind, id, created, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body RETURNING sequence",
            (kind, identity, self.now, json.dumps(document, separators=(",", ":"))),
        ).fetchone()[0]
        for name, value in (links or {}).items():
            if value is not None:
                self.connection.execute(
                    "INSERT OR IGNORE INTO links (kind, name, value, sequence) VALUES (?, ?, ?, ?)",
                    (kind, name, value, sequence),
                )

    def delete(self, kind: str, identity: str) -> None:
        """Forget a document and its links."""
        row = self._position(kind, identity)
        if row is not None:
            self.connection.execute("DELETE FROM links WHERE kind = ? AND sequence = ?", (kind, row))
            self.connection.execute("DELETE FROM documents WHERE sequence = ?", (row,))

    def listing(
        self,
        kind: str,
        *,
        limit: int,
        links: Mapping[str, str | Collection[str]] | None = None,
        created: Mapping[str, int] | None = None,
        after: str | None = None,
        before: str | None = None,
    ) -> Page:
        """Documents, newest first: those with all these links, created as compared (`gt`, `gte`, `lt`, `lte`).

        Of a link with several values, one is enough.
        `after` and `before` are ids to start behind or to end in front of; a page before an id is the one next to it.
        """
        where, values = self._conditions(kind, links or {}, created or {}, after, before)
        order = "ASC" if before is not None else "DESC"
        rows = self.connection.execute(
            f"SELECT d.body FROM documents d WHERE {where} ORDER BY d.sequence {order} LIMIT ?",  # noqa: S608 # our words
            (*values, limit + 1),
        ).fetchall()
        documents = [json.loads(row[0]) for row in rows[:limit]]
        if before is not None:
            documents.reverse()
        return Page(documents=documents, has_more=len(rows) > limit)

    def _conditions(
        self,
        kind: str,
        links: Mapping[str, str | Collection[str]],
        created: Mapping[str, int],
        after: str | None,
        before: str | None,
    ) -> tuple[str, list[Any]]:
        conditions: list[str] = ["d.kind = ?"]
        values: list[Any] = [kind]
        for name, value in links.items():
            wanted = [value] if isinstance(value, str) else list(value)
            marks = ", ".join("?" * len(wanted))
            conditions.append(
                f"d.sequence IN (SELECT sequence FROM links WHERE kind = ? AND name = ? AND value IN ({marks}))"  # noqa: S608 # question marks
            )
            values += [kind, name, *wanted]
        for comparison, moment in created.items():
            conditions.append(f"d.created {COMPARISONS[comparison]} ?")
            values.append(moment)
        for identity, comparison in ((after, "<"), (before, ">")):
            if identity is not None:
                conditions.append(f"d.sequence {comparison} ?")
                values.append(self._position(kind, identity) or 0)
        return " AND ".join(conditions), values

    def _position(self, kind: str, identity: str) -> int | None:
        row = self.connection.execute(
            "SELECT sequence FROM documents WHERE kind = ? AND id = ?", (kind, identity)
        ).fetchone()
        return None if row is None else int(row[0])

    @contextmanager
    def undone_if_raised(self) -> Iterator[None]:
        """A part of the transaction that leaves nothing behind if it raises; the rest still counts."""
        self.connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK TO part")
            self.connection.execute("RELEASE part")
            raise
        self.connection.execute("RELEASE part")


class Store:
    """The state file; open in one process at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=2.0, cached_statements=256)
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise StateInUse(f"{path} cannot be used: {error}; is another simulator running on it?") from error
        self.define(SCHEMA)

    def define(self, schema: str) -> None:
        """Add tables, if they are not there yet."""
        self._connection.executescript(schema)

    @contextmanager
    def transaction(self, now: int) -> Iterator[Transaction]:
        """All or nothing. It must not be awaited in: one event loop, one transaction at a time."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield Transaction(self._connection, now)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def forget(self) -> None:
        """Empty every table and start every sequence again."""
        names = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        with self.transaction(0):
            for (name,) in names:
                self._connection.execute(f'DELETE FROM "{name}"')  # noqa: S608 # our own tables

    def close(self) -> None:
        """Release the file."""
        self._connection.close()
