"""Plays the cells of the crash-point matrix: one story each, a worker that fails at one point, and the one that takes over.

A cell waits most of its time, until a dead worker is missed, so many are played at once.
"""

import asyncio
import itertools
import os
import random
import signal
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr

from billing import receivables
from settings import Settings
from tests.activities.mail_server import MailServer
from tests.conftest import Database
from tests.faults import evidence
from tests.faults.billed_stories import BILLED
from tests.faults.billing_invariants import billing_violations
from tests.faults.cells import GATEWAY_FAULTS, Cell, of_points, of_requests
from tests.faults.evidence import Acknowledged, Evidence
from tests.faults.failpoints import FATES, MARKED, Action, Plan
from tests.faults.final_read import ambiguous, final_read
from tests.faults.invariants import violations
from tests.faults.keys import new_keys
from tests.faults.nursery import in_words, reached, until_it_comes, worker_process
from tests.faults.patience import PatientProcesses
from tests.faults.proxy import FaultProxy
from tests.faults.rare_stories import ALONE, ONLY_AT, RARE, REVIEWER
from tests.faults.relief import Relief
from tests.faults.room import Room
from tests.faults.stories import STORIES, Story, Told
from tests.workflows.billed import SHORT_POLICY
from tests.workflows.conftest import Processes, settings_for
from tests.workflows.waiting import is_called_off

CELL_SECONDS = 600.0
"""A cell takes a minute where nobody else wants the machine."""
QUIET_SECONDS = 2.0
"""A trace to which nothing was added for so long is whole."""
CACHED = 500
TOLD_EVERY = 50
"""After how many cells those who watch are told how many are done."""
ZOMBIE_SECONDS = 3.0
"""How long a worker that comes back from the dead may do its worst."""
GATEWAYS = ("stripe", "paypal")

ALL_STORIES: dict[str, Story] = {**STORIES, **{name: story for name, (story, _) in RARE.items()}}

_numbers = itertools.count(1)


@dataclass
class Matrix:
    """All cells over one database; `before` are processes with settings to be copied, `proxy` stands before PostgreSQL."""

    processes: Processes
    database: Database
    proxy: FaultProxy
    relief: Relief
    mail: MailServer
    directory: Path
    told: dict[str, Cell] = field(default_factory=dict)
    """The cell of each charge."""
    settings: dict[str, Settings] = field(default_factory=dict)
    """The settings of the workers of each charge: each has a task queue of its own."""
    failures: list[str] = field(default_factory=list)
    answers: list[Acknowledged] = field(default_factory=list)
    commits_marked: int = 0
    """How many were to be lost on their way, or their answer."""
    room: Room = field(default_factory=Room)

    async def traced(self, seed: int, gateways: Iterable[str] = GATEWAYS) -> tuple[list[Cell], set[str]]:
        """The cells of a seed, and every point that the stories passed, from one undisturbed run of each."""
        asked = [(story, at) for at in gateways for story in ALL_STORIES if at in ONLY_AT.get(story, {at})]
        cells, points = list[Cell](), set[str]()
        for together in (
            [each for each in asked if each[0] not in ALONE | BILLED.keys()],
            [each for each in asked if each[0] in BILLED],  # a machine has no room for all of them at once
            [each for each in asked if each[0] in ALONE],
        ):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._trace(story, gateway, seed)) for story, gateway in together]
            for task in tasks:
                cells += task.result()[0]
                points |= task.result()[1]
        self._as_before()
        return cells, points

    async def play(self, cells: Collection[Cell]) -> None:
        """Play cells side by side; what goes wrong in one is kept in `failures`, and does not stop the others."""
        await self._play_together([cell for cell in cells if cell.story not in ALONE])
        await self._play_together([cell for cell in cells if cell.story in ALONE])
        self._as_before()

    def _as_before(self) -> None:
        """The gateways are to everybody again as they were before the stories that are played alone."""
        self.processes.simulators["stripe"].configure(balance_transaction_delay_seconds=0)

    async def _play_together(self, cells: Collection[Cell]) -> None:
        done = itertools.count(1)

        async def one(cell: Cell) -> None:
            async with self.room.place():
                try:
                    await until_it_comes(lambda: self._play(cell), CELL_SECONDS)
                except Exception as error:
                    if is_called_off():
                        raise
                    self.failures.append(f"{cell.name}: {in_words(error)}")
                    print(self.failures[-1], flush=True)  # noqa: T201 # shown with a failure, and by pytest -s
            if (number := next(done)) % TOLD_EVERY == 0 or number == len(cells):
                print(f"{number} of {len(cells)} cells, {len(self.failures)} failures", flush=True)  # noqa: T201 # as above

        async with asyncio.TaskGroup() as group:
            for cell in cells:
                group.create_task(one(cell))

    async def verdict(self) -> Sequence[str]:
        """Everything that is wrong after all, each with its cell."""
        if self.proxy.commits_lost != self.commits_marked:
            self.failures.append(f"{self.proxy.commits_lost} COMMITs were lost instead of {self.commits_marked}")
        found = await self._read(ambiguous(self.database.superuser_url))
        late = {wrong.charge_id for wrong in violations(found) if wrong.charge_id is not None}
        if late:  # what a gateway did late is found by a process that looks for it in a minute, or in a month
            found = await self._read(late)
        requests = {name: evidence.requests(each.url) for name, each in self.processes.simulators.items()}
        mailed = [str(message["Message-ID"]) for message in self.mail.messages]
        wrongs = [*violations(found), *new_keys(found, requests)]
        wrongs += billing_violations(self.database.superuser_url, found, requests, mailed)
        async with self.processes.engine.connect() as connection:
            differences = [f"{each.subject}: {each.finding}" for each in await receivables.differences(connection)]
        return self.failures + [f"{self._cell_of(wrong.charge_id)}: {wrong}" for wrong in wrongs] + differences

    async def _read(self, charge_ids: Iterable[str]) -> Evidence:
        """Read everything when the clocks of these charges, which somebody works for, have run."""
        charge_ids = set(charge_ids)
        async with AsyncExitStack() as stack:
            for charge_id in {_whole(each) for each in charge_ids} & self.settings.keys():
                await stack.enter_async_context(self.relief.working(self.settings[charge_id]))
            url, log = self.database.superuser_url, self.directory / "final"
            return await final_read(self.processes, url, tuple(self.answers), log, late=charge_ids)

    async def _trace(self, story: str, gateway: str, seed: int) -> tuple[list[Cell], set[str]]:
        trace = self.directory / f"trace-{story}-{gateway}"
        cell = Cell(0, story, gateway, seed, "trace")
        processes = self._processes()
        async with worker_process(processes.settings, Plan(trace=trace), self.directory / "log"):
            told = await ALL_STORIES[story](processes, gateway, self._new_charge(cell, processes), random.Random(seed))
            while time.time() - trace.stat().st_mtime < QUIET_SECONDS:
                await asyncio.sleep(0.2)
        assert told.as_wished, f"{story} at {gateway} ends as {told.answer} although nothing went wrong"
        points = trace.read_text().split()
        requests = await asyncio.to_thread(evidence.requests, processes.simulators[gateway].url)
        keys = [
            request["idempotency_key"]
            for request in requests
            if (request["idempotency_key"] or "").startswith(f"{told.answer.charge_id}:")
        ]
        cells = [*of_points(story, gateway, seed, points), *of_requests(story, gateway, seed, keys)]
        return cells, set(points)

    async def _play(self, cell: Cell) -> None:
        chance = random.Random(cell.name)
        # Without a cache a process is played anew for each of its steps: too dear where a gateway is silent for days.
        cached = chance.choice([0, CACHED]) if cell.story in STORIES else CACHED
        processes = self._processes(max_cached_workflows=cached)
        if cell.fault is not None:
            told = await self._with_fault(cell, processes, chance)
        else:
            told = await self._with_failing_worker(cell, processes, chance)
        self.answers += told.answers
        assert told.as_wished or not cell.always_as_wished, f"ended as {told.answer}"

    def _cell_of(self, charge_id: str | None) -> str:
        """The name of a charge's cell, also of one that is a leg of the cell's."""
        return self.told[_whole(charge_id)].name if _whole(charge_id) in self.told else "?"

    def queue_of(self, subject: str) -> str:
        """Return the task queue of what is named so: a subscription, an invoice or a charge of a cell."""
        return self.settings[_whole(subject)].task_queue

    def _new_charge(self, cell: Cell, processes: Processes) -> str:
        charge_id = f"ch_{os.getpid()}_cell_{next(_numbers):06}"
        self.told[charge_id], self.settings[charge_id] = cell, processes.settings
        return charge_id

    async def _with_fault(self, cell: Cell, processes: Processes, chance: random.Random) -> Told:
        charge_id = self._new_charge(cell, processes)
        _, fault = GATEWAY_FAULTS[cell.fault or ""]
        simulator, operation = processes.simulators[cell.gateway], f"{charge_id}:{cell.point}"
        await asyncio.to_thread(simulator.add_fault, method="POST", operation=operation, times=1, **fault)
        async with AsyncExitStack() as stack:
            async with self.room.beginning:
                await stack.enter_async_context(self.relief.working(processes.settings))
            return await ALL_STORIES[cell.story](processes, cell.gateway, charge_id, chance)

    async def _with_failing_worker(self, cell: Cell, processes: Processes, chance: random.Random) -> Told:
        settings, charge_id = processes.settings, self._new_charge(cell, processes)
        trace = self.directory / f"trace-{charge_id}"
        plan = Plan(cell.point, cell.action or Action.KILL, trace)
        through_proxy = settings.model_copy(update={"database_url": _moved(settings.database_url, self.proxy.port)})
        async with AsyncExitStack() as stack:
            async with self.room.beginning:
                failing = await stack.enter_async_context(worker_process(through_proxy, plan, self.directory / "log"))
                await failing.begun()
            group = await stack.enter_async_context(asyncio.TaskGroup())
            playing = group.create_task(ALL_STORIES[cell.story](processes, cell.gateway, charge_id, chance))
            match cell.action:
                case Action.KILL:
                    await reached(cell.point, failing.ended(), playing)
                    await stack.enter_async_context(self.relief.working(settings))
                case Action.STOP:
                    await reached(cell.point, failing.stopped(), playing)
                    await stack.enter_async_context(self.relief.working(settings))
                case _ if cell.action in FATES:
                    await reached(cell.point, _passed(MARKED, trace), playing)
                    self.commits_marked += 1
                case _:
                    await reached(cell.point, _passed(cell.point, trace), playing)
            told = await playing
            if cell.action is Action.STOP:
                failing.signal(signal.SIGCONT)
                await asyncio.sleep(ZOMBIE_SECONDS)
        return told

    def _processes(self, **changes: object) -> Processes:
        stripe, paypal = (self.processes.simulators[gateway] for gateway in GATEWAYS)
        settings = settings_for(self.database, self.processes.settings.temporal_address, stripe, paypal)
        ours = {"reviewers": REVIEWER, "dunning_policy": str(SHORT_POLICY), "smtp_url": SecretStr(self.mail.url)}
        ours |= {"database_pool_size": 2, "notice_from": "Shop <shop@example.com>"}
        settings = settings.model_copy(update=ours | changes)
        callers = replace(self.processes, settings=settings)
        # Whom Temporal turns away asks again; whose call it has taken gets the answer of that one, or the cell fails.
        return PatientProcesses(**vars(callers), attempt_seconds=CELL_SECONDS)


def _whole(charge_id: str | None) -> str:
    """The charge that this one is a leg of, or itself."""
    return (charge_id or "").partition(".")[0]


async def _passed(point: str, trace: Path) -> None:
    while point not in trace.read_text().split():
        await asyncio.sleep(0.1)


def _moved(database_url: str, port: int) -> str:
    """The same database through another port."""
    head, _, database = database_url.rpartition("/")
    return f"{head.rpartition(':')[0]}:{port}/{database}"
