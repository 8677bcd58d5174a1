"""The whole system on one machine, as `make up` runs it: processes of their own, signals, ports, yesterday's data."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from local.addresses import Ports
from local.process import ROOT

pytestmark = pytest.mark.system

UP_SECONDS = 60
DOWN_SECONDS = 30


@dataclass
class Up:
    """A running `python -m local up`."""

    popen: "subprocess.Popen[str]"
    ports: Ports
    output: Path

    def family(self) -> list[psutil.Process]:
        """Return itself and everything that it started."""
        leader = psutil.Process(self.popen.pid)
        return [leader, *leader.children(recursive=True)]

    def database(self) -> str:
        """Return the address of its database, as the superuser."""
        return self.ports.settings()["MIGRATION_DATABASE_URL"]

    def wait_until_up(self) -> None:
        """Wait until it says that it is up; fail with what it said if it ends before."""
        deadline = time.monotonic() + UP_SECONDS
        while "Ctrl-C ends it." not in self.output.read_text():
            assert self.popen.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)


def start(directory: Path, ports: Ports) -> Up:
    """Start the system over a directory, without waiting for it."""
    output = directory / f"output-{time.monotonic_ns()}"
    moved = {Ports.variable(name): str(port) for name, port in ports.by_name().items()}
    with output.open("w") as file:
        popen = subprocess.Popen(
            [sys.executable, "-m", "local", "up", "--directory", str(directory / "system")],
            cwd=ROOT,
            env={**os.environ, **moved},
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    return Up(popen, ports, output)


@contextmanager
def running(directory: Path, ports: Ports | None = None) -> Iterator[Up]:
    """Run the system for the block; whatever happens in it, nothing stays behind."""
    up = start(directory, ports or Ports.free())
    try:
        up.wait_until_up()
        family = up.family()
        yield up
    except BaseException:
        family = up.family() if up.popen.poll() is None else []
        raise
    finally:
        kill(family)
        up.popen.wait(DOWN_SECONDS)


def kill(family: list[psutil.Process]) -> None:
    """Kill every process of the family that has not ended by now."""
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def ended(up: Up, family: list[psutil.Process]) -> int:
    """Wait until every process of the family has ended; returns the exit code of the first."""
    code = up.popen.wait(DOWN_SECONDS)
    _, alive = psutil.wait_procs(family[1:], timeout=DOWN_SECONDS)
    assert [process.name() for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    return code


def answers(url: str) -> bool:
    """Whether something answers there with 200."""
    with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 # the addresses are ours
        return bool(response.status == 200)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running system that several tests look at and none disturbs."""
    with running(tmp_path_factory.mktemp("shared")) as up:
        yield up


def test_every_part_answers_at_the_printed_address(system: Up) -> None:
    """Whoever reads the table can use what it says."""
    said = system.output.read_text()
    for name, path in {
        "worker": "/health",
        "api": "/health",
        "stripe": "/_control/health",
        "paypal": "/_control/health",
    }.items():
        address = f"http://127.0.0.1:{system.ports.by_name()[name]}"
        assert address in said
        assert answers(f"{address}{path}")
    assert system.ports.settings()["TEMPORAL_UI_ADDRESS"] in said
    assert answers(system.ports.settings()["TEMPORAL_UI_ADDRESS"])
    assert system.ports.settings()["DATABASE_URL"] in said
    with psycopg.connect(system.ports.settings()["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT count(*) >= 0 FROM charges").fetchone() == (True,)


def test_its_ledger_is_protected_without_any_allowance(system: Up) -> None:
    """What people try things on keeps what it acknowledged, and its grants and guards are those of a real one."""
    environment = {**os.environ, **system.ports.settings()}
    assert environment["ALLOW_UNSAFE_DATABASE"] == "false"
    command = [sys.executable, str(ROOT / "starter.py"), "ledger", "protection"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.endswith("the ledger is protected\n")


def test_everything_listens_on_loopback_only(system: Up) -> None:
    """Nobody else on the network reaches a development system, which asks for no password."""
    listening = {
        connection.laddr.ip
        for process in system.family()
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_a_charge_on_the_local_system(system: Up) -> None:
    """With the printed settings, the command line takes a charge through every part of the system."""
    charge = [
        *(sys.executable, "starter.py", "charge", "--amount", "49.99", "--currency", "USD"),
        *("--customer", "cus_1", "--payment-method", "stripe=pm_card_visa", "--json"),
    ]
    environment = {**os.environ, **system.ports.settings()}
    done = subprocess.run(charge, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "captured"


def test_what_is_posted_on_the_local_system_is_sealed(system: Up) -> None:
    """The worker seals by itself with the system's own key, and `ledger verify` shows it."""
    data = system.output.parent / "system" / "data"
    environment = {**os.environ, **system.ports.settings(), "SEAL_PUBLIC_KEY_FILE": str(data / "seal.key.pub")}
    verify = [sys.executable, "starter.py", "ledger", "verify", "--json"]
    deadline = time.monotonic() + UP_SECONDS
    said: dict[str, Any] = {"seals": 0}
    while not said["seals"] and time.monotonic() < deadline:
        done = subprocess.run(verify, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        said = json.loads(done.stdout)
    assert (said["verdict"], said["seals"] >= 1) == ("verified", True)


def test_a_second_up_at_the_same_time_is_refused(system: Up) -> None:
    """One line names the process that runs already; exit code 3; the first one is undisturbed."""
    second = start(system.output.parent, Ports.free())
    assert second.popen.wait(DOWN_SECONDS) == 3
    said = second.output.read_text().strip()
    assert re.fullmatch(rf".*is already running \(process {system.popen.pid}\); use that one, or end it first.*", said)
    assert answers(f"http://127.0.0.1:{system.ports.worker}/health")


def test_a_running_system_is_not_reset(system: Up) -> None:
    """Nobody loses what they are looking at: one line names the process that runs; exit code 3."""
    refused = reset(system.output.parent)
    assert refused.returncode == 3
    assert f"process {system.popen.pid}" in refused.stderr
    assert answers(f"http://127.0.0.1:{system.ports.worker}/health")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_everything(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, `kill` and a closed terminal leave no process behind; `make reset` then forgets the data."""
    with running(tmp_path) as up:
        family = up.family()
        assert len(family) >= 7
        up.popen.send_signal(number)
        assert ended(up, family) == 0
    assert up.output.read_text().rstrip().endswith("Ended; the data is kept.")
    assert (tmp_path / "system" / "data" / "postgres").exists()
    assert reset(tmp_path).returncode == 0
    assert not (tmp_path / "system" / "data").exists()
    assert not (tmp_path / "system" / "logs").exists()


def test_a_second_up_goes_on_with_yesterdays_data(tmp_path: Path) -> None:
    """What was there when the system was killed, all of it and at once, is there when it is started again."""
    ports = Ports.free()
    with running(tmp_path, ports) as up:
        with psycopg.connect(up.database(), autocommit=True) as connection:
            connection.execute("INSERT INTO account_codes VALUES ('asset:yesterday', 'asset', 'debit')")
        kill(up.family())
    with running(tmp_path, ports) as up, psycopg.connect(up.database()) as connection:
        found = connection.execute("SELECT type FROM account_codes WHERE code = 'asset:yesterday'").fetchone()
        assert found == ("asset",)


def test_an_up_whose_parts_are_still_ending_is_followed(tmp_path: Path) -> None:
    """After SIGKILL of `make up` alone, the next one waits for the parts that are left, and starts."""
    ports = Ports.free()
    with running(tmp_path, ports) as up:
        family = up.family()
        up.popen.kill()
        up.popen.wait(DOWN_SECONDS)
        with running(tmp_path, ports):
            ended(up, family)


def test_an_occupied_port_is_named_in_one_line(tmp_path: Path) -> None:
    """The line says the port, who has it and which variable moves it; exit code 3; nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        up = start(tmp_path, Ports(**{**Ports.free().by_name(), "temporal": port}))
        assert up.popen.wait(DOWN_SECONDS) == 3
    said = up.output.read_text().strip()
    assert "\n" not in said
    assert f"port {port} is taken by" in said
    assert f"(process {os.getpid()})" in said
    assert "LOCAL_TEMPORAL_PORT" in said
    assert not (tmp_path / "system" / "data").exists()


@pytest.mark.parametrize("part", ["postgres", "worker.py", "api"])
def test_a_part_that_dies_is_told_and_ends_the_rest(tmp_path: Path, part: str) -> None:
    """A system that lacks a part does not pretend to run: one line names the part and its log, then all of it ends."""
    with running(tmp_path) as up:
        family = up.family()
        next(process for process in family if any(word.endswith(part) for word in process.cmdline()[:4])).kill()
        assert ended(up, family) == 3
    last = up.output.read_text().strip().splitlines()[-1]
    assert "ended with exit code -9" in last
    assert "log: " in last


def reset(directory: Path) -> "subprocess.CompletedProcess[str]":
    """Run `python -m local reset` over a directory."""
    command = [sys.executable, "-m", "local", "reset", "--directory", str(directory / "system")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
