"""Relief: workers that nothing is done to, for many cells at once, in a few processes that stay warm.

Each is what the composition root makes, on the task queue of its cell; what costs, the process around it, is there already.
"""

import asyncio
import itertools
import multiprocessing
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

import worker
from gateways import adapters
from gateways.port import Gateway
from ledger.database import create_engine
from settings import Settings
from tests.faults.nursery import ForkedProcess
from workflows.client import connect

SIZE = 3
"""Processes: with one for each core they would get less of them than the workers that fail."""
CONNECTIONS = 10
"""To PostgreSQL, of each process."""


@dataclass(frozen=True)
class Shift:
    """A worker begins with these settings, or its shift ends."""

    settings: Settings
    begins: bool


class Relief:
    """Workers to be had for a task queue; use `standing_by`."""

    def __init__(self, lines: Sequence["Connection[Shift, str]"]) -> None:
        self._turns = itertools.cycle(lines)
        self._begun: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """Of each task queue, whether its worker has begun."""
        for line in lines:
            asyncio.get_running_loop().add_reader(line.fileno(), self._hear, line)

    @asynccontextmanager
    async def working(self, settings: Settings) -> AsyncIterator[None]:
        """Have a worker with these settings for as long as the block; it ends its work in its own time."""
        line = next(self._turns)
        line.send(Shift(settings, begins=True))
        try:
            await self._begun[settings.task_queue].wait()
            yield
        finally:
            line.send(Shift(settings, begins=False))
            self._begun.pop(settings.task_queue, None)

    def _hear(self, line: "Connection[Shift, str]") -> None:
        self._begun[line.recv()].set()


@asynccontextmanager
async def standing_by(settings: Settings, log: Path) -> AsyncIterator[Relief]:
    """Run the processes for as long as the block; `settings` say which database, Temporal and gateways all workers have."""
    async with AsyncExitStack() as stack:
        lines = []
        for _ in range(SIZE):
            ours, theirs = multiprocessing.Pipe()
            process = ForkedProcess(log, _run, settings, theirs)
            stack.push_async_callback(process.kill)
            stack.callback(asyncio.get_running_loop().remove_reader, ours.fileno())
            lines.append(ours)
        yield Relief(lines)


async def _run(settings: Settings, line: "Connection[str, Shift]") -> None:
    engine = create_engine(settings.database_url, CONNECTIONS)
    house = _House(await connect(settings), engine, adapters.of_settings(settings), line.send)
    asyncio.get_running_loop().add_reader(line.fileno(), lambda: house.hear(line.recv()))
    await asyncio.Event().wait()  # it is killed in the end, as workers may be at any moment


class _House:
    """One process of them: what its workers share."""

    def __init__(
        self, client: Client, engine: AsyncEngine, gateways: Mapping[str, Gateway], tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._engine = engine
        self._gateways = gateways
        self._tell = tell
        """Says of which task queue the worker has begun."""
        self._ends: dict[str, asyncio.Event] = {}
        self._shifts: set[asyncio.Task[None]] = set()

    def hear(self, shift: Shift) -> None:
        """Begin a shift or end it."""
        queue = shift.settings.task_queue
        if not shift.begins:
            self._ends.pop(queue).set()
            return
        self._ends[queue] = asyncio.Event()
        working = asyncio.create_task(self._work(shift.settings, self._ends[queue]))
        self._shifts.add(working)
        working.add_done_callback(self._shifts.discard)

    async def _work(self, settings: Settings, end: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            for part in worker.workers_of(settings, self._client, self._engine, self._gateways):
                await stack.enter_async_context(part)
            self._tell(settings.task_queue)
            await end.wait()
