"""A worker that dies anywhere in a split: its successor brings it to the same end, whole or empty.

The points are those that one undisturbed run of each story passes, so that a new step has its cells by itself.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ledger.splits import SplitRequest, SplitStatus, SplitView
from settings import Settings
from tests.conftest import Database
from tests.faults import seeds
from tests.faults.cells import is_sure
from tests.faults.evidence import Acknowledged, Evidence
from tests.faults.failpoints import Action, Plan
from tests.faults.final_read import ambiguous, final_read
from tests.faults.invariants import violations
from tests.faults.nursery import in_words, reached, until_it_comes, worker_process
from tests.faults.patience import PatientProcesses, as_patient
from tests.faults.relief import Relief
from tests.faults.room import Room
from tests.workflows import splits
from tests.workflows.conftest import Processes, settings_for

pytestmark = pytest.mark.system

REFUSES_CAPTURE = "card/card_authorize_ok_capture_declined"
THREE = (("50", "stripe", "pm_card_visa"), ("30", "paypal", REFUSES_CAPTURE), ("20", "stripe", "pm_card_visa"))
CELL_SECONDS = 600
IN_SHORT = {"refused": 2, "called_off": 2}
"""How many points of which story are in the short selection, besides the one that was once lost."""
BEFORE_THE_CHARGE = "committed:begin_leg:1"
"""The books say that a leg is begun, and its charge is not started: once it never was."""
ALWAYS = {"open_split", "look_at_legs", "begin_leg"}
PASSED_BY = {
    "taken": ALWAYS,
    "refused": ALWAYS,
    "not_made": {*ALWAYS, "refuse_leg"},
    "called_off": {*ALWAYS, "cancel_split"},
}
"""The steps of splits that each story comes to."""
STEPS = set[str]().union(*PASSED_BY.values())
Story = Callable[[Processes, SplitRequest], Coroutine[Any, Any, SplitView]]


async def taken(processes: Processes, asked: SplitRequest) -> SplitView:
    """Every leg can be had."""
    return await as_patient(processes, lambda: splits.play(processes, asked))


async def called_off(processes: Processes, asked: SplitRequest) -> SplitView:
    """It was taken, and is given back."""
    await taken(processes, asked)
    return await as_patient(processes, lambda: splits.cancel(processes, asked))


STORIES: dict[str, tuple[Story, Callable[[], SplitRequest], SplitStatus]] = {
    "taken": (taken, lambda: splits.request(*splits.GOOD), SplitStatus.CAPTURED),
    "refused": (taken, lambda: splits.request(*THREE), SplitStatus.UNDONE),
    "not_made": (taken, lambda: splits.request(*splits.GOOD, currency="KWD"), SplitStatus.UNDONE),
    "called_off": (called_off, lambda: splits.request(*splits.GOOD), SplitStatus.UNDONE),
}


def own(callers: Processes, database: Database, *, cached: int = 500) -> Processes:
    """The same parts, with a task queue of this cell's own."""
    stripe, paypal = (callers.simulators[gateway] for gateway in ("stripe", "paypal"))
    settings = settings_for(database, callers.settings.temporal_address, stripe, paypal)
    settings = settings.model_copy(update={"database_pool_size": 3, "max_cached_workflows": cached})
    return PatientProcesses(settings, callers.client, callers.engine, callers.simulators, attempt_seconds=CELL_SECONDS)


async def points_of(callers: Processes, database: Database, story: str, directory: Path) -> list[str]:
    """Play a story undisturbed; what it passes each time."""
    processes, trace = own(callers, database), directory / f"trace-{story}"
    play, ask, end = STORIES[story]
    async with worker_process(processes.settings, Plan(trace=trace), directory / "log"):
        assert (await play(processes, ask())).status is end
    return [point for point in dict.fromkeys(trace.read_text().split()) if is_sure(point)]


@dataclass
class Crashes:
    """Workers that die at the points of one story, each with a split of its own."""

    callers: Processes
    database: Database
    relief: Relief
    directory: Path
    story: str
    settings: dict[str, Settings] = field(default_factory=dict)
    """Of the workers of each split."""
    failures: list[str] = field(default_factory=list)
    room: Room = field(default_factory=Room)

    async def everywhere(self, chosen: Callable[[list[str]], list[str]]) -> None:
        """Kill a worker at the chosen points, and hold what is left to the invariants."""
        points = await points_of(self.callers, self.database, self.story, self.directory)
        assert {point.split(":")[1] for point in points} >= PASSED_BY[self.story]

        async def one(point: str) -> SplitView | None:
            async with self.room.place():
                try:
                    return await until_it_comes(lambda: self.killed_at(point), CELL_SECONDS)
                except Exception as error:  # noqa: BLE001 # told with all others, at the end
                    self.failures.append(f"{point}: {in_words(error)}")
                    print(self.failures[-1], flush=True)  # noqa: T201 # shown with a failure, and by pytest -s
                    return None

        views = [view for view in await asyncio.gather(*(one(point) for point in chosen(points))) if view is not None]
        print(f"{self.story}: {len(views)} points held")  # noqa: T201 # as above
        assert self.failures == []
        told = [
            Acknowledged(leg.charge_id, leg.status.value, leg.captured_minor)
            for view in views
            for leg in view.legs
            if leg.status is not None
        ]
        assert violations(await self._final_read(tuple(told))) == []

    async def killed_at(self, point: str) -> SplitView:
        """Play the story with a worker that dies at a point, and the one that takes over."""
        chance = random.Random(f"{self.story} {point}")
        processes = own(self.callers, self.database, cached=chance.choice([0, 500]))
        play, ask, end = STORIES[self.story]
        asked = ask()
        self.settings[asked.split_id] = processes.settings
        plan = Plan(point, Action.KILL, self.directory / f"trace-{asked.split_id}")
        async with AsyncExitStack() as stack:
            async with self.room.beginning:
                started = worker_process(processes.settings, plan, self.directory / "log")
                failing = await stack.enter_async_context(started)
                await failing.begun()
            group = await stack.enter_async_context(asyncio.TaskGroup())
            playing = group.create_task(play(processes, asked))
            await reached(point, failing.ended(), playing)
            async with self.relief.working(processes.settings):
                view = await playing
        assert view.status is end, f"{self.story}, killed at {point}: {view}"
        return view

    async def _final_read(self, told: tuple[Acknowledged, ...]) -> Evidence:
        url = self.database.superuser_url
        async with AsyncExitStack() as stack:
            for split_id in {charge_id.partition(".")[0] for charge_id in ambiguous(url)} & self.settings.keys():
                await stack.enter_async_context(self.relief.working(self.settings[split_id]))
            return await final_read(self.callers, url, told, self.directory / "final")


@pytest.mark.parametrize("story", IN_SHORT)
async def test_a_worker_that_dies_somewhere_in_a_split_changes_nothing_of_its_end(
    callers: Processes, database: Database, relief: Relief, tmp_path: Path, story: str, request: pytest.FixtureRequest
) -> None:
    """All legs are taken or none, whoever died when: a few points, other ones for another seed."""
    (seed,) = seeds.fixed(1)
    with seeds.replayable(seed, request.node.nodeid) as chance:

        def some(points: list[str]) -> list[str]:
            of_splits = [point for point in points if point.split(":")[1] in STEPS]
            return [BEFORE_THE_CHARGE, *chance.sample(of_splits, IN_SHORT[story])]

        await Crashes(callers, database, relief, tmp_path, story).everywhere(some)


@pytest.mark.faults
@pytest.mark.parametrize("story", STORIES)
async def test_a_worker_that_dies_anywhere_in_a_split_changes_nothing_of_its_end(
    callers: Processes, database: Database, relief: Relief, tmp_path: Path, story: str
) -> None:
    """Every point of every story, those of its legs too."""
    crashes = Crashes(callers, database, relief, tmp_path, story)
    await crashes.everywhere(lambda points: [each for each in points if seeds.is_picked(each)])
