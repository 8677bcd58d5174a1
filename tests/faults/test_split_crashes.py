"""A worker that dies anywhere in a split: its successor brings it to the same end, whole or empty.

The points are those that one undisturbed run of each story passes, so that a new step has its cells by itself.
"""

import asyncio
import os
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from ledger.splits import SplitRequest, SplitStatus, SplitView
from tests.conftest import Database
from tests.faults import seeds
from tests.faults.cells import READING
from tests.faults.evidence import Acknowledged
from tests.faults.failpoints import Action, Plan
from tests.faults.final_read import final_read
from tests.faults.invariants import violations
from tests.faults.nursery import reached, worker_process
from tests.faults.relief import Relief
from tests.workflows import splits
from tests.workflows.conftest import Processes, settings_for
from workflows.client import connect

pytestmark = pytest.mark.system

REFUSES_CAPTURE = "card/card_authorize_ok_capture_declined"
THREE = (("50", "stripe", "pm_card_visa"), ("30", "paypal", REFUSES_CAPTURE), ("20", "stripe", "pm_card_visa"))
CELL_SECONDS = 240
AT_ONCE = 48
IN_SHORT = {"refused": 2, "called_off": 2}
"""How many points of which story are in the short selection, besides the one that was once lost."""
BEFORE_THE_CHARGE = "committed:begin_leg:1"
"""The books say that a leg is begun, and its charge is not started: once it never was."""
ALWAYS = {"open_split", "look_at_legs", "begin_leg"}
STEPS = {*ALWAYS, "refuse_leg", "cancel_split"}
Story = Callable[[Processes, SplitRequest], Coroutine[Any, Any, SplitView]]


async def taken(processes: Processes, asked: SplitRequest) -> SplitView:
    """Every leg can be had."""
    return await splits.play(processes, asked)


async def called_off(processes: Processes, asked: SplitRequest) -> SplitView:
    """It was taken, and is given back."""
    await splits.play(processes, asked)
    return await splits.cancel(processes, asked)


STORIES: dict[str, tuple[Story, Callable[[], SplitRequest], SplitStatus]] = {
    "taken": (taken, lambda: splits.request(*splits.GOOD), SplitStatus.CAPTURED),
    "refused": (taken, lambda: splits.request(*THREE), SplitStatus.UNDONE),
    "not_made": (taken, lambda: splits.request(*splits.GOOD, currency="KWD"), SplitStatus.UNDONE),
    "called_off": (called_off, lambda: splits.request(*splits.GOOD), SplitStatus.UNDONE),
}


async def own(callers: Processes, database: Database, *, cached: int = 500) -> Processes:
    """The same parts, with a task queue of this cell's own."""
    stripe, paypal = (callers.simulators[gateway] for gateway in ("stripe", "paypal"))
    settings = settings_for(database, callers.settings.temporal_address, stripe, paypal)
    settings = settings.model_copy(update={"database_pool_size": 3, "max_cached_workflows": cached})
    return Processes(settings, await connect(settings), callers.engine, callers.simulators)


async def points_of(callers: Processes, database: Database, story: str, directory: Path) -> list[str]:
    """Play a story undisturbed; what it passes that is no mere reading."""
    processes, trace = await own(callers, database), directory / f"trace-{story}"
    play, ask, end = STORIES[story]
    async with worker_process(processes.settings, Plan(trace=trace), directory / "log"):
        assert (await play(processes, ask())).status is end
    passed = dict.fromkeys(trace.read_text().split())
    return [point for point in passed if point.split(":")[1] not in READING]


async def killed_at(
    callers: Processes, database: Database, relief: Relief, story: str, point: str, directory: Path
) -> SplitView:
    """Play a story with a worker that dies at a point, and the one that takes over."""
    chance = random.Random(f"{story} {point}")
    processes = await own(callers, database, cached=chance.choice([0, 500]))
    play, ask, end = STORIES[story]
    asked = ask()
    async with asyncio.timeout(CELL_SECONDS):
        async with worker_process(processes.settings, Plan(point, Action.KILL), directory / "log") as failing:
            playing = asyncio.create_task(play(processes, asked))
            await reached(point, failing.ended(), playing)
            async with relief.working(processes.settings):
                view = await playing
    assert view.status is end, f"{story}, killed at {point}: {view}"
    return view


async def crash_everywhere(
    callers: Processes,
    database: Database,
    relief: Relief,
    directory: Path,
    story: str,
    chosen: Callable[[list[str]], list[str]],
) -> None:
    """Kill a worker at the chosen points of a story, and hold what is left to the invariants."""
    points = await points_of(callers, database, story, directory)
    assert {point.split(":")[1] for point in points} >= ALWAYS
    places = asyncio.Semaphore(AT_ONCE)

    failures: list[str] = []

    async def one(point: str) -> SplitView | None:
        async with places:
            try:
                return await killed_at(callers, database, relief, story, point, directory)
            except Exception as error:  # noqa: BLE001 # told with all others, at the end
                failures.append(f"{point}: {type(error).__name__} {error}")
                return None

    views = [view for view in await asyncio.gather(*(one(point) for point in chosen(points))) if view is not None]
    assert failures == []
    told = [
        Acknowledged(leg.charge_id, leg.status.value, leg.captured_minor)
        for view in views
        for leg in view.legs
        if leg.status is not None
    ]
    found = await final_read(callers, database.superuser_url, tuple(told), directory / "final")
    assert violations(found) == []


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

        await crash_everywhere(callers, database, relief, tmp_path, story, some)


@pytest.mark.faults
@pytest.mark.parametrize("story", STORIES)
async def test_a_worker_that_dies_anywhere_in_a_split_changes_nothing_of_its_end(
    callers: Processes, database: Database, relief: Relief, tmp_path: Path, story: str
) -> None:
    """Every point of every story, those of its legs too."""
    only = os.environ.get("FAULT_CELL", "")
    await crash_everywhere(
        callers, database, relief, tmp_path, story, lambda points: [each for each in points if only in each]
    )
