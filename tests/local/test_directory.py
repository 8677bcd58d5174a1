"""A system's directory is held by one process at a time, which leaves nothing running."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local import directory, process
from local.errors import AlreadyRunning

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_a_second_holder_is_told_who_holds_it(tmp_path: Path) -> None:
    """A second `make up` says in one line which process runs already and what to do."""
    with (
        directory.held(tmp_path, "end it first"),
        pytest.raises(AlreadyRunning, match=rf"already running \(process {os.getpid()}\); end it first$"),
        directory.held(tmp_path, "end it first"),
    ):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """After SIGKILL of `make up` the next one starts: the lock went with the process."""
    program = (
        "import os, signal; from pathlib import Path; from local import directory\n"
        f"with directory.held(Path({str(tmp_path)!r}), 'end it'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=process.ROOT, check=False)
    with directory.held(tmp_path, "end it first"):
        pass


def test_parts_of_a_killed_holder_are_ended(tmp_path: Path) -> None:
    """What a killed `make up` left running, where the system does not end it, does not occupy the ports."""
    left = subprocess.Popen(SLEEPER)
    noted = {"name": "left", "pid": left.pid, "started": psutil.Process(left.pid).create_time()}
    (tmp_path / "processes.json").write_text(json.dumps([noted]))
    with directory.held(tmp_path, "end it first"):
        assert left.wait(5) != 0


def test_a_process_that_got_a_noted_number_is_left_alone(tmp_path: Path) -> None:
    """A process id is reused: another program under a noted number is not ours to end."""
    other = subprocess.Popen(SLEEPER)
    try:
        noted = {"name": "left", "pid": other.pid, "started": psutil.Process(other.pid).create_time() - 60}
        (tmp_path / "processes.json").write_text(json.dumps([noted]))
        with directory.held(tmp_path, "end it first"):
            assert other.poll() is None
    finally:
        other.kill()
        other.wait(5)


def test_noted_parts_are_ended_with_the_block(tmp_path: Path) -> None:
    """Whatever went wrong in between, no part outlives its holder."""
    with directory.held(tmp_path, "end it first") as place:
        part = process.start("The part", SLEEPER, log=place.log("part"))
        place.note(part)
    assert part.exit_code is not None


def test_clearing_deletes_data_and_logs(tmp_path: Path) -> None:
    """`make reset` starts from nothing."""
    with directory.held(tmp_path, "end it first") as place:
        for path in (place.data, place.logs):
            path.mkdir()
            (path / "file").write_text("content")
        place.clear()
        place.clear()
        assert not place.data.exists()
        assert not place.logs.exists()
