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
TESTS_FAILED = 1
"""Pytest's exit code where tests ran, and some failed."""
SECONDS = 600.0


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


class NotPlanted(Exception):
    """The place of a bug is not there any more."""


def is_caught(bug: Bug, directory: Path) -> bool:
    """Plant a bug in a copy of the project, in this new directory, and run the test that must see it."""
    copy = directory / "project"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for change in bug.changes:
        file = copy / change.file
        text = file.read_text()
        if text.count(change.before) != 1:
            raise NotPlanted(f"{bug.name}: {change.file} has {text.count(change.before)} times {change.before!r}")
        file.write_text(text.replace(change.before, change.after))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "", "-p", "no:cacheprovider", bug.caught_by]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ended = subprocess.run(  # noqa: PLW1510 # the exit code is what is asked for
        command,
        cwd=copy,
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        timeout=SECONDS,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    (directory / "output").write_bytes(ended.stdout)
    return ended.returncode == TESTS_FAILED and b"\nFAILED " in ended.stdout
