"""`dunning outages`: what operations people read when tries wait."""

import json

import psycopg
import pytest
from typer.testing import CliRunner, Result

from starter import app
from tests.conftest import Database

PAST = """
    INSERT INTO gateway_outages (gateway, began_at, noticed_at, last_failed_at, why, ended_at, ended_because) VALUES
        ('paypal', '2026-11-20T10:00Z', '2026-11-20T10:01Z', '2026-11-20T10:30Z', '5 attempts in a row had no answer',
            '2026-11-20T11:00Z', 'nobody has asked it for 30 minutes'),
        ('stripe', '2026-11-26T09:00Z', '2026-11-26T09:01Z', '2026-11-26T09:10Z', '7 attempts in a row had no answer',
            NULL, NULL)
"""


def run(url: str, *arguments: str) -> Result:
    return CliRunner(env={"DATABASE_URL": url}).invoke(app, ["dunning", "outages", *arguments])


def test_outages_are_listed_the_newest_first(database: Database) -> None:
    """Whoever asks why nothing is tried sees since when the gateway is down, and by what that is known."""
    assert run(database.app_url).stdout == "no gateway has been down\n"
    with psycopg.connect(database.superuser_url, autocommit=True) as superuser:
        superuser.execute(PAST)
    shown = run(database.app_url)
    assert (shown.exit_code, shown.stderr) == (0, "")
    _, _, stripe, paypal = (line.split() for line in shown.stdout.splitlines() if line.strip())
    assert stripe[:4] == ["stripe", "2026-11-26", "09:00:00", "lasts"]
    assert paypal[:5] == ["paypal", "2026-11-20", "10:00:00", "2026-11-20", "11:00:00"]
    listed = json.loads(run(database.app_url, "--json").stdout)["outages"]
    assert [(each["gateway"], each["ended_because"]) for each in listed] == [
        ("stripe", None),
        ("paypal", "nobody has asked it for 30 minutes"),
    ]
    newest = json.loads(run(database.app_url, "--json", "--limit", "1").stdout)["outages"]
    assert [each["gateway"] for each in newest] == ["stripe"]


@pytest.mark.parametrize("arguments", [("--limit", "0"), ("--limit", "many")])
def test_a_limit_that_is_none_is_refused(database: Database, arguments: tuple[str, ...]) -> None:
    """Bad input is said in a line, and nothing is listed."""
    refused = run(database.app_url, *arguments)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Traceback" not in refused.stderr


def test_a_database_that_cannot_be_reached_is_told_in_a_line() -> None:
    """Nobody takes an outage of PostgreSQL for a gateway that is up."""
    refused = run("postgresql://nobody@127.0.0.1:1/nothing")
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert "cannot be reached" in refused.stderr
