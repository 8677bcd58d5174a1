"""A part of the system as a process of its own: its log, its health, and a sure end.

Each part leads a process group, so that Ctrl-C in the terminal reaches only us and the parts are ended in order.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from local.errors import PartFailed

ROOT = Path(__file__).parents[1]
LAUNCHER = Path(__file__).with_name("launch.py")
POLL_SECONDS = 0.05
LAST_LINES = 5
LOG_TAIL_BYTES = 8192
LOG_LIMIT_BYTES = 20_000_000


class Process:
    """A running part. `stop` may be called more than once and always leaves no process behind."""

    def __init__(
        self,
        name: str,
        popen: "subprocess.Popen[bytes]",
        *,
        log: Path,
        log_start: int,
        stop_signal: signal.Signals,
    ) -> None:
        """Use `start`. `log_start` is where in the log file its own lines begin, in bytes."""
        self.name = name
        self.log = log
        self.pid = popen.pid
        self._log_start = log_start
        self._popen = popen
        self._stop_signal = stop_signal
        self._ended = False

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    def wait_healthy(self, is_healthy: Callable[[], bool], timeout_seconds: float) -> None:
        """Wait until `is_healthy` says so; on failure end the part and raise PartFailed."""
        deadline = time.monotonic() + timeout_seconds
        healthy = False
        try:
            while not (healthy := is_healthy()) and time.monotonic() < deadline:
                self.check()
                time.sleep(POLL_SECONDS)
            # An answer of another program on the same port is not an answer of ours.
            self.check()
        finally:
            if not healthy or self.exit_code is not None:
                self.stop()
        if not healthy:
            raise PartFailed(self.name, f"did not answer within {timeout_seconds:g} s", self.log, self.last_lines())

    def wait(self, timeout_seconds: float) -> int:
        """Wait for its own end and return the exit code; raises subprocess.TimeoutExpired."""
        return self._popen.wait(timeout_seconds)

    def check(self) -> None:
        """Raise PartFailed if it has ended."""
        if self.exit_code is not None:
            raise PartFailed(self.name, f"ended with exit code {self.exit_code}", self.log, self.last_lines())

    def last_lines(self) -> str:
        """Return the end of what it has logged since its start, on one line."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(self._log_start, self.log.stat().st_size - LOG_TAIL_BYTES))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return " | ".join(line.strip() for line in lines[-LAST_LINES:] if line.strip())

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Ask it to end, wait, then end its whole group by force."""
        if self._popen.poll() is None:
            self._popen.send_signal(self._stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(timeout_seconds)
        self.kill()

    def kill(self) -> None:
        """End it and what it started at once, as a crash would."""
        if self._ended:
            return  # Its number may be another process's by now.
        self._ended = True
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()


class Part:
    """A part of the system that we started, to be stopped by `stop` or at the end of a `with` block."""

    def __init__(self, running: Process, port: int) -> None:
        """Each part has a module with a `start`, which makes it."""
        self.process = running
        self.port = port

    def stop(self) -> None:
        """End it; what it acknowledged is kept where it keeps its data."""
        self.process.stop()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()


def start(
    name: str,
    program: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    owner: tuple[int, int] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Process:
    """Start a part; it ends with us even if we are killed (Linux). `owner` is the user and group that it runs as."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.rename(log.with_suffix(".old.log"))
    who = f"{owner[0]}:{owner[1]}" if owner else "-"
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(stop_signal.value), who]
    with log.open("ab") as output:
        log_start = output.tell()
        popen = subprocess.Popen(
            [*launcher, *program],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            cwd="/" if owner else ROOT,
            start_new_session=True,
        )
    return Process(name, popen, log=log, log_start=log_start, stop_signal=stop_signal)
