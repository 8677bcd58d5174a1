"""Parts as processes: they answer or say why not, and they end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from local import process
from local.errors import PartFailed

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN_PROGRAM = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", flush=True)
time.sleep(600)
"""
STUBBORN = [sys.executable, "-c", STUBBORN_PROGRAM]


def gone(pid: int) -> bool:
    """Whether the process has ended; one that nobody has asked for its exit code counts as ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(pid: int) -> None:
    """Wait at most five seconds for the process to end."""
    deadline = time.monotonic() + 5
    while not gone(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.02)


def test_a_part_that_ends_at_once_says_why_in_one_line(tmp_path: Path) -> None:
    """Whoever starts the system reads the reason, not only that something failed."""
    part = process.start(
        "The part", [sys.executable, "-c", "import sys; sys.exit('no\\nsuch database')"], log=tmp_path / "l"
    )
    with pytest.raises(PartFailed, match=r"^The part ended with exit code 1 \(log: .*/l\): no \| such database$"):
        part.wait_healthy(lambda: False, 10)


def test_a_part_that_never_answers_is_ended(tmp_path: Path) -> None:
    """A hanging part is a failure with a deadline, and it does not stay behind."""
    part = process.start("The part", SLEEPER, log=tmp_path / "log")
    with pytest.raises(PartFailed, match=r"did not answer within 0\.3 s"):
        part.wait_healthy(lambda: False, 0.3)
    assert gone(part.pid)


def test_an_interrupted_start_leaves_no_process(tmp_path: Path) -> None:
    """Ctrl-C while a part is starting ends that part too."""

    def interrupted() -> bool:
        raise KeyboardInterrupt

    part = process.start("The part", SLEEPER, log=tmp_path / "log")
    with pytest.raises(KeyboardInterrupt):
        part.wait_healthy(interrupted, 10)
    assert gone(part.pid)


def test_a_stubborn_part_and_its_children_are_ended_by_force(tmp_path: Path) -> None:
    """A part that ignores the request to end, and whatever it started, does not outlive the stop."""
    log = tmp_path / "log"
    part = process.start("The part", STUBBORN, log=log)
    part.wait_healthy(lambda: "ready" in log.read_text(), 10)
    family = [part.pid, *(child.pid for child in psutil.Process(part.pid).children(recursive=True))]
    assert len(family) == 2
    part.stop(timeout_seconds=0.2)
    for pid in family:
        wait_until_gone(pid)
    part.stop()


def test_last_lines_are_of_this_run(tmp_path: Path) -> None:
    """Yesterday's error, in the same log file, is not told as today's."""
    log = tmp_path / "log"
    for reason in ("yesterday", "today"):
        part = process.start("The part", [sys.executable, "-c", f"import sys; sys.exit('{reason}')"], log=log)
        part.wait(10)
    assert part.last_lines() == "today"
    assert "yesterday" in log.read_text()


def test_a_log_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that is started every day keeps the last log and the one before."""
    monkeypatch.setattr(process, "LOG_LIMIT_BYTES", 10)
    log = tmp_path / "part.log"
    log.write_text("more than ten bytes")
    process.start("The part", [sys.executable, "-c", "print('new')"], log=log).wait(10)
    assert log.read_text() == "new\n"
    assert (tmp_path / "part.old.log").read_text() == "more than ten bytes"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_part_ends_with_a_killed_parent(tmp_path: Path) -> None:
    """Not even SIGKILL of `make up` or of the tests leaves a server behind on Linux."""
    program = (
        "import sys, time; from pathlib import Path; from local import process;"
        f"part = process.start('The part', {SLEEPER!r}, log=Path({str(tmp_path / 'log')!r}));"
        "print(part.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=process.ROOT)
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
        deadline = time.monotonic() + 5
        while "sleep" not in " ".join(psutil.Process(pid).cmdline()[:3]) and time.monotonic() < deadline:
            time.sleep(0.02)  # until the launcher has become the part
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(5)
    wait_until_gone(pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs parts as somebody else")
def test_root_runs_a_part_as_somebody_else_from_its_own_directory(tmp_path: Path) -> None:
    """A clone in a directory that only root may enter works for root, although PostgreSQL then runs as `nobody`."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = closed / "program"
    program.write_text('#!/bin/sh\ntest -r "$0" && test -x "$0" && test "$(id -u)" = 65534\n')
    program.chmod(0o755)
    part = process.start("The part", [str(program)], log=tmp_path / "log", owner=(65534, 65534))
    assert part.wait(10) == 0, part.last_lines()
