"""A worker shows its metrics where the settings say, and says in a line where it cannot."""

import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from local import worker
from local.ports import free_port
from settings import Settings
from tests.conftest import Database
from workflows.telemetry import MetricsNotServed, runtime_of


def settings(port: int) -> Settings:
    """Settings with metrics on a port of this machine."""
    return Settings(_env_file=None, metrics_port=port)


def test_metrics_are_off_unless_asked_for() -> None:
    """No port is opened that nobody knows of."""
    assert runtime_of(Settings(_env_file=None)) is None


def test_an_occupied_port_is_told_in_a_line() -> None:
    """An operator who starts a second worker on one machine learns which setting to change."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MetricsNotServed, match=rf"metrics cannot be served at 127\.0\.0\.1:{port} .*METRICS_PORT"):
            runtime_of(settings(port))


def environment(temporal_server: Any, metrics_port: int, database: Database) -> dict[str, str]:
    """The environment of a worker that takes no work here."""
    return {
        "DATABASE_URL": database.app_url,
        "ALLOW_UNSAFE_DATABASE": "true",
        "TEMPORAL_ADDRESS": temporal_server.address,
        "TASK_QUEUE": f"metrics-{metrics_port}",
        "METRICS_PORT": str(metrics_port),
    }


@pytest.mark.system
def test_a_worker_shows_its_metrics(temporal_server: Any, database: Database, tmp_path: Path) -> None:
    """Prometheus finds the slots of each gateway's queue, by which a hanging gateway is seen."""
    port = free_port()
    variables = environment(temporal_server, port, database)
    with worker.start(variables, health_port=free_port(), log=tmp_path / "worker.log"):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
            text = response.read().decode()
    slots = [line for line in text.splitlines() if line.startswith("temporal_worker_task_slots_available")]
    for gateway in ("stripe", "paypal"):
        assert any(f'task_queue="metrics-{port}-{gateway}"' in line for line in slots), text[:500]


@pytest.mark.system
def test_a_worker_that_cannot_show_its_metrics_does_not_start(temporal_server: Any, database: Database) -> None:
    """It ends with one line, and not as a worker that nobody watches."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        variables = environment(temporal_server, taken.getsockname()[1], database)
        command = [sys.executable, str(worker.PROGRAM)]
        ended = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 3
    assert ended.stderr.startswith("cannot start: metrics cannot be served at 127.0.0.1:")
    assert ended.stderr.count("\n") == 1
