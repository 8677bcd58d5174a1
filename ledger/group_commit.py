"""Group commit: postings that come at the same time share a commit, and none fails for its neighbour.

Whatever came while the last flushes were under way goes with the next: an idle ledger adds no delay, and a busy one pays one
commit for many entries. A flush is one statement that commits by itself, so that no account is held while this process is
busy; a step that writes more commits by itself.
"""

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from ledger import journal
from ledger.database import Database
from ledger.entries import Entry
from ledger.errors import InvalidEntry, LedgerError
from ledger.journal import Posted, Posting
from ledger.rivalry import repeated

FLUSHES = 2
"""At a time, on a connection each: one is prepared while PostgreSQL writes the other."""
MAX_ENTRIES = 200
"""In one flush. More would hold the accounts of all for longer than a commit is worth."""
MAX_WAITING = 20_000
"""Entries that wait; who comes then is told to come again."""


class TooManyWaiting(LedgerError):
    """More postings wait than the ledger can soon take."""

    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting:,} entries wait to be posted already: try again in a few seconds")


@dataclass
class _Item:
    posting: Posting
    result: "asyncio.Future[Posted]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GroupCommit:
    """Posts for many callers of one process, over a few connections."""

    def __init__(self, engine: Database) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._waiting: deque[_Item] = deque()
        self._waiting_entries = 0
        self._flushing: set[asyncio.Task[None]] = set()

    async def post(self, entries: Sequence[Entry]) -> Posted:
        """Post entries all or none and return once they are committed, in the order given.

        Raises what `journal.post` raises, TooManyWaiting, or the outage in which it is not known whether they are
        posted: post the same again, it is posted once.
        """
        if not 1 <= len(entries) <= MAX_ENTRIES:
            raise InvalidEntry("of this posting", f"it has {len(entries)} entries; give 1 to {MAX_ENTRIES} at once")
        if self._waiting_entries + len(entries) > MAX_WAITING:
            raise TooManyWaiting(self._waiting_entries)
        item = _Item(Posting(entries))
        self._waiting.append(item)
        self._waiting_entries += len(entries)
        if len(self._flushing) < FLUSHES:
            flushing = asyncio.create_task(self._flush_all())
            self._flushing.add(flushing)
            flushing.add_done_callback(self._flushing.discard)
        return await item.result

    async def _flush_all(self) -> None:
        while self._waiting:
            items = self._next()
            try:
                results = await self._flushed([item.posting for item in items])
            except Exception as error:  # noqa: BLE001 # whoever waits is told, whatever it is
                for item in items:
                    _tell(item, error)
                continue
            for item, result in zip(items, results, strict=True):
                _tell(item, result)

    def _next(self) -> list[_Item]:
        items: list[_Item] = []
        entries = 0
        while self._waiting and entries + self._waiting[0].posting.size <= MAX_ENTRIES:
            item = self._waiting.popleft()
            entries += item.posting.size
            items.append(item)
        self._waiting_entries -= entries
        return items

    async def _flushed(self, postings: Sequence[Posting]) -> list[Posted | LedgerError]:
        """Post all at once, which is the rule, or each by itself where one is refused."""
        # What one asks of an account may be changed by the one before it.
        if len(postings) == 1 or not any(posting.has_conditions for posting in postings):
            with contextlib.suppress(LedgerError):
                posted = iter(await repeated(self._engine, lambda connection: journal.post_all(connection, postings)))
                return [list(itertools.islice(posted, posting.size)) for posting in postings]
        return await repeated(self._engine, lambda connection: journal.post_each(connection, postings))


def _tell(item: _Item, result: Posted | Exception) -> None:
    if item.result.done():
        return  # its caller was called off
    if isinstance(result, Exception):
        item.result.set_exception(result)
    else:
        item.result.set_result(result)
