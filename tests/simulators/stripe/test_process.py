"""The simulator as a process: it keeps what it answered over SIGKILL, and ends at once when it is told to."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from local.ports import free_port
from local.simulators import Simulator, start_stripe
from tests.simulators.stripe.caller import VERSION, Caller


@contextmanager
def _running(state: Path) -> Iterator[tuple[Simulator, "subprocess.Popen[bytes]"]]:
    port = free_port()
    command = [sys.executable, "-W", "error", "-m", "simulators.stripe", "--port", str(port), "--state", str(state)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        simulator = Simulator(f"http://127.0.0.1:{port}")
        try:
            while not simulator.is_healthy():
                assert process.poll() is None
            yield simulator, process
        finally:
            process.kill()


def _client(simulator: Simulator) -> httpx.AsyncClient:
    headers = {"Authorization": "Bearer sk_test_1", "Stripe-Version": VERSION}
    return httpx.AsyncClient(base_url=simulator.url, headers=headers, trust_env=False)


@pytest.mark.simulator
async def test_state_survives_a_kill(tmp_path: Path) -> None:
    """What was answered is still true after SIGKILL: objects, keys, truth, settings and the moved clock."""
    state = tmp_path / "state"
    with _running(state) as (simulator, process):
        simulator.configure(balance_transaction_delay_seconds=50)
        simulator.advance_clock(1000)
        async with _client(simulator) as client:
            paid = await Caller(client).confirmed()
            made = await Caller(client).post("/v1/customers", "k")
        before, now = simulator.truth(), simulator.now()
        process.send_signal(signal.SIGKILL)
    with _running(state) as (simulator, _process):
        assert simulator.truth() == before
        assert simulator.now() >= now
        assert simulator.configure()["balance_transaction_delay_seconds"] == 50
        async with _client(simulator) as client:
            caller = Caller(client)
            assert (await caller.get(f"/v1/payment_intents/{paid['id']}")).body == paid
            assert (await caller.post("/v1/customers", "k")).raw == made.raw
            simulator.advance_clock(51)
            assert (await caller.charge_of(paid))["balance_transaction"]["fee"] == 88


@pytest.mark.simulator
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_ends_at_once(tmp_path: Path, number: signal.Signals) -> None:
    """A signal ends it with exit code 0 and nothing printed; a request under way gets no answer."""
    with _running(tmp_path / "state") as (simulator, process):
        simulator.add_fault(action="delay", delay_seconds=60)
        async with _client(simulator) as client:
            under_way = asyncio.create_task(client.get("/v1/charges", timeout=10))
            await asyncio.sleep(0.3)
            process.send_signal(number)
            with pytest.raises(httpx.RemoteProtocolError):
                await under_way
        assert process.wait(timeout=3) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


@pytest.mark.simulator
def test_occupied_port_and_state(tmp_path: Path) -> None:
    """A port or a state file in use is named in one line."""
    with _running(tmp_path / "state") as (simulator, _process):
        port = simulator.url.rsplit(":", 1)[1]
        for arguments, told in (
            (["--port", port, "--state", str(tmp_path / "other")], f"port {port}"),
            (["--port", str(free_port()), "--state", str(tmp_path / "state")], "is another simulator running on it?"),
        ):
            command = [sys.executable, "-m", "simulators.stripe", *arguments]
            ended = subprocess.run(command, capture_output=True, check=False, text=True, timeout=20)
            assert ended.returncode == 1
            assert len(ended.stderr.strip().splitlines()) == 1
            assert told in ended.stderr


@pytest.mark.simulator
def test_reset_forgets_everything(tmp_path: Path) -> None:
    """After a reset the simulator is as new, its clock and settings too."""
    with start_stripe(free_port(), state=tmp_path / "state", log=tmp_path / "log") as simulator:
        simulator.configure(twin_events=True)
        moved = simulator.advance_clock(10_000)
        simulator.reset()
        assert simulator.now() < moved - 9_000
        assert simulator.configure()["twin_events"] is False
        assert simulator.truth() == {"effects": [], "requests": []}
