"""`bulkhead`: how much slower charges at one gateway become while the other swallows every request for a minute.

Charges come at a steady rate for both gateways, whether or not earlier ones have been decided. Minutes with and without
the black hole alternate, so that what else the machine does meets both alike.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from statistics import median, quantiles

from benchmarks import load
from benchmarks.figures import Figure, at_most
from local.simulators import SimulatorProcess
from local.system import System

SECONDS = 60.0
ROUNDS = 3
PER_SECOND = 3.0
"""At each gateway; together well below what two cores take, since a queue of our own would hide what is measured."""
WARM_UP_SECONDS = 10.0
HOLE_SECONDS = 60.0
"""How long a request hangs, longer than the worker waits for it."""
MOST = 1.2


async def measure(system: System, rounds: int = ROUNDS, seconds: float = SECONDS) -> AsyncIterator[Figure]:
    """Black-hole each gateway in turn; the figures are of the other one, over the charges of all rounds."""
    driver = await load.connected(system)
    for hanging, other in ((system.paypal, "stripe"), (system.stripe, "paypal")):
        calm, beside_hole = await _alternating(driver, hanging, other, rounds, seconds)
        ratio = _p99(beside_hole) / _p99(calm)
        yield Figure(f"{other}_p99_ratio", ratio, at_most(MOST))
        yield Figure(f"{other}_median_ratio", median(beside_hole) / median(calm))
        for name, latencies in (("calm", calm), ("beside_a_black_hole", beside_hole)):
            yield Figure(f"{other}_{name}_p99_ms", 1000 * _p99(latencies))


async def _alternating(
    driver: load.Load, hanging: SimulatorProcess, other: str, rounds: int, seconds: float
) -> tuple[list[float], list[float]]:
    """The latencies at the other gateway, in seconds: without the black hole, and beside it."""
    calm: list[float] = []
    beside_hole: list[float] = []
    await _minute(driver, other, WARM_UP_SECONDS)
    for number in range(rounds):
        turns = [(calm, False), (beside_hole, True)]
        for latencies, is_hole in turns if number % 2 else reversed(turns):
            if is_hole:
                hanging.add_fault(action="delay", when="before", delay_seconds=HOLE_SECONDS, times=None)
            latencies.extend(await _minute(driver, other, seconds, until=hanging.clear_faults))
    return calm, beside_hole


async def _minute(
    driver: load.Load, other: str, seconds: float, until: Callable[[], None] = lambda: None
) -> list[float]:
    """Start charges at both gateways at a steady rate; then `until`, and wait until the last one has come to its end.

    Only those at the `other` gateway have to be captured: what was swallowed may be given up as never sent.
    """
    started: dict[str, list[asyncio.Task[float]]] = {gateway: [] for gateway in load.GATEWAYS}
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(int(seconds * PER_SECOND)):
        await asyncio.sleep(max(began + number / PER_SECOND - loop.time(), 0))
        for gateway, tasks in started.items():
            tasks.append(loop.create_task(load.timed(partial(driver.charge, gateway))))
    until()
    everything = [task for tasks in started.values() for task in tasks]
    await asyncio.gather(*everything, return_exceptions=True)
    return [task.result() for task in started[other]]


def _p99(latencies: list[float]) -> float:
    return quantiles(latencies, n=100)[-1]
