"""A worker starts on a protected ledger only; whoever prepares the servers also says who holds which role."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local import worker
from tests.conftest import Database

pytestmark = pytest.mark.system

OFF = "ALTER TABLE entries DISABLE TRIGGER entries_are_complete"
SECONDS = 60


def environment(temporal_server: Any, url: str, **more: str) -> dict[str, str]:
    """The environment of a worker that takes no work here."""
    return {"TEMPORAL_ADDRESS": temporal_server.address, "TASK_QUEUE": "protected", "DATABASE_URL": url, **more}


def ended(variables: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the program to its end."""
    command = [sys.executable, str(worker.PROGRAM), *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_a_worker_does_not_start_on_a_ledger_that_is_not_protected(
    temporal_server: Any, database: Database, superuser_of: psycopg.Connection
) -> None:
    """It ends with exit code 3 and one line for each fault, each of which says what to do."""
    superuser_of.execute(OFF)
    superuser_of.execute("GRANT DELETE ON lines TO quittance_app")
    answer = ended(environment(temporal_server, database.app_url))
    assert answer.returncode == 3
    lines = answer.stderr.splitlines()
    assert len(lines) == 3, answer.stderr
    assert lines[0].startswith("cannot start: quittance_app has DELETE on lines, which is not declared: REVOKE DELETE")
    assert lines[1].startswith(
        "cannot start: trigger entries_are_complete of entries is off: ALTER TABLE entries ENABLE"
    )
    assert lines[2].startswith("cannot start: the server's setting fsync is off: set it to on")


def test_an_unsafe_server_is_allowed_loudly_and_for_nothing_else(
    temporal_server: Any, database: Database, superuser_of: psycopg.Connection
) -> None:
    """The setting for tests says so in the log of each start, and lets no other fault pass."""
    variables = environment(temporal_server, database.app_url, ALLOW_UNSAFE_DATABASE="1")
    command = [sys.executable, str(worker.PROGRAM)]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as running:
        said = ""
        assert running.stdout is not None
        for line in running.stdout:
            said += line
            if "worker.started" in line:
                break
        os.kill(running.pid, signal.SIGTERM)
        assert running.wait(SECONDS) == 0
    assert "ledger.unsafe" in said
    assert "fsync is off" in said
    superuser_of.execute(OFF)
    answer = ended(variables)
    assert (answer.returncode, answer.stderr.count("\n")) == (3, 1)


def test_a_worker_waits_for_a_database_that_is_away_and_ends_when_it_is_told_to(temporal_server: Any) -> None:
    """An outage of PostgreSQL at the start is no fault of the protection; nor is anything done before it was looked at."""
    variables = environment(temporal_server, "postgresql://quittance_app@127.0.0.1:1/books")
    command = [sys.executable, str(worker.PROGRAM)]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert "ledger.unreachable" in running.stdout.readline()
        os.kill(running.pid, signal.SIGTERM)
        rest = running.stdout.read()
        assert running.wait(SECONDS) == 0
    assert "worker.started" not in rest


def test_the_migration_takes_the_persons_from_the_settings_and_brings_the_ceilings_of_cards(
    temporal_server: Any, database: Database, superuser_of: psycopg.Connection
) -> None:
    """Who closes is said where the system is prepared, and kept by the database; a setting that is not given changes nothing."""
    variables = environment(temporal_server, database.app_url, MIGRATION_DATABASE_URL=database.superuser_url)
    superuser_of.execute("DELETE FROM card_ceilings")
    superuser_of.commit()
    assert ended(variables | {"CLOSERS": "alice, bob", "ACCOUNTANTS": "carol"}, "--migrate").returncode == 0
    assert ended(variables | {"CLOSERS": "alice"}, "--migrate").returncode == 0
    held = superuser_of.execute("SELECT role, person FROM people_roles WHERE until_at IS NULL ORDER BY role").fetchall()
    assert held == [("accountant", "carol"), ("closer", "alice")]
    assert superuser_of.execute("SELECT count(*) > 0 FROM card_ceilings").fetchall() == [(True,)]


def test_a_chart_that_cannot_be_used_ends_the_migration_before_it_begins(temporal_server: Any, tmp_path: Path) -> None:
    """Nothing is changed, and each fault has its line."""
    path = tmp_path / "chart.yaml"
    path.write_text("version: 1\naccounts:\n  - {code: a:b, type: asset, normal_side: debit, owner: house}\n")
    url = "postgresql://nobody@127.0.0.1:1/no"
    answer = ended(environment(temporal_server, url, MIGRATION_DATABASE_URL=url, CHART=str(path)), "--migrate")
    assert answer.returncode == 2
    line = f"{path} line 2: accounts: there is no row for clearing:{{any}}, which the posting rules move: add it"
    assert line in answer.stderr.splitlines()


@pytest.fixture
def superuser_of(database: Database) -> Any:
    """A connection as the superuser."""
    with psycopg.connect(database.superuser_url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        (
            "SMTP_URL",
            "smtp://user:hunter2@mail.example.com?tls=none",
            "SMTP_URL: must not send a password that anybody",
        ),
        ("SMTP_URL", "smtp://mail.example.com", "NOTICE_FROM, NOTICE_REPLY_TO: must be addresses like Example Shop"),
        ("NOTICE_TEMPLATES", "/nowhere", "/nowhere is no directory: name one with files such as de/reminder.txt"),
        (
            "DUNNING_POLICY",
            "/nowhere",
            "/nowhere cannot be read (No such file or directory): name a dunning policy file",
        ),
    ],
)
def test_a_worker_does_not_start_with_what_it_could_not_write_to_customers(
    temporal_server: Any, database: Database, setting: str, value: str, said: str
) -> None:
    """It ends with exit code 2 and a line, before any notice is due."""
    variables = environment(temporal_server, database.app_url, ALLOW_UNSAFE_DATABASE="1", **{setting: value})
    answer = ended(variables)
    assert (answer.returncode, answer.stderr.count("\n")) == (2, 1), answer.stderr
    assert answer.stderr.startswith(said)
    assert "hunter2" not in answer.stdout + answer.stderr
