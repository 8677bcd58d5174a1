"""A system's directory: its data and logs, held by one process at a time, which notes there what it started.

A holder that was killed leaves its note: the next one ends what still runs of it before it starts anything.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psutil

from local.errors import AlreadyRunning
from local.process import POLL_SECONDS, Process

END_SECONDS = 15.0


class Directory:
    """The directory, held. Made by `held`."""

    def __init__(self, path: Path) -> None:
        """Use `held`."""
        self.path = path
        self.data = path / "data"
        self.logs = path / "logs"
        self._note = path / "processes.json"

    def log(self, name: str) -> Path:
        """Where a part logs."""
        return self.logs / f"{name}.log"

    def note(self, part: Process) -> None:
        """Remember a started part, for the case that we are killed."""
        with suppress(psutil.Error):
            started = psutil.Process(part.pid).create_time()
            self._write([*self._read(), {"name": part.name, "pid": part.pid, "started": started}])

    def clear(self) -> None:
        """Delete the data and the logs."""
        for path in (self.data, self.logs):
            if path.exists():
                shutil.rmtree(path)

    def end_leftovers(self) -> None:
        """End the parts of a holder that was killed, last started first, as it would have."""
        for noted in reversed(self._read()):
            with suppress(psutil.NoSuchProcess):
                left = psutil.Process(noted["pid"])
                if left.create_time() == noted["started"]:
                    _end(left)
        self._write([])

    def _read(self) -> list[dict[str, Any]]:
        try:
            noted: list[dict[str, Any]] = json.loads(self._note.read_text())
        except (OSError, ValueError):
            return []
        return noted

    def _write(self, noted: list[dict[str, Any]]) -> None:
        new = self._note.with_suffix(".new")
        new.write_text(json.dumps(noted))
        new.replace(self._note)


@contextmanager
def held(path: Path, remedy: str) -> Iterator[Directory]:
    """Hold the directory for as long as the block runs; AlreadyRunning, with `remedy`, if another process does."""
    path.mkdir(parents=True, exist_ok=True)
    with (path / "lock").open("a+") as lock:
        try:
            # The system gives the lock back when we end, however we end.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(path, _holder(lock), remedy) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        directory = Directory(path.absolute())
        directory.end_leftovers()
        try:
            yield directory
        finally:
            directory.end_leftovers()


def _holder(lock: IO[str]) -> int | None:
    lock.seek(0)
    text = lock.read().strip()
    return int(text) if text.isdigit() else None


def _end(left: psutil.Process) -> None:
    # Those that end with their parent are on their way; a second request to end does them no harm.
    for request in (left.terminate, left.kill):
        request()
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            if not left.is_running() or left.status() == psutil.STATUS_ZOMBIE:
                return
            time.sleep(POLL_SECONDS)
