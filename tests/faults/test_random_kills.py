"""Workers that are killed at any moment, again and again, under load."""

import asyncio
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.faults import fleet, seeds
from tests.faults.crowd import Crowd
from tests.faults.final_read import final_read
from tests.faults.invariants import violations
from tests.faults.replays import unreplayable
from tests.workflows.conftest import Processes

pytestmark = [pytest.mark.system, pytest.mark.faults]

CHARGES = 2000
KILLS = 200
WORKERS = 3
AT_ONCE = 120
DECIDED_WITHIN_SECONDS = 60


async def test_200_random_kills_over_3_workers_and_2000_charges_break_nothing(
    callers: Processes, database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every charge is decided within a minute of the last kill, and the books are those of an undisturbed day."""
    loop = asyncio.get_running_loop()
    with seeds.replayable(seeds.fresh(), request.node.nodeid) as chance:
        last_kill_at = 0.0
        kills = 0
        async with fleet.running(callers.settings, WORKERS, tmp_path / "log") as workers:

            async def kill_now_and_then(ended: int) -> None:
                nonlocal kills, last_kill_at
                if kills < min(KILLS, ended * KILLS * 10 // (CHARGES * 9)):
                    kills += 1
                    await workers.crash_one(chance)
                    last_kill_at = loop.time()

            crowd = Crowd(callers, chance, AT_ONCE, kill_now_and_then)
            await crowd.play(CHARGES)
        print(crowd.outcomes(), crowd.not_as_wished)  # noqa: T201 # shown with a failure, and by pytest -s
        assert kills == KILLS
        assert crowd.last_answer_at - last_kill_at < DECIDED_WITHIN_SECONDS
        found = await final_read(callers, database.superuser_url, tuple(crowd.answers), tmp_path / "final")
        assert len(found.charges) == CHARGES
        assert violations(found) == []
        assert await unreplayable(callers.client, callers.settings.task_queue) == []
