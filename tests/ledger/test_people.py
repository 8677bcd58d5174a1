"""Who holds which role is the database's to know, and its history is kept."""

import threading
import time

import psycopg
import pytest

from ledger import people
from tests.conftest import Database
from tests.ledger.months import appoint

HISTORY = b"SELECT person, role, until_at IS NULL FROM people_roles ORDER BY person, role, grant_id"


def has_role(connection: psycopg.Connection, person: str, role: str) -> bool:
    """Ask as the functions do."""
    found = connection.execute("SELECT public.has_role(%s, %s)", [person, role]).fetchone()
    return found == (True,)


def test_the_settings_become_the_roles(database: Database, superuser: psycopg.Connection) -> None:
    """What the settings name is so from then on; who is not named any more is no longer, and the past is still told."""
    people.keep_roles(database.superuser_url, {"closer": {"alice", "bob"}, "accountant": {"alice"}})
    people.keep_roles(database.superuser_url, {"closer": {"bob", "dave"}})
    people.keep_roles(database.superuser_url, {"closer": {"bob", "dave"}})
    assert superuser.execute(HISTORY).fetchall() == [
        ("alice", "accountant", True),
        ("alice", "closer", False),
        ("bob", "closer", True),
        ("dave", "closer", True),
    ]
    assert has_role(superuser, "alice", "accountant")
    assert not has_role(superuser, "alice", "closer")
    people.keep_roles(database.superuser_url, {"closer": set()})
    assert not has_role(superuser, "bob", "closer")


def test_what_a_role_was_is_kept(superuser: psycopg.Connection, owner: psycopg.Connection) -> None:
    """Nobody makes themselves a closer in the past, and an ended role is not taken up again in its old row."""
    appoint(superuser, closer="alice bob")
    appoint(superuser, closer="alice")
    for statement in (
        b"UPDATE people_roles SET from_at = from_at - interval '1 year'",
        b"UPDATE people_roles SET until_at = NULL",
        b"UPDATE people_roles SET until_at = now() WHERE person = 'bob'",
        b"UPDATE people_roles SET person = 'mallory'",
        b"DELETE FROM people_roles",
        b"TRUNCATE people_roles",
        b"INSERT INTO people_roles (person, role) VALUES ('alice', 'closer')",
        b"INSERT INTO people_roles (person, role) VALUES ('al ice', 'closer')",
    ):
        with pytest.raises(psycopg.Error) as refused:
            owner.execute(statement)
        owner.rollback()
        assert refused.value.sqlstate in {"QT403", "23505", "23514"}, statement
    owner.execute(
        "INSERT INTO people_roles (person, role, from_at, until_at) VALUES ('eve', 'closer', '2001-01-01', 'now')"
    )
    owner.commit()
    found = superuser.execute(
        "SELECT from_at > now() - interval '1 minute', until_at FROM people_roles WHERE person='eve'"
    )
    assert found.fetchall() == [(True, None)]


def test_a_role_that_is_asked_for_is_not_taken_away_meanwhile(
    application: psycopg.Connection, superuser: psycopg.Connection
) -> None:
    """Whoever decides by a role decides before it ends or after it, and not in between."""
    appoint(superuser, approver="alice")
    assert has_role(application, "alice", "approver")
    ending = threading.Thread(target=appoint, args=[superuser], kwargs={"approver": ""})
    ending.start()
    time.sleep(0.3)
    assert ending.is_alive()
    application.commit()
    ending.join(10)
    assert not has_role(application, "alice", "approver")
