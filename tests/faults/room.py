"""How many cells are under way at once: they wait most of their time, and starve each other where they do not."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

AT_ONCE = 96
AT_LEAST = 24
"""So many where others want the machine too: what waits for a core is later than it may be."""
LOAD_PER_CORE = 4
BEGIN_AT_ONCE = 2


class Room:
    """The places for cells on this machine."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._entrance = asyncio.Lock()
        self._taken = 0
        self.beginning = asyncio.Semaphore(BEGIN_AT_ONCE)
        """A cell costs most where its worker starts: more at a time would only starve those that are under way."""

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait until the machine has room for one cell more, which is under way as long as the block."""
        busy = LOAD_PER_CORE * (os.cpu_count() or 1)
        async with self._places:
            async with self._entrance:
                while self._taken >= AT_LEAST and os.getloadavg()[0] > busy:
                    await asyncio.sleep(1)
                self._taken += 1
            try:
                yield
            finally:
                self._taken -= 1
