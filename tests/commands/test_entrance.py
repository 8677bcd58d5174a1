"""The entrance of the command line: quick, and never a traceback, whatever happens behind it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from commands import output
from commands.entrance import Entrance
from starter import app

ROOT = Path(__file__).parents[2]
HEAVY = {"temporalio", "google", "sqlalchemy", "psycopg", "stripe", "httpx", "iso4217"}
ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/")}


def program(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run starter.py as a process, and note what it imports on stderr."""
    command = [sys.executable, "-X", "importtime", str(ROOT / "starter.py"), *arguments]
    return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [("--help",), ("charge", "--help"), ("ledger", "statement", "--help"), ("x",)])
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    """Looking an option up, or mistyping one, takes a moment and not as long as a charge."""
    found = program(*arguments)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in found.stderr.splitlines()}
    assert "typer" in imported
    assert not imported & HEAVY


def test_without_a_command_the_commands_are_listed() -> None:
    """Whoever does not know what to type is shown."""
    found = program()
    assert found.returncode == 2
    assert all(name in found.stdout for name in ("charge", "capture", "void", "refund", "status", "ledger", "schema"))


def test_a_defect_is_a_line_and_not_a_traceback() -> None:
    """A person is told to report it; a script learns that nothing is known of the answer."""
    broken = typer.Typer(cls=Entrance, pretty_exceptions_enable=False)

    @broken.command()
    def fall() -> None:
        raise KeyError("missing")

    @broken.command()
    def stand() -> None:
        output.line("here")

    result = CliRunner().invoke(broken, ["fall"])
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "error: this is a defect, please report it: KeyError: 'missing'\n"
    assert CliRunner().invoke(broken, ["stand"]).exit_code == 0


def test_text_from_outside_does_not_steer_the_terminal() -> None:
    """A gateway's message or a caller's metadata cannot clear the screen or rewrite what stands there."""
    assert "\x1b" not in output.printable("\x1b[2Jpaid\x07")
    result = CliRunner().invoke(app, ["charges", "--status", "\x1b[2J"], env={"DATABASE_URL": "postgresql://h/d"})
    assert (result.exit_code, "\x1b" in result.output) == (2, False)


def test_a_reader_that_has_enough_is_no_fault() -> None:
    """`starter.py charges | head` ends in silence, as any program in a pipe does."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, str(ROOT / "starter.py"), "schema"]
    found = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (found.returncode, found.stderr) == (141, b"")
