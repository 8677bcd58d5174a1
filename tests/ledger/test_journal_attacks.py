"""The application's role gives the posting function what its code never would; nothing wrong comes of it.

What it tries beside the function, with other roles, is in test_hostile_statements.py.
"""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest

from ledger.journal import _content
from tests.ledger.hostile import CHANGES, IDLE_GRANT, went_through
from tests.ledger.samples import capture, fee

Unchanged = Callable[[], AbstractContextManager[None]]
POST = "SELECT entry_id, is_new FROM public.post_entries(%s::pg_catalog.jsonb)"
# Allowed to anybody, and meant to mislead a function that runs with its owner's rights.
MISLEADING = [
    "CREATE TEMP TABLE entries (LIKE public.entries)",
    "CREATE TEMP TABLE lines (LIKE public.lines)",
    "CREATE TEMP TABLE accounts (LIKE public.accounts)",
    "CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT 'forged'::bytea $$",
    "CREATE FUNCTION pg_temp.given_lines(jsonb) RETURNS SETOF public.lines LANGUAGE sql AS 'TABLE public.lines'",
    "CREATE FUNCTION pg_temp.always(bigint, integer) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$",
    "CREATE OPERATOR pg_temp.> (LEFTARG = bigint, RIGHTARG = integer, FUNCTION = pg_temp.always)",
    "CREATE FUNCTION pg_temp.same(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$",
    "CREATE OPERATOR pg_temp.= (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.same)",
    # A domain's check runs with the rights of whoever makes a value of it.
    f"CREATE FUNCTION pg_temp.take() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN {IDLE_GRANT.format(role='quittance_app')}; RETURN true; END $$",
    "CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.take())",
    "CREATE DOMAIN pg_temp.bpchar AS pg_catalog.bpchar CHECK (pg_temp.take())",
    "CREATE DOMAIN pg_temp.bytea AS pg_catalog.bytea CHECK (pg_temp.take())",
    "CREATE DOMAIN pg_temp.bigint AS pg_catalog.int8 CHECK (pg_temp.take())",
    "SET search_path = pg_temp, public, pg_catalog",
    "SET TimeZone = 'Pacific/Kiritimati'",
    "SET DateStyle = 'German, DMY'",
    "SET standard_conforming_strings = off",
    "SET transform_null_equals = on",
    "SET constraint_exclusion = on",
    "SET row_security = off",
    "SET default_transaction_deferrable = on",
    "SET plan_cache_mode = force_custom_plan",
    "SET CONSTRAINTS ALL IMMEDIATE",
]


def post(connection: psycopg.Connection, *entries: Any) -> list[tuple[Any, ...]]:
    """Call the posting function with what the application's code would never make."""
    return connection.execute(POST, [json.dumps(entries)]).fetchall()


@pytest.fixture(autouse=True)
def books(application: psycopg.Connection, superuser: psycopg.Connection) -> None:
    """Books with something in them to change."""
    post(application, _content(capture()), _content(fee()))
    application.execute(
        "INSERT INTO charges (charge_id, request_hash, status, customer, currency, amount_minor, capture_method,"
        " at_expiry, payment_methods, actor) VALUES ('ch_1', 'h', 'processing', 'cus_1', 'USD', 100, 'manual', 'void',"
        " '[]', 'person:alice')"
    )
    application.execute(
        "INSERT INTO operations (operation_id, charge_id, kind, number, attempt, gateway, amount_minor, currency, actor,"
        " purpose) VALUES ('ch_1:capture:1', 'ch_1', 'capture', 1, 1, 'stripe', 100, 'USD', 'person:alice', 'attempt:1')"
    )
    application.commit()


def test_no_session_setting_or_temporary_object_misleads_the_posting_function(
    application: psycopg.Connection, superuser: psycopg.Connection
) -> None:
    """It runs with its owner's rights, so it must mean the same tables, functions and operators for every caller."""
    assert went_through(application, MISLEADING) == MISLEADING, "an attack of this list no longer works as one"
    post(application, _content(capture("ch_9")))
    with pytest.raises(psycopg.Error, match="positive amount"):
        post(application, _content(capture("ch_8")) | {"lines": with_amount(0)})
    application.rollback()
    post(application, _content(capture("ch_9")))
    with pytest.raises(psycopg.Error, match="other content"):
        post(application, _content(capture("ch_9", 1)))
    application.rollback()
    post(application, _content(capture("ch_9")))
    application.commit()
    found = superuser.execute(
        "SELECT length(content_hash), event_at = '2026-03-29 00:59:59.123456+00', (SELECT count(*) FROM public.lines l"
        " WHERE l.entry_id = e.entry_id) FROM public.entries e WHERE reference = 'ch_9:capture:1'"
    ).fetchall()
    assert found == [(32, True, 2)]
    assert went_through(application, [statement.format() for statement in CHANGES]) == []


def with_amount(amount: Any) -> list[dict[str, Any]]:
    """Lines of a capture with another amount."""
    return [line | {"amount_minor": amount} for line in _content(capture())["lines"]]


SPOILED: list[dict[str, Any]] = [
    {"lines": with_amount(0)},
    {"lines": with_amount(-5)},
    {"lines": with_amount(None)},
    {"lines": with_amount(1.5)},
    {"lines": with_amount("many")},
    {"lines": with_amount(2**63)},
    {"lines": with_amount(True)},
    {"lines": with_amount(7)[:1]},
    {"lines": with_amount(7) + with_amount(8)[:1]},
    {"lines": with_amount(7) * 101},
    {"lines": [line | {"side": "left"} for line in with_amount(7)]},
    {"lines": [line | {"currency": "usd"} for line in with_amount(7)]},
    {"lines": [line | {"currency": "US$"} for line in with_amount(7)]},
    {"lines": [line | {"currency": None} for line in with_amount(7)]},
    {"lines": [line | {"type": None} for line in with_amount(7)]},
    {"lines": []},
    {"lines": None},
    {"lines": {"code": "x"}},
    {"lines": [1, 2]},
    {"reference": None},
    {"event_at": "yesterday-ish"},
    {"event_at": None},
    {"actor": None},
]
NO_LISTS = ["{}", "null", "1", '"x"', "[1]", "[null]", "[[]]"]


def test_what_is_not_an_entry_is_refused_in_our_own_words(
    application: psycopg.Connection, unchanged: Unchanged
) -> None:
    """The function is the boundary: it does not rely on who calls it, and posts nothing half read."""
    spoiled = [json.dumps([_content(capture("ch_2")) | changes]) for changes in SPOILED]
    with unchanged():
        for given in spoiled + NO_LISTS:
            with pytest.raises(psycopg.Error) as caught:
                application.execute(POST, [given])
            application.rollback()
            assert caught.value.sqlstate == "QT422", given


def test_columns_that_are_the_databases_to_fill_cannot_be_given(
    application: psycopg.Connection, superuser: psycopg.Connection
) -> None:
    """When and in which transaction an entry was written, nobody says but the database."""
    forged = {
        "entry_id": 7,
        "recorded_at": "2001-01-01T00:00:00Z",
        "transaction_id": "3",
        "totals": {},
        "line_count": 9,
    }
    post(application, _content(capture("ch_2")) | forged)
    application.commit()
    found = superuser.execute(
        "SELECT entry_id <> 7, recorded_at > now() - interval '1 hour', transaction_id > '3'::xid8, totals, line_count"
        " FROM entries WHERE reference = 'ch_2:capture:1'"
    ).fetchall()
    assert found == [(True, True, True, {"USD": 4999}, 2)]
