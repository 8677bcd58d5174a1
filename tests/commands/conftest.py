"""The command line against a whole system of its own: database, Temporal, simulators and a worker, all processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from typer.testing import CliRunner

from local import postgres, temporal, worker
from local.ports import free_port
from local.simulators import SimulatorProcess
from starter import app

ROOT = Path(__file__).parents[2]
DATABASE = "test_commands"
GOOD = {"stripe": "stripe=pm_card_visa", "paypal": "paypal=wallet_ok"}
END_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The JSON on stdout."""
        return json.loads(self.stdout)

    @property
    def lines(self) -> list[str]:
        """The lines on stderr."""
        return self.stderr.splitlines()


@dataclass(frozen=True)
class CommandLine:
    """starter.py as a process with a given environment."""

    environment: Mapping[str, str]
    simulators: Mapping[str, SimulatorProcess] = field(default_factory=dict)

    def __call__(self, *arguments: str, **environment: str) -> Answer:
        """Run a command in this process, which spares its start; keywords are further environment variables."""
        result = CliRunner(env={**self.environment, **environment}).invoke(app, list(arguments))
        return self.checked(result.exit_code, result.stdout, result.stderr)

    def process(self, *arguments: str, **environment: str) -> Answer:
        """Run a command as people do, to its end."""
        with self.start(*arguments, **environment) as process:
            return self.end(process)

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, str(ROOT / "starter.py"), *arguments],
            env={**self.environment, **environment},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, process: "subprocess.Popen[str]") -> Answer:
        """Wait for the end of a command."""
        stdout, stderr = process.communicate(timeout=END_SECONDS)
        return self.checked(process.returncode, stdout, stderr)

    @staticmethod
    def checked(exit_code: int, stdout: str, stderr: str) -> Answer:
        """Hold a command to what holds for all of them: an exit code of ours, and no traceback."""
        assert exit_code in {0, 1, 2, 3, 128 + signal.SIGINT}, stderr
        assert "Traceback" not in stdout + stderr
        return Answer(exit_code, stdout, stderr)

    def charge(
        self, charge_id: str, gateway: str = "stripe", *options: str, amount: str = "49.99", **environment: str
    ) -> Answer:
        """Charge 49.99 USD, as JSON."""
        base = ["charge", "--amount", amount, "--currency", "USD", "--customer", "cus_1", "--id", charge_id, "--json"]
        method = [] if "--payment-method" in options else ["--payment-method", GOOD[gateway]]
        return self(*base, *method, *options, **environment)

    def until(self, charge_id: str, status: str) -> Any:
        """Wait until a charge has a status, and return its document."""
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            answer = self("status", charge_id, "--json")
            if answer.exit_code == 0 and answer.document["status"] == status:
                return answer.document
        raise AssertionError(f"{charge_id} never became {status}: {answer}")


@dataclass(frozen=True)
class Servers:
    """Where the commands' own database and the session's servers are."""

    environment: Mapping[str, str]
    superuser_url: str
    simulators: Mapping[str, SimulatorProcess]


@pytest.fixture(scope="package")
def servers(
    postgres_server: postgres.Postgres,
    migrated_template: str,
    temporal_server: temporal.Temporal,
    stripe_process: SimulatorProcess,
    paypal_process: SimulatorProcess,
) -> Iterator[Servers]:
    """Everything but a worker."""
    for simulator in (stripe_process, paypal_process):
        simulator.reset()
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        template = Identifier(migrated_template)
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(DATABASE), template))
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.environ.get("HOME", "/"),
            "DATABASE_URL": postgres_server.url(DATABASE, user="quittance_app"),
            "ALLOW_UNSAFE_DATABASE": "true",
            "TEMPORAL_ADDRESS": temporal_server.address,
            "STRIPE_API_BASE": stripe_process.url,
            "PAYPAL_API_BASE": paypal_process.url,
            "TASK_QUEUE": f"commands-{os.getpid()}",
            "GATEWAY_TIMEOUT_SECONDS": "2",
            "SEAL_PUBLIC_KEY_FILE": "/none/seal.key.pub",  # not that of a `make up` on this machine
        }
        pair = {"stripe": stripe_process, "paypal": paypal_process}
        yield Servers(environment, postgres_server.url(DATABASE), pair)
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(DATABASE)))


@pytest.fixture(scope="package")
def cli(servers: Servers, parts_directory: Path) -> Iterator[CommandLine]:
    """The command line with a worker behind it."""
    with ExitStack() as stack:
        log = parts_directory / "commands" / "worker.log"
        stack.enter_context(worker.start(servers.environment, health_port=free_port(), log=log))
        yield CommandLine(servers.environment, servers.simulators)
