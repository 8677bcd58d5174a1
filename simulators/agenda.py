"""What a simulated gateway will do by itself later: let an authorization lapse, fail a refund, settle a charge.

Due jobs run in the order of their time, each in a transaction of its own whose time is the moment it was due.
"""

import json
import math
from collections.abc import Callable

from simulators.store import Document, Store, Transaction

SCHEMA = """
CREATE TABLE IF NOT EXISTS agenda (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, due INTEGER NOT NULL, job TEXT NOT NULL, details TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS agenda_by_due ON agenda (due, sequence);
"""

Job = Callable[[Transaction, Document], None]


class Agenda:
    """Durable jobs for later. A job must tolerate that what it is about has changed meanwhile."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs: dict[str, Job] = {}
        self._next_due: float = -math.inf
        store.define(SCHEMA)

    def on(self, job: str, action: Job) -> None:
        """What to do when a job of this name is due."""
        self._jobs[job] = action

    def add(self, transaction: Transaction, due: int, job: str, details: Document) -> None:
        """Plan a job."""
        transaction.connection.execute(
            "INSERT INTO agenda (due, job, details) VALUES (?, ?, ?)", (due, job, json.dumps(details))
        )
        self._next_due = min(self._next_due, due)

    def run_due(self, now: int) -> None:
        """Do all that is due by now, also what that plans in turn."""
        while self._next_due <= now and self._run_next(now):
            pass

    def forget(self) -> None:
        """The store was emptied."""
        self._next_due = -math.inf

    def _run_next(self, now: int) -> bool:
        with self._store.transaction(now) as transaction:
            row = transaction.connection.execute(
                "SELECT sequence, due, job, details FROM agenda ORDER BY due, sequence LIMIT 1"
            ).fetchone()
            self._next_due = math.inf if row is None else row[1]
            if row is None or row[1] > now:
                return False
            sequence, due, job, details = row
            transaction.now = due
            transaction.connection.execute("DELETE FROM agenda WHERE sequence = ?", (sequence,))
            self._jobs[job](transaction, json.loads(details))
        return True
