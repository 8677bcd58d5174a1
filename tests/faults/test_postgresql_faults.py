"""PostgreSQL is killed, its backends are terminated, the way to it is bad: every step is done once all the same."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger import migrate
from ledger.database import create_engine
from local import postgres
from local.ports import free_port
from local.simulators import SimulatorProcess
from tests.conftest import Database
from tests.faults import fleet, seeds
from tests.faults.crowd import Crowd
from tests.faults.final_read import final_read
from tests.faults.invariants import violations
from tests.faults.proxy import Direction, FaultProxy
from tests.workflows.conftest import Processes, settings_for
from workflows.client import connect

pytestmark = [pytest.mark.system, pytest.mark.faults]

CHARGES = 150
AT_ONCE = 30
GOOD_LINE = (0.0, 65_536)
BAD_LINE = (0.01, 300)
"""Seconds of delay of each piece, and its bytes, at most: a step takes about a second, and is torn in a few of them."""
TORN = 0.5
"""In what share of the moments a connection is torn."""
TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE usename = 'quittance_app' AND datname = current_database() ORDER BY random() LIMIT 2
"""

Trouble = Callable[[random.Random], Awaitable[None]]


async def disturbed(
    callers: Processes,
    database: Database,
    directory: Path,
    chance: random.Random,
    trouble: Trouble,
    heal: Callable[[], None] = lambda: None,
) -> None:
    """Play charges while trouble comes again and again; once it is healed all end as wished, and the books are right."""
    enough = asyncio.Event()

    async def again_and_again() -> None:
        # Never broken off: what it has killed it starts again.
        while not enough.is_set():
            await asyncio.sleep(chance.uniform(0.1, 0.5))
            await trouble(chance)

    crowd = Crowd(callers, random.Random(chance.random()), AT_ONCE)
    async with fleet.running(callers.settings, 2, directory / "log"), asyncio.TaskGroup() as group:
        group.create_task(again_and_again())
        await crowd.play(CHARGES)
        enough.set()
    heal()
    assert crowd.not_as_wished == []
    found = await final_read(callers, database.superuser_url, tuple(crowd.answers), directory / "final")
    assert len(found.charges) == CHARGES
    assert violations(found) == []


async def test_backends_that_are_terminated_at_any_moment_lose_and_repeat_nothing(
    callers: Processes, database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A transaction that was cut is done again as a whole, or was done."""
    with seeds.replayable(seeds.fresh(), request.node.nodeid) as chance:
        async with await psycopg.AsyncConnection.connect(database.superuser_url, autocommit=True) as connection:

            async def terminate(_: random.Random) -> None:
                await connection.execute(TERMINATE)

            await disturbed(callers, database, tmp_path, chance, terminate)


async def test_a_bad_line_to_postgresql_loses_and_repeats_nothing(
    callers: Processes,
    database: Database,
    postgres_server: postgres.Postgres,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Messages come late, in pieces, or are torn at any byte, the answer to a COMMIT too."""
    seed = seeds.fresh()
    with seeds.replayable(seed, request.node.nodeid) as chance:
        async with FaultProxy(postgres_server.port, seed) as proxy:
            behind = callers.settings.database_url.replace(f":{postgres_server.port}/", f":{proxy.port}/")
            settings = callers.settings.model_copy(update={"database_url": behind})

            async def tear(chance: random.Random) -> None:
                proxy.heal()  # a cut waits for bytes: kept, they would meet whatever a last step tries, again and again
                proxy.latency_seconds, proxy.piece_bytes = chance.choice([GOOD_LINE, BAD_LINE])
                if chance.random() < TORN:
                    proxy.cut(chance.choice(list(Direction)), chance.randrange(4000))

            through = Processes(settings, callers.client, callers.engine, callers.simulators)
            await disturbed(through, database, tmp_path, chance, tear, proxy.heal)


@pytest.fixture
async def mortal(
    tmp_path: Path, temporal_server: Any, stripe_simulator: SimulatorProcess, paypal_simulator: SimulatorProcess
) -> AsyncIterator[tuple[Processes, Database, Trouble]]:
    """Callers over a PostgreSQL of their own, which waits for the disk, and what kills and restarts it."""
    port = free_port()
    simulators = {"stripe": stripe_simulator, "paypal": paypal_simulator}
    async with AsyncExitStack() as stack:
        server = postgres.start(tmp_path / "data", port, log=tmp_path / "postgres")
        server.ensure_database("books")
        migrate.upgrade(server.url("books"))

        async def crash(chance: random.Random) -> None:
            nonlocal server
            server.process.kill()
            await asyncio.sleep(chance.uniform(0, 1))
            server = await asyncio.to_thread(postgres.start, tmp_path / "data", port, log=tmp_path / "postgres")
            await asyncio.sleep(chance.uniform(2, 5))

        stack.callback(lambda: server.stop())  # noqa: PLW0108 # the one that runs then
        database = Database("books", server.url("books", user="quittance_app"), server.url("books"))
        settings = settings_for(database, temporal_server.address, stripe_simulator, paypal_simulator)
        engine = create_engine(settings.database_url, 5)
        stack.push_async_callback(engine.dispose)
        yield Processes(settings, await connect(settings), engine, simulators), database, crash


async def test_a_postgresql_that_is_killed_again_and_again_keeps_what_it_acknowledged(
    mortal: tuple[Processes, Database, Trouble], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What was written is there, what was not is written, and nothing is written twice."""
    callers, database, crash = mortal
    with seeds.replayable(seeds.fresh(), request.node.nodeid) as chance:
        await disturbed(callers, database, tmp_path, chance, crash)
