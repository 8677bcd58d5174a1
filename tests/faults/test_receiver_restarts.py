"""The receiver of webhooks dies, or is replaced, under load: no event that was answered with 2xx is lost, and none is there twice."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psycopg
import pytest

from local import api, process
from local.ports import LOOPBACK, free_port
from tests.conftest import Database
from tests.faults import seeds
from tests.faults.dying_receiver import Point
from tests.faults.senders import Senders
from tests.gateways.webhooks.sender import SECRET, stripe_body

SENDERS = 8
EVENTS = 30
DEATHS = 2
DEPLOYMENTS = 3
STOP_SECONDS = 15


@pytest.mark.parametrize("point", Point)
async def test_a_receiver_that_dies_between_store_and_answer_loses_nothing(
    database: Database, tmp_path: Path, point: Point, request: pytest.FixtureRequest
) -> None:
    """What it stored without an answer is sent again and known; what it did not store was not answered."""
    port = free_port()
    senders = Senders([f"http://{LOOPBACK}:{port}"], SENDERS, EVENTS)
    with seeds.replayable(seeds.fresh(), request.node.nodeid) as chance:
        sending = asyncio.create_task(senders.send_all())
        for _ in range(DEATHS):
            with receiver(database, port, tmp_path / "log", point, chance.randint(2, SENDERS * EVENTS // 20)) as doomed:
                assert await asyncio.to_thread(doomed.process.wait, 60) == -signal.SIGKILL
        with receiver(database, port, tmp_path / "log"):
            await sending
        assert senders.unanswered > 0
        nothing_lost(senders, database)
        if point is Point.STORED:
            assert sum(kept(database).values()) > sum(senders.answered.values())


@pytest.mark.faults
async def test_receivers_that_are_replaced_under_load_lose_nothing(database: Database, tmp_path: Path) -> None:
    """Two receivers, of which one after the other is ended in good order, or killed, while events pour in."""
    ports = [free_port(), free_port()]
    senders = Senders([f"http://{LOOPBACK}:{port}" for port in ports], SENDERS, EVENTS)
    running = [receiver(database, port, tmp_path / "log") for port in ports]
    sending = asyncio.create_task(senders.send_all())
    try:
        for deployment in range(DEPLOYMENTS * len(ports)):
            place = deployment % len(ports)
            number = (signal.SIGTERM, signal.SIGKILL)[deployment // len(ports) % 2]
            os.kill(running[place].process.pid, number)
            ended = await asyncio.to_thread(running[place].process.wait, STOP_SECONDS)
            assert ended == (0 if number is signal.SIGTERM else -signal.SIGKILL)
            running[place] = receiver(database, ports[place], tmp_path / "log")
        await sending
    finally:
        for each in running:
            each.process.stop()
    nothing_lost(senders, database)


def receiver(database: Database, port: int, log: Path, point: Point | None = None, number: int = 0) -> api.Api:
    """Start the service, or one that dies of its N-th event."""
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "DATABASE_URL": database.app_url,
        "ALLOW_UNSAFE_DATABASE": "true",
        "STRIPE_WEBHOOK_SECRETS": SECRET,
        "API_HOST": LOOPBACK,
        "API_PORT": str(port),
    }
    if point is None:
        return api.start(variables, port=port, log=log)
    command = [sys.executable, "-m", "tests.faults.dying_receiver", point, str(number)]
    return api.Api(process.start("a dying receiver", command, log=log, environment=variables), port)


def kept(database: Database) -> dict[str, int]:
    """The events of the inbox, each with how often it came."""
    with psycopg.connect(database.superuser_url) as connection:
        rows = connection.execute("SELECT event_id, deliveries, body FROM webhook_events").fetchall()
    assert all(bytes(body) == stripe_body(event_id) for event_id, _, body in rows)
    assert len({event_id for event_id, _, _ in rows}) == len(rows)
    return {event_id: deliveries for event_id, deliveries, _ in rows}


def nothing_lost(senders: Senders, database: Database) -> None:
    """Hold the inbox against what the senders were told."""
    found = kept(database)
    assert found.keys() == senders.events.keys()
    assert all(found[event_id] >= answers for event_id, answers in senders.answered.items())
