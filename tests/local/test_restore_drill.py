"""The restore drill as a person runs it: a database that is lost, restored to a moment, and books that are proved."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local import restore_drill
from local.postgres import Postgres
from local.process import ROOT
from local.restore_drill import Books, NotAsItWas

DRILL_SECONDS = 600
"""How long a busy machine may take."""


@pytest.mark.system
def test_the_drill_ends_with_books_that_are_proved_and_leaves_no_process(tmp_path: Path) -> None:
    """Whoever has to restore the books one day has seen every step of it end well."""
    drill = subprocess.run(
        [sys.executable, "-m", "local", "restore-drill", "--directory", str(tmp_path / "drill")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DRILL_SECONDS,
        check=False,
    )
    assert drill.returncode == 0, drill.stdout + drill.stderr
    assert drill.stderr == ""
    steps = [line for line in drill.stdout.splitlines() if line.startswith("ok  ")]
    assert len(steps) == 15
    assert steps[-2].startswith("ok  ledger verify: ")
    assert steps[-1].startswith("ok  prove: 48 charges")
    assert "of exactly the 12 charges that were lost" in drill.stdout
    assert not [process for process in psutil.process_iter() if str(tmp_path) in " ".join(_command(process))]


def test_books_that_are_not_those_of_the_moment_fail_the_drill(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry too few, or one that differs by a byte, is no restore."""
    drill = object.__new__(restore_drill._Drill)
    drill._say = lambda _: None
    server = object.__new__(Postgres)
    for found in (Books(2, "a"), Books(1, "b")):
        monkeypatch.setattr(restore_drill, "_books", lambda _, found=found: found)
        drill._compare(server, found)
        with pytest.raises(NotAsItWas, match="the books are not those of the moment"):
            drill._compare(server, Books(1, "a"))


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
