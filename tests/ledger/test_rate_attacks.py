"""A rate is never rewritten, whoever tries: the application, the owner, a superuser who turned ordinary triggers off."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.ledger.hostile import went_through

GIVEN = "INSERT INTO public.exchange_rates (from_unit, to_unit, numerator, denominator, effective_from, source, actor)"
STATED = f"{GIVEN} VALUES ('EUR', 'USD', 27, 25, '2026-11-02', 'ECB', 'person:alice')"

CHANGES = [
    "UPDATE public.exchange_rates SET numerator = 1",
    "UPDATE public.exchange_rates SET numerator = numerator",
    "UPDATE ONLY public.exchange_rates SET denominator = 7 WHERE from_unit = 'EUR'",
    "UPDATE public.exchange_rates SET effective_from = '2020-01-01'",
    "UPDATE public.exchange_rates SET recorded_at = '2020-01-01'",
    "UPDATE public.exchange_rates SET source = 'other', actor = 'nobody'",
    "UPDATE public.exchange_rates SET rate_id = DEFAULT",
    "DELETE FROM public.exchange_rates",
    "DELETE FROM public.exchange_rates WHERE false OR from_unit = 'EUR'",
    "TRUNCATE public.exchange_rates",
    "TRUNCATE public.exchange_rates RESTART IDENTITY CASCADE",
    "WITH gone AS (DELETE FROM public.exchange_rates RETURNING 1) SELECT count(*) FROM gone",
    "MERGE INTO public.exchange_rates r USING (VALUES (1)) v (id) ON true WHEN MATCHED THEN DELETE",
    "MERGE INTO public.exchange_rates r USING (VALUES (1)) v (id) ON true WHEN MATCHED THEN UPDATE SET numerator = 2",
    STATED.replace("27, 25", "11, 10"),
    STATED.replace("27, 25", "11, 10")
    + " ON CONFLICT (from_unit, to_unit, effective_from) DO UPDATE SET numerator = 11",
    STATED.replace("27, 25", "11, 10")
    + " ON CONFLICT ON CONSTRAINT rate_is_stated_once DO UPDATE SET denominator = 10",
]
# Right but for one thing.
WRONG = [
    STATED.replace("'USD'", "'EUR'"),
    STATED.replace("'EUR'", "'eur'"),
    STATED.replace("'EUR'", "'GO'"),
    STATED.replace("'EUR'", "'THIRTEENCHARS'"),
    STATED.replace("27, 25", "54, 50"),
    STATED.replace("27, 25", "0, 1"),
    STATED.replace("27, 25", "-27, 25"),
    STATED.replace("27, 25", "27, -25"),
    STATED.replace("27, 25", "1, 0"),
    STATED.replace("27, 25", "NULL, 1"),
    STATED.replace("27, 25", "1000000000000000, 1"),
    STATED.replace("'2026-11-02'", "'infinity'"),
    STATED.replace("'2026-11-02'", "NULL"),
    STATED.replace("'ECB'", "'  '"),
    STATED.replace("'person:alice'", "''"),
]
POWERS = [
    "ALTER TABLE public.exchange_rates DISABLE TRIGGER never_changed",
    "ALTER TABLE public.exchange_rates DISABLE TRIGGER ALL",
    "DROP TRIGGER recorded_now ON public.exchange_rates",
    "ALTER TABLE public.exchange_rates DROP CONSTRAINT rate_is_stated_once",
    "DROP TABLE public.exchange_rates",
    "COPY public.exchange_rates FROM STDIN",
    "SELECT public.rate_is_recorded_now()",
    "SELECT public.refuse_rate_change()",
    "SELECT * FROM public.exchange_rates FOR UPDATE",
    "SELECT setval('public.exchange_rates_rate_id_seq', 1)",
    f"{GIVEN.replace('(from', '(recorded_at, from')} VALUES ('2020-01-01', 'GBP', 'USD', 1, 2, '2026-11-02', 'x', 'y')",
    f"{GIVEN.replace('(from', '(rate_id, from')} OVERRIDING SYSTEM VALUE VALUES (7, 'GBP', 'USD', 1, 2, '2026-11-02', 'x', 'y')",
]


def rows(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Every rate, with the hidden columns that say whether it was written again."""
    return connection.execute(
        "SELECT ctid::text, xmin::text, r::text FROM public.exchange_rates r ORDER BY 1"
    ).fetchall()


@pytest.fixture(autouse=True)
def unchanged(application: psycopg.Connection, superuser: psycopg.Connection) -> Iterator[None]:
    """A rate is stated; at the end it must be as it was, and the only one."""
    application.execute(STATED.encode())
    application.commit()
    before = rows(superuser)
    yield
    assert len(before) == 1
    assert rows(superuser) == before


def test_the_application_cannot_rewrite_a_rate(application: psycopg.Connection) -> None:
    """With the application's password a rate can be added and nothing else, not even said to be known since earlier."""
    assert went_through(application, [*CHANGES, *WRONG, *POWERS]) == []


def test_the_owner_cannot_rewrite_a_rate(owner: psycopg.Connection) -> None:
    """The guards hold for the owner of the table too; only taking them away (DDL) would help."""
    assert went_through(owner, [*CHANGES, *WRONG]) == []


def test_a_superuser_without_ordinary_triggers_cannot_rewrite_a_rate(superuser: psycopg.Connection) -> None:
    """The guards are ALWAYS, so that replica mode turns none of them off."""
    superuser.execute("SET session_replication_role = replica")
    assert went_through(superuser, CHANGES) == []


def test_nobody_has_known_a_rate_before_it_was_written(owner: psycopg.Connection) -> None:
    """When we learned it is the database's to say, whoever writes."""
    owner.execute("SET LOCAL ROLE quittance_owner")
    written = owner.execute(
        b"INSERT INTO public.exchange_rates (from_unit, to_unit, numerator, denominator, effective_from, source, actor, recorded_at)"
        b" VALUES ('GBP', 'USD', 13, 10, '2026-11-02', 'x', 'y', '2020-01-01') RETURNING recorded_at > now() - interval '1 hour'"
    ).fetchone()
    assert written == (True,)
    owner.rollback()


def test_every_guard_is_always_on(superuser: psycopg.Connection) -> None:
    """A guard that a later migration weakens is seen here."""
    found = superuser.execute(
        "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'public.exchange_rates'::regclass AND NOT tgisinternal"
    ).fetchall()
    assert dict(found) == {"never_changed": "A", "never_emptied": "A", "recorded_now": "A"}
