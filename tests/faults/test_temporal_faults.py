"""Temporal is killed, unreachable or partitioned: the processes go on where they were, and their callers get answers."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ledger.database import create_engine
from local import temporal
from local.ports import LOOPBACK, free_port
from local.simulators import SimulatorProcess
from tests.conftest import Database
from tests.faults import fleet, seeds
from tests.faults.crowd import Crowd
from tests.faults.evidence import Acknowledged
from tests.faults.failpoints import Plan
from tests.faults.final_read import final_read
from tests.faults.invariants import violations
from tests.faults.nursery import worker_process
from tests.faults.patience import PatientProcesses
from tests.faults.proxy import FaultProxy
from tests.faults.stories import STORIES
from tests.workflows.conftest import Processes, settings_for
from workflows.client import connect
from workflows.search_attributes import ALL

pytestmark = [pytest.mark.system, pytest.mark.faults]

CHARGES = 100
AT_ONCE = 20
STORY_SECONDS = 240.0
BACK_SECONDS = 2.0
"""How long a worker whose line is healed may do its worst."""
ATTRIBUTES = {key.name: key.indexed_value_type.name.title().replace("_", "") for key in ALL}


@pytest.fixture
async def mortal(
    tmp_path: Path, database: Database, stripe_simulator: SimulatorProcess, paypal_simulator: SimulatorProcess
) -> AsyncIterator[tuple[PatientProcesses, "Mortal"]]:
    """Patient callers of a Temporal of their own, which keeps its data in a file."""
    server = Mortal(tmp_path)
    await server.start()
    settings = settings_for(database, server.address, stripe_simulator, paypal_simulator)
    simulators = {"stripe": stripe_simulator, "paypal": paypal_simulator}
    async with AsyncExitStack() as stack:
        stack.callback(server.stop)
        engine = create_engine(settings.database_url, 5)
        stack.push_async_callback(engine.dispose)
        yield PatientProcesses(settings, await connect(settings), engine, simulators), server


class Mortal:
    """A Temporal server that can be killed and started again over its file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = free_port()
        self.address = f"{LOOPBACK}:{self._port}"

    async def start(self) -> None:
        """Start it over what it had."""
        self._server = await asyncio.to_thread(
            temporal.start,
            self._port,
            log=self._directory / "temporal",
            database=self._directory / "temporal.db",
            search_attributes=ATTRIBUTES,
            time_skipping=True,
        )

    def stop(self) -> None:
        """End it."""
        self._server.stop()

    async def crash(self, away_seconds: float) -> None:
        """Kill it, and start it again after a while."""
        self._server.process.kill()
        await asyncio.sleep(away_seconds)
        await self.start()


async def test_a_temporal_that_is_killed_again_and_again_loses_no_process(
    mortal: tuple[PatientProcesses, Mortal], database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every process goes on with what it knew; every caller that asks again gets the one answer."""
    callers, server = mortal
    with seeds.replayable(seeds.fresh(), request.node.nodeid) as chance:
        async with fleet.running(callers.settings, 2, tmp_path / "log"):
            crowd = Crowd(callers, chance, AT_ONCE)
            playing = asyncio.create_task(crowd.play(CHARGES))
            for _ in range(3):
                await asyncio.sleep(chance.uniform(2, 4))
                await server.crash(chance.uniform(0, 3))
            await playing
        assert crowd.not_as_wished == []
        found = await final_read(callers, database.superuser_url, tuple(crowd.answers), tmp_path / "final")
        assert len(found.charges) == CHARGES
        assert violations(found) == []


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
async def test_workers_that_are_cut_off_from_temporal_are_replaced_and_repeat_nothing(
    callers: Processes,
    database: Database,
    temporal_server: temporal.Temporal,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    gateway: str,
) -> None:
    """They call the gateway, and nobody hears of it: other workers find out what was done, and tell.

    For a while Temporal goes on handing tasks to who does not hear it, so that a wish may be answered with a no.
    """
    with seeds.replayable(seeds.fresh(), request.node.nodeid) as chance:
        async with asyncio.TaskGroup() as group:
            # Side by side, each with a queue of its own: what takes its time here is that somebody is missed.
            playing = [
                group.create_task(
                    _cut_off(story, gateway, callers, temporal_server.port, tmp_path, random.Random(chance.random()))
                )
                for story in STORIES
            ]
        told = tuple(task.result() for task in playing)
        found = await final_read(callers, database.superuser_url, told, tmp_path / "final")
        assert violations(found) == []


async def _cut_off(
    story: str, gateway: str, callers: Processes, temporal_port: int, directory: Path, chance: random.Random
) -> Acknowledged:
    """Play a story with a worker whose line to Temporal goes dead at its first request, and with the next worker."""
    settings = callers.settings.model_copy(update={"task_queue": f"{callers.settings.task_queue}-{story}"})
    processes = Processes(settings, await connect(settings), callers.engine, callers.simulators)
    async with FaultProxy(temporal_port) as proxy, AsyncExitStack() as stack:
        through = settings.model_copy(update={"temporal_address": f"{LOOPBACK}:{proxy.port}"})
        await stack.enter_async_context(worker_process(through, Plan(), directory / "log"))
        charge_id = f"ch_{settings.task_queue}"
        async with asyncio.timeout(STORY_SECONDS), asyncio.TaskGroup() as group:
            playing = group.create_task(STORIES[story](processes, gateway, charge_id, chance))
            await _first_request(processes, gateway, charge_id)
            proxy.black_hole()
            await stack.enter_async_context(worker_process(settings, log=directory / "log"))
        told = playing.result()
        proxy.heal()
        await asyncio.sleep(BACK_SECONDS)
    return told.answer


async def _first_request(callers: Processes, gateway: str, charge_id: str) -> None:
    async with asyncio.timeout(30):
        while not any(
            str(request["idempotency_key"]).startswith(f"{charge_id}:")
            for request in callers.simulators[gateway].truth()["requests"]
        ):
            await asyncio.sleep(0.02)
