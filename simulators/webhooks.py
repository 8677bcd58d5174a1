"""The queue of events on their way to a webhook address: durable, retried for three days of the simulator's clock.

What the setting `webhooks` can make of them: `deliver` them, `hold` them back, `drop` them for good, `duplicate`
each, `reorder` them, or deliver them `before_response` of the request that caused them. Each event can also be
delivered by hand, in any order and number, whatever became of it before.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulators import delivery
from simulators.clock import Clock
from simulators.settings import Settings
from simulators.store import Store, Transaction

SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, body BLOB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, due INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_by_due ON deliveries (due, sequence);
CREATE TABLE IF NOT EXISTS webhook_events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, body BLOB NOT NULL);
"""
MODES = ("deliver", "hold", "drop", "duplicate", "reorder", "before_response")
AT_ONCE = 8
BATCH = 64
REORDER_WINDOW_SECONDS = 0.5
HOUR = 3600
RETRY_DELAYS = (60, 300, HOUR // 2, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, *[12 * HOUR] * 4)
"""Exponential at first, and over three days in all; a gateway may bring its own."""

MOST_COPIES = 1000
LISTED = 10_000

Sign = Callable[[bytes, int], Mapping[str, str]]
"""Headers that prove where this body comes from, made anew for each attempt at this Unix time."""


class Webhooks:
    """Events wait here until the address took them, or until the gateway gives up."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Settings,
        *,
        url: str | None,
        sign: Sign,
        retry_delays: Sequence[int] = RETRY_DELAYS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._sign = sign
        self._retry_delays = retry_delays
        self._under_way: set[int] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.url = url
        store.define(SCHEMA)

    def add(self, transaction: Transaction, event_id: str, kind: str, body: bytes) -> None:
        """An event of this kind happened, or is to be sent again."""
        mode = self._settings["webhooks"]
        if self.url is None:
            return
        transaction.connection.execute(
            "INSERT OR IGNORE INTO webhook_events (event_id, kind, body) VALUES (?, ?, ?)", (event_id, kind, body)
        )
        if mode == "drop":
            return
        for _ in range(2 if mode == "duplicate" else 1):
            transaction.connection.execute(
                "INSERT INTO deliveries (event_id, body, due) VALUES (?, ?, ?)", (event_id, body, transaction.now)
            )

    def mark(self) -> int | None:
        """Where the queue ends now, for `deliver_since`; None if nothing is to come before its response."""
        if self.url is None or self._settings["webhooks"] != "before_response":
            return None
        with self._store.transaction(0) as transaction:
            row = transaction.connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'deliveries'").fetchone()
        return 0 if row is None else int(row[0])

    def waiting(self) -> int:
        """How many deliveries are still to be made."""
        with self._store.transaction(0) as transaction:
            return int(transaction.connection.execute("SELECT count(*) FROM deliveries").fetchone()[0])

    def listing(self) -> list[dict[str, Any]]:
        """The latest events, oldest first, each with how many deliveries of it are still to be made."""
        with self._store.transaction(0) as transaction:
            rows = transaction.connection.execute(
                "SELECT event_id, kind, (SELECT count(*) FROM deliveries d WHERE d.event_id = e.event_id)"
                " FROM webhook_events e ORDER BY sequence DESC LIMIT ?",
                (LISTED,),
            ).fetchall()
        return [{"event_id": row[0], "type": row[1], "waiting": row[2]} for row in reversed(rows)]

    async def deliver_now(self, event_id: str, times: int, *, at_once: bool) -> list[int | None]:
        """Deliver one event, by hand: so many copies, one after the other or all `at_once`.

        Returns the status of each, None where there was no answer. Once taken, it is not delivered by itself any more.
        Raises LookupError for an unknown event, ValueError for a number that makes no sense.
        """
        if not 1 <= times <= MOST_COPIES:
            raise ValueError(f"times must be from 1 to {MOST_COPIES}, not {times}")
        body = self._body(event_id)
        if at_once:
            statuses = list(await asyncio.gather(*(self._send(body) for _ in range(times))))
        else:
            statuses = [await self._send(body) for _ in range(times)]
        if any(map(_is_taken, statuses)):
            self.discard(event_id)
        return statuses

    def discard(self, event_id: str) -> None:
        """Lose an event on its way: it is not delivered by itself any more. Raises LookupError for an unknown one."""
        self._body(event_id)
        with self._store.transaction(0) as transaction:
            transaction.connection.execute("DELETE FROM deliveries WHERE event_id = ?", (event_id,))

    async def deliver_since(self, mark: int | None) -> None:
        """Try once, now, what was added since the mark; used where an event is to come before the response."""
        if mark is not None:
            await self._deliver(self._rows("sequence > ?", mark))

    async def deliver_due(self) -> None:
        """Try what is due by the simulator's clock."""
        mode = self._settings["webhooks"]
        if self.url is None or mode == "hold":
            return
        rows = self._rows("due <= ?", self._clock.now())
        if rows and mode == "reorder":
            await asyncio.sleep(REORDER_WINDOW_SECONDS)
            for row in reversed(self._rows("due <= ?", self._clock.now())):
                await self._deliver([row])
        else:
            await self._deliver(rows)

    def _rows(self, condition: str, value: int) -> list[tuple[int, bytes, int]]:
        with self._store.transaction(0) as transaction:
            rows = transaction.connection.execute(
                f"SELECT sequence, body, attempts FROM deliveries WHERE {condition} ORDER BY due, sequence LIMIT {BATCH}",  # noqa: S608 # our words
                (value,),
            ).fetchall()
        return [row for row in rows if row[0] not in self._under_way]

    async def _deliver(self, rows: list[tuple[int, bytes, int]]) -> None:
        rows = [row for row in rows if row[0] not in self._under_way]
        self._under_way.update(row[0] for row in rows)
        try:
            await asyncio.gather(*(self._attempt(*row) for row in rows))
        finally:
            self._under_way.difference_update(row[0] for row in rows)

    async def _attempt(self, sequence: int, body: bytes, attempts: int) -> None:
        async with self._slots:
            status = await self._send(body)
        with self._store.transaction(self._clock.now()) as transaction:
            if _is_taken(status) or attempts >= len(self._retry_delays):
                transaction.connection.execute("DELETE FROM deliveries WHERE sequence = ?", (sequence,))
            else:
                due = transaction.now + self._retry_delays[attempts]
                transaction.connection.execute(
                    "UPDATE deliveries SET attempts = attempts + 1, due = ? WHERE sequence = ?", (due, sequence)
                )

    async def _send(self, body: bytes) -> int | None:
        # The receiver judges freshness by its own clock, which nobody moved.
        headers = {"Content-Type": "application/json", **self._sign(body, int(time.time()))}
        return await delivery.post(self.url or "", headers, body)

    def _body(self, event_id: str) -> bytes:
        with self._store.transaction(0) as transaction:
            row = transaction.connection.execute(
                "SELECT body FROM webhook_events WHERE event_id = ?", (event_id,)
            ).fetchone()
        if row is None:
            raise LookupError(f"there is no event {event_id} that was to be sent to a webhook address")
        body: bytes = row[0]
        return body


def _is_taken(status: int | None) -> bool:
    return status is not None and 200 <= status < 300
