"""`periods` and `ledger protection` against a database: what they say, and the exit codes that scripts act by."""

from collections.abc import Callable

import psycopg
import pytest
from typer.testing import CliRunner

from starter import app
from tests.commands.conftest import Answer, CommandLine
from tests.conftest import Database
from tests.ledger.months import appoint, name_of
from tests.ledger.test_limits import CHARGE, OPERATION, insert


@pytest.fixture
def books(database: Database) -> Callable[..., Answer]:
    """The command line over an empty ledger, with two closers and an accountant."""
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        appoint(superuser, closer="alice bob", accountant="carol")

    def run(*arguments: str, **environment: str) -> Answer:
        given = {"DATABASE_URL": database.app_url, "ALLOW_UNSAFE_DATABASE": "1", **environment}
        result = CliRunner(env=given).invoke(app, list(arguments))
        return CommandLine.checked(result.exit_code, result.stdout, result.stderr)

    return run


def test_a_month_is_closed_looked_at_and_reopened(books: Callable[..., Answer]) -> None:
    """The way of a month, as the persons go it; each step says how the period stands."""
    month = name_of(1)
    assert books("periods", "begin-close", month, "--by", "alice").stdout == f"period {month} is closing\n"
    assert books("periods", "close", month, "--by", "alice").stdout == f"period {month} is closed\n"
    listed = books("periods", "list", "--json").document["periods"]
    assert [(each["period"], each["state"]) for each in listed][-2:] == [(month, "closed"), (name_of(0), "open")]
    why = ("--because", "an invoice came late", "--by", "carol")
    assert books("periods", "reopen", month, *why, "--approved-by", "bob").stdout == f"period {month} is open\n"
    shown = books("periods", "show", month)
    assert "closed by alice" in shown.stdout
    assert "open by carol, approved by bob: an invoice came late" in shown.stdout
    changes = books("periods", "show", month, "--json").document["changes"]
    assert [(each["from_state"], each["to_state"]) for each in changes] == [
        ("open", "closing"),
        ("closing", "closed"),
        ("closed", "open"),
    ]


def test_what_is_refused_is_told_in_a_line(books: Callable[..., Answer]) -> None:
    """No right, no order, no second person: exit code 1 and what to do; a month that is not there: exit code 2."""
    month, why = name_of(1), ("--because", "an invoice came late")
    assert books("periods", "close", name_of(2), "--by", "alice").exit_code == 0
    for arguments, code, line in (
        (("close", month, "--by", "carol"), 1, "carol may not close a period: that is for the persons in CLOSERS"),
        (("close", name_of(0), "--by", "alice"), 1, "is not over: it can be closed from"),
        (("close", "2001-01", "--by", "alice"), 2, "there is no period 2001-01: see `periods list`"),
        (("show", "2001-01"), 2, "there is no period 2001-01: see `periods list`"),
        (("reopen", month, *why, "--by", "alice", "--approved-by", "bob"), 1, "is open already"),
        (("reopen", name_of(2), *why, "--by", "alice", "--approved-by", "alice"), 1, "another person has to"),
    ):
        answer = books("periods", *arguments)
        assert (answer.exit_code, answer.stdout, len(answer.lines)) == (code, "", 1), answer
        assert line in answer.stderr


def test_what_is_open_in_a_month_is_listed_and_needs_a_reason(books: Callable[..., Answer], database: Database) -> None:
    """Whoever closes sees each operation that nobody knows the outcome of, and answers for it."""
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        insert(superuser, "charges", CHARGE)
        insert(superuser, "operations", OPERATION | {"outcome": "unknown", "requested_at": "2026-01-05T00:00:00Z"})
    month = name_of(1)
    answer = books("periods", "close", month, "--by", "alice")
    assert (answer.exit_code, len(answer.lines)) == (1, 2)
    assert "say with --despite why" in answer.lines[0]
    assert str(OPERATION["operation_id"]) in answer.lines[1]
    assert books("periods", "close", month, "--by", "alice", "--despite", "it is small").exit_code == 0
    assert "although the outcome of operation" in books("periods", "show", month).stdout


def test_the_protection_is_reported(books: Callable[..., Answer], database: Database) -> None:
    """An auditor gets the grants, guards and settings as they are, and exit code 1 where something is wrong."""
    answer = books("ledger", "protection", "--json")
    found = answer.document
    assert answer.exit_code == 1  # the tests' server does not wait for its disk
    assert [fault["what"] for fault in found["faults"]] == ["the server's setting fsync is off"]
    assert {"role": "quittance_auditor", "object": "lines", "privilege": "SELECT"} in found["grants"]
    assert {"table": "lines", "trigger": "never_changed", "state": "always on"} in found["guards"]
    assert found["settings"]["full_page_writes"] == "on"
    auditor = database.app_url.replace("quittance_app@", "quittance_auditor@")
    assert books("ledger", "protection", "--json", DATABASE_URL=auditor).document["read_as"] == "quittance_auditor"


def test_a_command_that_writes_refuses_an_unprotected_ledger(books: Callable[..., Answer], database: Database) -> None:
    """What a person decides is not written where anybody could have changed it since; reading goes on."""
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        superuser.execute("ALTER TABLE periods DISABLE TRIGGER changes_are_told")
    answer = books("periods", "close", name_of(1), "--by", "alice")
    assert (answer.exit_code, len(answer.lines)) == (3, 1)
    assert (
        "nothing was done, since the ledger is not protected: trigger changes_are_told of periods is off"
        in answer.stderr
    )
    assert books("periods", "list").exit_code == 0
    assert books("periods", "close", name_of(1), "--by", "alice", ALLOW_UNSAFE_DATABASE="0").exit_code == 3
