"""`memory`: resident memory of a worker over 5,000 charges, and with 2,000 charges open at once, by size of its cache.

Each worker is `python worker.py` in a process of its own, that has done nothing before.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

import psutil

from benchmarks import load
from benchmarks.figures import Bound, Figure, at_most
from benchmarks.load import Load
from ledger.charges import CaptureMode
from local import worker
from local.ports import free_port
from local.system import System
from settings import Settings
from workflows.charge import ChargeWorkflow, workflow_id
from workflows.charge_commands import CaptureCommand

IN_FLIGHT = 50
STEP = 1000
STEPS = 5
MOST_GROWTH = 1.1
"""Of the last reading to the first, which is taken when everything has been used that a charge uses."""

CHOSEN_CACHE = Settings.model_fields["max_cached_workflows"].default
CACHES = (100, CHOSEN_CACHE, 2000)
OPENED = (200, 800, 2000)
"""Open charges at which memory is read; the cache that we chose is full at the second of them."""
RESUMED = 200
MOST_MEGABYTES = 384
"""Three quarters of what docker-compose.yml gives a worker."""
SETTLE_SECONDS = 2.0


async def measure(
    system: System, step: int = STEP, caches: Sequence[int] = CACHES, opened: Sequence[int] = OPENED
) -> AsyncIterator[Figure]:
    """Measure one worker after the other."""
    system.worker.stop()
    driver = await load.connected(system)
    with _worker(system, CHOSEN_CACHE) as process:
        async for figure in _over_charges(driver, process, step):
            yield figure
    for cache in caches:
        with _worker(system, cache) as process:
            async for figure in _with_open_charges(driver, process, cache, opened):
                yield figure


async def _over_charges(driver: Load, process: psutil.Process, step: int) -> AsyncIterator[Figure]:
    """Charges that are captured at once, at both gateways in turn."""
    gateways = itertools.cycle(load.GATEWAYS)
    readings: list[float] = []
    for number in range(1, STEPS + 1):
        await load.many(lambda: driver.charge(next(gateways)), step, IN_FLIGHT)
        readings.append(await _megabytes(process))
        yield Figure(f"after_{number * step}_charges_mb", readings[-1])
    yield Figure(f"growth_from_{step}_to_{STEPS * step}_charges", readings[-1] / readings[0], at_most(MOST_GROWTH))


async def _with_open_charges(
    driver: Load, process: psutil.Process, cache: int, opened: Sequence[int]
) -> AsyncIterator[Figure]:
    """Charges that are authorized and wait; then the oldest are captured, which a small cache has dropped."""
    charge_ids: list[str] = []

    async def authorize() -> None:
        charge_ids.append(await driver.charge("stripe", CaptureMode.MANUAL))

    async def capture() -> None:
        handle = driver.ours.get_workflow_handle(workflow_id(charge_ids.pop(0)))
        await handle.execute_update(ChargeWorkflow.capture, CaptureCommand(actor="benchmark"))

    chosen = cache == CHOSEN_CACHE
    readings: list[float] = []
    for count in opened:
        await load.many(authorize, count - len(charge_ids), IN_FLIGHT)
        readings.append(await _megabytes(process))
        yield Figure(f"cache_{cache}_with_{count}_open_mb", readings[-1], _if(chosen, at_most(MOST_MEGABYTES)))
    if chosen:
        name = f"cache_{cache}_growth_from_{opened[-2]}_to_{opened[-1]}_open"
        yield Figure(name, readings[-1] / readings[-2], at_most(MOST_GROWTH))
    resumed = min(RESUMED, opened[0])
    before = process.cpu_times()
    await load.many(capture, resumed, IN_FLIGHT)
    after = process.cpu_times()
    spent_seconds = after.user + after.system - before.user - before.system
    yield Figure(f"cache_{cache}_capture_of_the_oldest_cpu_ms", 1000 * spent_seconds / resumed)


@contextmanager
def _worker(system: System, cache: int) -> Iterator[psutil.Process]:
    variables = {**system.environment, "MAX_CACHED_WORKFLOWS": str(cache)}
    log = system.path / "logs" / "measured-worker.log"
    with worker.start(variables, health_port=free_port(), log=log) as running:
        yield psutil.Process(running.process.pid)


async def _megabytes(process: psutil.Process) -> float:
    """Resident memory, a little after the last charge was answered."""
    await asyncio.sleep(SETTLE_SECONDS)
    return float(process.memory_info().rss / 2**20)


def _if(condition: bool, bound: Bound) -> Bound | None:  # noqa: FBT001 # reads as a sentence where it is used
    return bound if condition else None
