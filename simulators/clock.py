"""A simulator's clock: the machine's, plus what the control interface moved it by; it never goes back."""

import time

from simulators.store import Store

SCHEMA = "CREATE TABLE IF NOT EXISTS clock (moved REAL NOT NULL);"


class Clock:
    """Time as the simulated gateway knows it: expiry, key lifetimes and late events follow it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.define(SCHEMA)
        self.read()

    def read(self) -> None:
        """Take up what the store says."""
        with self._store.transaction(0) as transaction:
            row = transaction.connection.execute("SELECT moved FROM clock").fetchone()
        self._moved = float(row[0]) if row else 0.0

    def now(self) -> int:
        """Unix seconds."""
        return int(self.exact())

    def exact(self) -> float:
        """Unix seconds, with their fraction."""
        return time.time() + self._moved

    def advance(self, seconds: float) -> None:
        """Move forward; raises ValueError for a move backward."""
        if seconds < 0:
            raise ValueError("the clock only goes forward: give advance_seconds of 0 or more")
        self._moved += seconds
        with self._store.transaction(0) as transaction:
            transaction.connection.execute("DELETE FROM clock")
            transaction.connection.execute("INSERT INTO clock (moved) VALUES (?)", (self._moved,))
