"""An answer of 200 means that the event is on disk; whatever goes wrong before that, the sender sends again."""

import asyncio
import contextlib
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
import pytest

from api import bodies
from ledger import migrate
from local import postgres
from local.ports import free_port
from tests.api.conftest import JSON, Service, running
from tests.conftest import Database
from tests.gateways.webhooks.sender import signed_by_stripe, stripe_body


async def deliver(url: str, event_id: str = "evt_1") -> httpx.Response:
    """Deliver an event of Stripe's once."""
    body = stripe_body(event_id)
    headers = {**JSON, **signed_by_stripe(body, datetime.now(UTC))}
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as http:
        return await http.post("/webhooks/stripe", content=body, headers=headers)


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Directory and port of a PostgreSQL of these tests' own, migrated, not running."""
    directory, port = tmp_path_factory.mktemp("postgres"), free_port()
    with postgres.start(directory / "data", port, log=directory / "log", fsync=False) as server:
        server.ensure_database("quittance")
        migrate.upgrade(server.url("quittance"))
    return directory, port


async def test_while_postgresql_is_away_nothing_is_acknowledged(own_server: tuple[Path, int], tmp_path: Path) -> None:
    """Without PostgreSQL the answer is 503 within seconds, and health stays; when it is back, the event is kept."""
    directory, port = own_server
    url = f"postgresql://quittance_app@127.0.0.1:{port}/quittance"
    with running(url, tmp_path / "log") as service:
        answer = await deliver(service.url)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        assert answer.text == "not kept, send it again later\n"
        assert service.is_healthy()
        with postgres.start(directory / "data", port, log=directory / "log", fsync=False):
            assert (await deliver(service.url)).text == "kept\n"
        assert (await deliver(service.url, "evt_2")).status_code == 503
        with postgres.start(directory / "data", port, log=directory / "log", fsync=False):
            assert (await deliver(service.url, "evt_2")).text == "kept\n"
            assert (await deliver(service.url)).text == "known already\n"


async def test_a_locked_database_does_not_hold_a_sender_for_long(service: Service) -> None:
    """A sender is told to come again while PostgreSQL hangs, before it gives up by itself."""
    with psycopg.connect(service.superuser_url) as blocker:
        blocker.execute("LOCK TABLE webhook_events IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        assert (await service.stripe()).status_code == 503
        assert time.monotonic() - started < 9
    assert (await service.stripe()).text == "kept\n"


async def test_a_crash_between_commit_and_answer_costs_nothing(service: Service) -> None:
    """The sender that got no answer sends again; the event that was kept is known already."""
    kept = asyncio.Event()

    async def cut_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Stands between: takes the request through, and drops the answer once it has begun.
        port = int(service.url.rpartition(":")[2])
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        inner_writer.write(await reader.read(65_536))
        await inner_writer.drain()
        await inner_reader.read(1)
        kept.set()
        for each in (writer, inner_writer):
            each.transport.abort()

    port = free_port()
    async with await asyncio.start_server(cut_off, "127.0.0.1", port):
        with pytest.raises(httpx.TransportError):
            await deliver(f"http://127.0.0.1:{port}")
        await kept.wait()
    assert (await deliver(service.url)).text == "known already\n"
    [row] = service.rows()
    assert row["deliveries"] == 2


async def test_a_service_that_is_killed_has_kept_all_that_it_acknowledged(database: Database, tmp_path: Path) -> None:
    """After SIGKILL in the middle of a flood, each event that was answered with 200 is there."""
    acknowledged: set[str] = set()
    with running(database.app_url, tmp_path / "log") as service:

        async def flood(sender: int) -> None:
            for number in range(1000):
                event_id = f"evt_{sender}_{number}"
                try:
                    if (await deliver(service.url, event_id)).status_code == 200:
                        acknowledged.add(event_id)
                except httpx.TransportError:
                    return

        senders = [asyncio.create_task(flood(number)) for number in range(4)]
        while len(acknowledged) < 40:
            await asyncio.sleep(0.01)
        os.kill(service.process.pid, signal.SIGKILL)
        await asyncio.gather(*senders)
    with psycopg.connect(database.app_url) as connection:
        kept = {name for (name,) in connection.execute("SELECT event_id FROM webhook_events").fetchall()}
    assert acknowledged <= kept


async def test_an_end_that_is_asked_for_answers_what_is_under_way(database: Database, tmp_path: Path) -> None:
    """A deployment loses no delivery: SIGTERM ends the service with exit code 0 and no answer is cut off."""
    with running(database.app_url, tmp_path / "log") as service, psycopg.connect(database.superuser_url) as blocker:
        blocker.execute("LOCK TABLE webhook_events IN ACCESS EXCLUSIVE MODE")
        delivery = asyncio.create_task(deliver(service.url))
        await asyncio.sleep(0.5)
        os.kill(service.process.pid, signal.SIGTERM)
        await asyncio.sleep(0.3)
        blocker.rollback()
        assert (await delivery).text == "kept\n"
        assert await asyncio.to_thread(service.process.wait, 10) == 0


async def test_connections_that_send_no_request_are_ended(service: Service) -> None:
    """Connections that never ask for anything cannot add up until nobody else gets in."""
    port = int(service.url.rpartition(":")[2])

    async def ended(sent: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        try:
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        finally:
            writer.close()

    async with asyncio.timeout(13):
        await asyncio.gather(ended(b""), ended(b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\n"))


async def test_a_body_that_is_too_slow_is_refused(service: Service) -> None:
    """A sender that sends a byte a second is told so after ten seconds, and others are served meanwhile."""
    port = int(service.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    writer.write(head.encode())
    started = time.monotonic()

    async def drip() -> None:
        while True:
            writer.write(b" ")
            await asyncio.sleep(1)

    dripping = asyncio.create_task(drip())
    assert (await service.stripe()).status_code == 200
    async with asyncio.timeout(bodies.BODY_SECONDS + 3):
        status = await reader.readline()
    dripping.cancel()
    writer.close()
    assert status.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - started >= bodies.BODY_SECONDS - 0.5
