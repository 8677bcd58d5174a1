"""Workers as processes of their own, quick to start: forked from a process that has imported everything already.

The composition root is the product's; only what stands around it, the failpoints, is ours.
"""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, TypeVar

import psutil

import worker
from gateways import adapters
from ledger.database import create_engine
from settings import Settings
from tests.faults.failpoints import Failpoints, Plan, WatchActivities
from workflows.client import connect

AFTER_THE_STORY_SECONDS = 30.0
"""How long a worker may take to come to its point when the story has been told: some steps are nobody's answer."""
TRIES = 3
"""How often a cell is played whose story does not come to its point."""
PR_SET_PDEATHSIG = 1
Result = TypeVar("Result")
_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(["tests.faults.warmth"])
_warming = threading.Lock()


class NeverCame(Exception):
    """A story has ended, and the worker never came to the point where it was to fail."""


class ForkedProcess:
    """A coroutine of ours that runs in a process of its own; `run` and what it is given have to be picklable."""

    def __init__(self, log: Path | None, run: Callable[..., Coroutine[Any, Any, None]], *given: object) -> None:
        self._process: ForkServerProcess = _forkserver.Process(target=_main, args=(log, run, given), daemon=True)
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


class WorkerProcess(ForkedProcess):
    """A worker that runs in a process of its own, and fails there as planned."""

    def __init__(self, settings: Settings, plan: Plan, log: Path | None) -> None:
        self._trace = plan.trace
        super().__init__(log, _work, settings, plan)

    async def begun(self) -> None:
        """Wait until it works; one whose plan has a trace says so there."""
        while self._trace is not None and not self._trace.exists():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def worker_process(
    settings: Settings, plan: Plan | None = None, log: Path | None = None
) -> AsyncIterator[WorkerProcess]:
    """Run a worker with a process of its own, dead at the end of the block whatever happened."""
    await asyncio.to_thread(_warmed)
    process = WorkerProcess(settings, plan or Plan(), log)
    try:
        yield process
    finally:
        await process.kill()


async def reached(point: str, failing: Coroutine[Any, Any, Any], playing: "asyncio.Task[Any]") -> None:
    """Wait until a worker has failed at its point: at the latest a while after the story has ended."""
    failed = asyncio.ensure_future(failing)
    try:
        await asyncio.wait({failed, playing}, return_when=asyncio.FIRST_COMPLETED)
        async with asyncio.timeout(AFTER_THE_STORY_SECONDS):
            await failed
    except TimeoutError as error:
        raise NeverCame(point) from error
    finally:
        failed.cancel()


async def until_it_comes(play: Callable[[], Coroutine[Any, Any, Result]], seconds: float) -> Result:
    """Play a cell, for so long at most, and again where chance has led its story past the point.

    A gateway may have been quicker than usual, or one look less was needed; a story that never comes there fails.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            async with asyncio.timeout(seconds):
                result = await play()
        except* NeverCame:
            if not tries_left:
                raise
        else:
            return result
    raise AssertionError("the last try returns or raises")


def in_words(error: BaseException) -> str:
    """What went wrong, also where several things did."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(in_words(each) for each in error.exceptions)
    because = f", because of {in_words(error.__cause__)}" if error.__cause__ else ""
    return f"{type(error).__name__} {error}{because}"


@cache
def _warm() -> None:
    nobody = _forkserver.Process(target=int)
    nobody.start()
    nobody.join()


def _warmed() -> None:
    """Wait until the process that workers are forked from has imported everything: in a loop, nothing else would go on."""
    with _warming:
        _warm()


def _main(log: Path | None, run: Callable[..., Coroutine[Any, Any, None]], given: Sequence[object]) -> None:
    if sys.platform == "linux":
        # The parent is the process that forks; it goes with the test session, however that ends.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if log is not None:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
    asyncio.run(run(*given))
    os._exit(0)  # as worker.py ends: interpreter and native threads could get into each other's way


async def _work(settings: Settings, plan: Plan) -> None:
    stop, failpoints = asyncio.Event(), Failpoints(plan)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await connect(settings)
    config = client.config()
    config["interceptors"] = [WatchActivities(failpoints)]
    engine = create_engine(settings.database_url, settings.database_pool_size)
    failpoints.watch_commits(engine)
    gateways = {name: failpoints.watch_gateway(gateway) for name, gateway in adapters.of_settings(settings).items()}
    async with AsyncExitStack() as stack:
        for part in worker.workers_of(settings, type(client)(**config), engine, gateways):
            await stack.enter_async_context(part)
        if plan.trace is not None:
            plan.trace.touch()
        await stop.wait()
