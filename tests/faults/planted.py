"""Bugs that are planted on purpose in a copy of the project, each with the test that must see it: the test of the tests.

A bug is a replacement in one or more files. One that finds its place no more fails too: then the code has moved on, and
the bug has to move with it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEFT_OUT = (".venv", ".git", ".local", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")
TESTS_PASSED, TESTS_FAILED = 0, 1
"""Pytest's exit codes where tests ran to their end."""
SECONDS = 300.0
"""A test that a bug makes hang has not seen it: each says within its own bounds what is wrong."""
END_SECONDS = 30.0
"""How long the servers of a test that is ended have to go."""


@dataclass(frozen=True)
class Change:
    """In a file, one piece of text instead of another."""

    file: str
    before: str
    after: str


@dataclass(frozen=True)
class Bug:
    """What is wrong, in a few words, and the test that must fail."""

    name: str
    changes: Sequence[Change]
    caught_by: str


@dataclass(frozen=True)
class Ran:
    """How a run of tests ended; without a code where it did not end in time."""

    code: int | None
    output: str

    @property
    def passed(self) -> bool:
        """Every test did."""
        return self.code == TESTS_PASSED

    @property
    def failed(self) -> bool:
        """A test ran and failed; one that could not even begin has seen nothing."""
        return self.code == TESTS_FAILED and "\nFAILED " in self.output


class NotPlanted(Exception):
    """The place of a bug is not there any more."""


def run_with(bug: Bug, directory: Path) -> Ran:
    """Plant a bug in a copy of the project, and run the test that must see it."""
    return _run(bug.changes, [bug.caught_by], directory, SECONDS)


def run_without(bugs: Sequence[Bug], directory: Path) -> Ran:
    """Run the tests of all bugs in a copy without any: what fails of itself catches nothing."""
    return _run([], sorted({bug.caught_by for bug in bugs}), directory, SECONDS + 30 * len(bugs))


def _run(changes: Sequence[Change], tests: Sequence[str], directory: Path, seconds: float) -> Ran:
    copy, parts = directory / "project", directory / "parts"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for change in changes:
        _plant(change, copy)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "", "-p", "no:cacheprovider", f"--basetemp={parts}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    with (directory / "output").open("wb") as output:
        running = subprocess.Popen(
            [*command, *tests],
            cwd=copy,
            env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        code = _ended(running, seconds)
    for done_with in (copy, parts):
        shutil.rmtree(done_with, ignore_errors=True)
    return Ran(code, (directory / "output").read_text(errors="replace"))


def _plant(change: Change, copy: Path) -> None:
    file = copy / change.file
    text = file.read_text()
    if text.count(change.before) != 1:
        raise NotPlanted(f"{change.file} has {text.count(change.before)} times {change.before!r}")
    file.write_text(text.replace(change.before, change.after))


def _ended(running: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    """Wait for an end; who is asked to end by SIGTERM takes their servers along."""
    try:
        return running.wait(seconds)
    except subprocess.TimeoutExpired:
        running.terminate()
        try:
            running.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
        return None
