"""Workers as processes of their own, quick to start: forked from a process that has imported everything already.

The composition root is the product's; only what stands around it, the failpoints, is ours.
"""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psutil

import worker
from ledger.database import create_engine
from settings import Settings
from tests.faults.failpoints import Failpoints, Plan, WatchActivities
from workflows.client import connect

PR_SET_PDEATHSIG = 1
_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(["tests.faults.nursery"])


class WorkerProcess:
    """A worker that runs in a process of its own."""

    def __init__(self, settings: Settings, plan: Plan, log: Path | None) -> None:
        self._process: ForkServerProcess = _forkserver.Process(target=_main, args=(settings, plan, log), daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number where a signal ended it."""
        return self._process.exitcode

    async def ended(self) -> int | None:
        """Wait for its end."""
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._process.sentinel, end.set)
        try:
            await end.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()
        return self._process.exitcode

    async def stopped(self) -> None:
        """Wait until it has stopped itself, which is not an end."""
        while psutil.Process(self.pid).status() != psutil.STATUS_STOPPED:
            await asyncio.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self._process.is_alive():
            os.kill(self.pid, number)

    async def kill(self) -> None:
        """End it as a crash would."""
        self.signal(signal.SIGKILL)
        await self.ended()


@asynccontextmanager
async def worker_process(
    settings: Settings, plan: Plan | None = None, log: Path | None = None
) -> AsyncIterator[WorkerProcess]:
    """Run a worker with a process of its own, dead at the end of the block whatever happened."""
    process = WorkerProcess(settings, plan or Plan(), log)
    try:
        yield process
    finally:
        await process.kill()


def _main(settings: Settings, plan: Plan, log: Path | None) -> None:
    if sys.platform == "linux":
        # The parent is the process that forks; it goes with the test session, however that ends.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if log is not None:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
    asyncio.run(_run(settings, Failpoints(plan)))
    os._exit(0)  # as worker.py ends: interpreter and native threads could get into each other's way


async def _run(settings: Settings, failpoints: Failpoints) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await connect(settings)
    config = client.config()
    config["interceptors"] = [WatchActivities(failpoints)]
    engine = create_engine(settings.database_url, settings.database_pool_size)
    failpoints.watch_commits(engine)
    gateways = {name: failpoints.watch_gateway(gateway) for name, gateway in worker.gateways_of(settings).items()}
    async with AsyncExitStack() as stack:
        for part in worker.workers_of(settings, type(client)(**config), engine, gateways):
            await stack.enter_async_context(part)
        await stop.wait()
