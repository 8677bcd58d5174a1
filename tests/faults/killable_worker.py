"""A worker that ends itself with SIGKILL at one named point, such as `before:capture:1` or `after:record_outcome:2`.

The point is the n-th run of an activity in this process; settings come from the environment, the point from KILL_AT.
"""

import asyncio
import os
import signal
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import temporalio.client
import temporalio.worker
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

import worker
from ledger.database import create_engine
from settings import load
from workflows.client import connect

_seen: Counter[str] = Counter()


class _Deadly(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 # the SDK's own name
        name = activity.info().activity_type
        _seen[name] += 1
        self._die_at(f"before:{name}:{_seen[name]}")
        result = await super().execute_activity(input)
        self._die_at(f"after:{name}:{_seen[name]}")
        return result

    def _die_at(self, point: str) -> None:
        if os.environ.get("KILL_AT") == point:
            os.kill(os.getpid(), signal.SIGKILL)


class KillAtPoint(temporalio.client.Interceptor, temporalio.worker.Interceptor):
    """Watches every activity, local ones too; a client's interceptor that is a worker's too serves its workers."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Deadly(next)


async def run() -> None:
    """Run until killed or terminated."""
    settings = load()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await connect(settings)
    config = client.config()
    config["interceptors"] = [KillAtPoint()]
    engine = create_engine(settings.database_url, settings.database_pool_size)
    async with AsyncExitStack() as stack:
        for part in worker.workers_of(settings, Client(**config), engine, worker.gateways_of(settings)):
            await stack.enter_async_context(part)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(run())
