"""Our own part of the local system: the migrations and a worker, started as an operator would start them."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local import process
from local.errors import PartFailed
from local.health import answers_ok
from local.ports import LOOPBACK, require_free

PROGRAM = process.ROOT / "worker.py"
START_SECONDS = 60.0
MIGRATE_SECONDS = 120.0


class Worker(process.Part):
    """A running worker."""

    @property
    def health_address(self) -> str:
        """Where it says how it is."""
        return f"http://{LOOPBACK}:{self.port}/health"

    def is_healthy(self) -> bool:
        """Whether it says that it is well."""
        return answers_ok(self.health_address)


def start(environment: Mapping[str, str], *, health_port: int, log: Path, port_variable: str | None = None) -> Worker:
    """Start a worker with exactly these environment variables; returns when it is healthy."""
    require_free("The worker's health check", health_port, port_variable)
    variables = {**environment, "HEALTH_PORT": str(health_port)}
    running = process.start("The worker", [sys.executable, str(PROGRAM)], log=log, environment=variables)
    worker = Worker(running, health_port)
    running.wait_healthy(worker.is_healthy, START_SECONDS)
    return worker


def migrate(environment: Mapping[str, str], *, log: Path) -> None:
    """Bring the database's schema and Temporal's search attributes up to date."""
    command = [sys.executable, str(PROGRAM), "--migrate"]
    running = process.start("The migration", command, log=log, environment=environment)
    try:
        code: int | None = running.wait(MIGRATE_SECONDS)
    except subprocess.TimeoutExpired:
        code = None
    finally:
        running.stop()
    if code != 0:
        what = f"did not end within {MIGRATE_SECONDS:g} s" if code is None else f"failed with exit code {code}"
        raise PartFailed("The migration", what, log, running.last_lines())
