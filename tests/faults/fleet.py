"""Several workers that share the work, some of which end at any moment and are replaced."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from settings import Settings
from tests.faults.failpoints import Plan
from tests.faults.nursery import WorkerProcess

STOP_SECONDS = 30.0
"""More than the grace that a stopping worker gives to its gateway calls."""


class Fleet:
    """A number of workers that stays the same; use `running`."""

    def __init__(self, settings: Settings, size: int, log: Path) -> None:
        self._settings = settings
        self._log = log
        self._workers = [self._start() for _ in range(size)]
        self._changing = asyncio.Lock()

    async def crash_one(self, chance: random.Random) -> None:
        """Kill one of them, and start another in its place."""
        place = chance.randrange(len(self._workers))
        async with self._changing:  # two that kill the same worker would replace it twice
            await self._workers[place].kill()
            self._workers[place] = self._start()

    async def roll(self) -> None:
        """Deploy: for each of them start the new one, then end the old one as a deployment does."""
        for place, old in enumerate(self._workers):
            self._workers[place] = self._start()
            old.signal(signal.SIGTERM)
            async with asyncio.timeout(STOP_SECONDS):
                code = await old.ended()
            assert code == 0, f"a worker that was asked to end did so with {code}"

    async def end(self) -> None:
        """Kill all of them."""
        for process in self._workers:
            await process.kill()

    def _start(self) -> WorkerProcess:
        return WorkerProcess(self._settings, Plan(), self._log)


@asynccontextmanager
async def running(settings: Settings, size: int, log: Path) -> AsyncIterator[Fleet]:
    """Run a fleet for as long as the block."""
    fleet = Fleet(settings, size, log)
    try:
        yield fleet
    finally:
        await fleet.end()
