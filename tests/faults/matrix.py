"""Plays the cells of the crash-point matrix: one story each, a worker that fails at one point, and its successor."""

import asyncio
import itertools
import os
import random
import signal
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import Database
from tests.faults import evidence
from tests.faults.cells import GATEWAY_FAULTS, Cell, of_points, of_requests
from tests.faults.evidence import Acknowledged
from tests.faults.failpoints import FATES, Action, Plan
from tests.faults.final_read import final_read
from tests.faults.invariants import violations
from tests.faults.nursery import worker_process
from tests.faults.proxy import FaultProxy
from tests.faults.stories import STORIES, Told
from tests.workflows.conftest import Processes, settings_for
from workflows.client import connect

AT_ONCE = 48
CELL_SECONDS = 300.0
ZOMBIE_SECONDS = 3.0
"""How long a worker that comes back from the dead may do its worst."""
GATEWAYS = ("stripe", "paypal")

_numbers = itertools.count(1)


@dataclass
class Matrix:
    """All cells over one database; `before` are processes with settings to be copied, `proxy` stands before PostgreSQL."""

    processes: Processes
    database: Database
    proxy: FaultProxy
    directory: Path
    told: dict[str, Cell] = field(default_factory=dict)
    """The cell of each charge."""
    failures: list[str] = field(default_factory=list)
    answers: list[Acknowledged] = field(default_factory=list)

    async def traced(self, seed: int) -> tuple[list[Cell], set[str]]:
        """The cells of a seed, and every point that the stories passed, from one undisturbed run of each."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._trace(story, gateway, seed)) for story in STORIES for gateway in GATEWAYS]
        return [cell for task in tasks for cell in task.result()[0]], {
            point for task in tasks for point in task.result()[1]
        }

    async def play(self, cells: Iterable[Cell]) -> None:
        """Play cells side by side; what goes wrong in one is kept in `failures`, and does not stop the others."""
        places = asyncio.Semaphore(AT_ONCE)

        async def one(cell: Cell) -> None:
            async with places:
                try:
                    async with asyncio.timeout(CELL_SECONDS):
                        await self._play(cell)
                except Exception as error:  # noqa: BLE001 # told with all others, at the end
                    self.failures.append(f"{cell.name}: {type(error).__name__} {error}")

        async with asyncio.TaskGroup() as group:
            for cell in cells:
                group.create_task(one(cell))

    async def verdict(self) -> Sequence[str]:
        """Everything that is wrong after all, each with its cell."""
        marked = sum(cell.action in FATES for cell in self.told.values())
        if self.proxy.commits_lost != marked:
            self.failures.append(f"{self.proxy.commits_lost} COMMITs were lost instead of {marked}")
        found = await final_read(
            self.processes, self.database.superuser_url, tuple(self.answers), self.directory / "final"
        )
        return self.failures + [
            f"{self.told[wrong.charge_id].name if wrong.charge_id in self.told else '?'}: {wrong}"
            for wrong in violations(found)
        ]

    async def _trace(self, story: str, gateway: str, seed: int) -> tuple[list[Cell], set[str]]:
        trace = self.directory / f"trace-{story}-{gateway}"
        cell = Cell(0, story, gateway, seed, "trace")
        processes = await self._processes()
        async with worker_process(processes.settings, Plan(trace=trace), self.directory / "log"):
            told = await STORIES[story](processes, gateway, self._new_charge(cell), random.Random(seed))
        assert told.as_wished, f"{story} at {gateway} ends as {told.answer} although nothing went wrong"
        points = trace.read_text().split()
        requests = evidence.requests(processes.simulators[gateway].url)
        keys = [
            request["idempotency_key"]
            for request in requests
            if (request["idempotency_key"] or "").startswith(f"{told.answer.charge_id}:")
        ]
        cells = [*of_points(story, gateway, seed, points), *of_requests(story, gateway, seed, keys)]
        return cells, set(points)

    async def _play(self, cell: Cell) -> None:
        chance = random.Random(cell.name)
        processes = await self._processes(max_cached_workflows=chance.choice([0, 500]))
        if cell.fault is not None:
            told = await self._with_fault(cell, processes, chance)
        else:
            told = await self._with_failing_worker(cell, processes, chance)
        self.answers.append(told.answer)
        assert told.as_wished or not cell.always_as_wished, f"ended as {told.answer}"

    def _new_charge(self, cell: Cell) -> str:
        charge_id = f"ch_{os.getpid()}_cell_{next(_numbers)}"
        self.told[charge_id] = cell
        return charge_id

    async def _with_fault(self, cell: Cell, processes: Processes, chance: random.Random) -> Told:
        charge_id = self._new_charge(cell)
        _, fault = GATEWAY_FAULTS[cell.fault or ""]
        processes.simulators[cell.gateway].add_fault(
            method="POST", operation=f"{charge_id}:{cell.point}", times=1, **fault
        )
        async with worker_process(processes.settings, log=self.directory / "log"):
            return await STORIES[cell.story](processes, cell.gateway, charge_id, chance)

    async def _with_failing_worker(self, cell: Cell, processes: Processes, chance: random.Random) -> Told:
        settings = processes.settings
        trace = self.directory / f"trace-{len(self.told)}"
        plan = Plan(cell.point, cell.action or Action.KILL, trace)
        through_proxy = settings.model_copy(update={"database_url": _moved(settings.database_url, self.proxy.port)})
        async with AsyncExitStack() as stack:
            failing = await stack.enter_async_context(worker_process(through_proxy, plan, self.directory / "log"))
            group = await stack.enter_async_context(asyncio.TaskGroup())
            playing = group.create_task(STORIES[cell.story](processes, cell.gateway, self._new_charge(cell), chance))
            if cell.action is Action.KILL:
                await failing.ended()
            elif cell.action is Action.STOP:
                await failing.stopped()
            if cell.action in {Action.KILL, Action.STOP}:
                await stack.enter_async_context(worker_process(settings, log=self.directory / "log"))
            told = await playing
            if cell.action is Action.STOP:
                failing.signal(signal.SIGCONT)
                await asyncio.sleep(ZOMBIE_SECONDS)
        assert cell.point in trace.read_text().split(), f"the story never came to {cell.point}"
        return told

    async def _processes(self, **changes: object) -> Processes:
        stripe, paypal = (self.processes.simulators[gateway] for gateway in GATEWAYS)
        settings = settings_for(self.database, self.processes.settings.temporal_address, stripe, paypal)
        settings = settings.model_copy(update={"database_pool_size": 3, **changes})
        return Processes(settings, await connect(settings), self.processes.engine, self.processes.simulators)


def _moved(database_url: str, port: int) -> str:
    """The same database through another port."""
    head, _, database = database_url.rpartition("/")
    return f"{head.rpartition(':')[0]}:{port}/{database}"
