"""Gateways of which every second answer is lost, wrong or late: nothing is done twice, and hardly anybody has to look."""

import asyncio
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.faults import evidence, fleet, seeds
from tests.faults.crowd import Crowd
from tests.faults.final_read import final_read, resolve
from tests.faults.invariants import violations
from tests.faults.keys import new_keys
from tests.faults.patience import PatientProcesses
from tests.workflows.conftest import Processes

pytestmark = [pytest.mark.system, pytest.mark.faults]

CALLS = 5000
AT_ONCE = 100
MOST_IN_REVIEW = 0.001
FAULTS = (
    {"when": "after", "action": "drop", "share": 0.30},
    {"when": "before", "action": "status", "status": 500, "stored": True, "share": 0.05},
    {"when": "after", "action": "status", "status": 500, "stored": True, "share": 0.05},
    {"when": "before", "action": "conflict", "share": 0.05},
    {"when": "before", "action": "rate_limit", "retry_after": 1, "share": 0.10},
    {"when": "after", "action": "truncate", "share": 0.05},
)


async def test_5000_calls_of_which_60_percent_fail_do_nothing_twice(
    callers: Processes, database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No double effect, no new key while an outcome is unknown, and at most one charge in a thousand for a person."""
    seed = seeds.fresh()
    with seeds.replayable(seed, request.node.nodeid) as chance:
        for simulator in callers.simulators.values():
            for fault in FAULTS:
                simulator.add_fault(**fault, seed=seed % 10_000, times=None)
        patient = PatientProcesses(callers.settings, callers.client, callers.engine, callers.simulators)
        crowd = Crowd(patient, chance, AT_ONCE, stories=("automatic", "captured_and_refunded", "voided"))
        async with fleet.running(callers.settings, 2, tmp_path / "log"):
            playing = asyncio.create_task(crowd.play(CALLS))
            while not crowd.enough:
                await asyncio.sleep(1)
                crowd.enough = playing.done() or sum(map(len, _requests(callers).values())) >= CALLS
            for simulator in callers.simulators.values():
                simulator.clear_faults()
            while not playing.done():
                await resolve(callers, database.superuser_url)
            await playing
        requests = _requests(callers)
        found = await final_read(callers, database.superuser_url, tuple(crowd.answers), tmp_path / "final")
        print(crowd.outcomes(), {name: len(sent) for name, sent in requests.items()})  # noqa: T201 # shown with a failure
        assert [*violations(found), *new_keys(found, requests)] == []
        parked = [row for row in found.charges.values() if row["status"] == "needs_review"]
        assert len(parked) <= MOST_IN_REVIEW * len(found.charges)


def _requests(callers: Processes) -> dict[str, list[dict[str, object]]]:
    return {name: evidence.requests(simulator.url) for name, simulator in callers.simulators.items()}
