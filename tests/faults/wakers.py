"""The wakers of the matrix: all cells share one database, and so one outbox of wakes, and each has a task queue of its own.

Two of the product's own wakers, which nothing is done to here; how one dies is in `test_waker_crashes.py`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from workflows.process_waker import ProcessWaker

COUNT = 2


class _ToItsQueue:
    """A client that starts each process on the task queue of its cell."""

    def __init__(self, client: Client, queue_of: Callable[[str], str]) -> None:
        self._client = client
        self._queue_of = queue_of

    async def start_workflow(self, name: str, subject: str, **options: Any) -> Any:
        return await self._client.start_workflow(name, subject, **options | {"task_queue": self._queue_of(subject)})


@asynccontextmanager
async def waking(engine: AsyncEngine, client: Client, queue_of: Callable[[str], str]) -> AsyncIterator[None]:
    """Wake the processes of all cells for as long as the block."""
    to_its_queue = cast("Client", _ToItsQueue(client, queue_of))
    loops = [asyncio.create_task(ProcessWaker(engine, to_its_queue, "").run()) for _ in range(COUNT)]
    try:
        yield
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
