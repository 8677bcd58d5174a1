"""Workers that are killed at any moment, again and again, under load."""

import asyncio
import random
import time
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.faults import evidence, fleet, seeds
from tests.faults.crowd import Crowd
from tests.faults.final_read import final_read
from tests.faults.invariants import violations
from tests.faults.keys import new_keys
from tests.faults.patience import PatientProcesses
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
    loop, begun_at = asyncio.get_running_loop(), time.monotonic()
    charges, to_kill = seeds.scaled(CHARGES), seeds.scaled(KILLS)
    last_begins = max(
        charges - AT_ONCE, 1
    )  # the last charge begins when so many have ended; then the last worker is killed
    with seeds.replayable(seeds.fresh(), request.node.nodeid) as chance:
        whom = random.Random(chance.random())
        last_kill_at = 0.0
        kills = 0
        async with fleet.running(callers.settings, WORKERS, tmp_path / "log") as workers:

            async def kill_now_and_then(ended: int) -> None:
                nonlocal kills, last_kill_at
                if kills < min(to_kill, ended * to_kill // last_begins):
                    kills += 1
                    await workers.crash_one(whom)
                    last_kill_at = loop.time()

            patient = PatientProcesses(callers.settings, callers.client, callers.engine, callers.simulators)
            crowd = Crowd(patient, chance, AT_ONCE, kill_now_and_then)
            await crowd.play(charges)
        decided_after = crowd.last_answer_at - last_kill_at
        played_seconds = time.monotonic() - begun_at
        requests = {name: evidence.requests(simulator.url) for name, simulator in callers.simulators.items()}
        found = await final_read(callers, database.superuser_url, tuple(crowd.answers), tmp_path / "final")
        print(  # noqa: T201 # shown with a failure, and by pytest -s
            f"{kills} kills, {len(found.charges)} charges {dict(crowd.outcomes())} in {played_seconds:.0f} s, "
            f"the last decided {decided_after:.1f} s after the last kill; {len(crowd.not_as_wished)} not as wished: "
            f"{crowd.not_as_wished[:5]}"
        )
        assert kills == to_kill
        assert len(found.charges) == charges
        assert [*violations(found), *new_keys(found, requests)] == []
        assert found.reviews == frozenset()
        assert decided_after < DECIDED_WITHIN_SECONDS
        assert await unreplayable(callers.client, callers.settings.task_queue) == []
