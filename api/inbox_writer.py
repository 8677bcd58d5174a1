"""Keeps events in groups: whatever comes while a group is being written goes into the next, and shares its commit.

So an idle service adds no delay, and a busy one pays one commit for many events. What is wrong with one is its own.
"""

import asyncio
from collections.abc import Sequence

from ledger import inbox
from ledger.database import OUTAGES, Database
from ledger.errors import TransmissionConflict
from ledger.inbox import NewEvent

MAX_GROUP = 100
KEEP_SECONDS = 8.0
"""How long PostgreSQL may take; gateways wait 10 s and more for an answer."""

_Waiting = tuple[NewEvent, "asyncio.Future[bool]"]


class InboxWriter:
    """Writes to the inbox, one group at a time; belongs to the event loop that it is used in."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def keep(self, new: NewEvent) -> bool:
        """Return, once the event is on disk, whether it is new.

        Raises TransmissionConflict, TimeoutError after `KEEP_SECONDS`, and what the database raises.
        """
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((new, kept))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        async with asyncio.timeout(KEEP_SECONDS):
            return await kept

    async def _write_all(self) -> None:
        while self._waiting:
            await self._write(self._next_group())

    def _next_group(self) -> list[_Waiting]:
        """Take what waits, but of the same event or transmission only the first: its copies are counted after it."""
        group: list[_Waiting] = []
        later: list[_Waiting] = []
        taken: set[tuple[str, str, str]] = set()
        for waiting in self._waiting:
            new, kept = waiting
            names = {(new.gateway, "event", new.event_id), (new.gateway, "transmission", new.transmission_id)}
            if kept.done():
                continue  # its sender has given up
            if len(group) < MAX_GROUP and not names & taken:
                group.append(waiting)
                taken |= names
            else:
                later.append(waiting)
        self._waiting = later
        return group

    async def _write(self, group: Sequence[_Waiting]) -> None:
        if not group:
            return
        try:
            async with asyncio.timeout(KEEP_SECONDS), self._database.begin() as connection:
                results = await inbox.keep_all(connection, [new for new, _ in group])
        except Exception as error:  # noqa: BLE001 # each sender is answered, whatever happened
            await self._failed(group, error)
        else:
            for (_, kept), result in zip(group, results, strict=True):
                if kept.done():
                    continue
                if isinstance(result, TransmissionConflict):
                    kept.set_exception(result)
                else:
                    kept.set_result(result)

    async def _failed(self, group: Sequence[_Waiting], error: Exception) -> None:
        """Tell the senders of an outage; of any other fault, only the one whose event is at fault."""
        if len(group) > 1 and not isinstance(error, (*OUTAGES, TimeoutError)):
            for waiting in group:
                await self._write([waiting])
            return
        for _, kept in group:
            if not kept.done():
                kept.set_exception(error)
