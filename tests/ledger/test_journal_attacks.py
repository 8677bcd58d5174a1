"""The application's role tries to change the books. Whatever it tries is refused, and nothing has moved.

The lists are what a stolen password would be used for; a statement that went through is named in the failure.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest

from ledger.journal import _content
from tests.ledger.samples import capture, fee

Unchanged = Callable[[], AbstractContextManager[None]]
POST = "SELECT entry_id, is_new FROM public.post_entries(%s::pg_catalog.jsonb)"
NEW_ENTRY = (
    "INSERT INTO public.entries (reference, rule, description, event_at, actor, line_count, totals, content_hash)"
    " VALUES ('forged', 'captured', 'forged', now(), 'nobody', 2, '{}', '')"
)
NEW_LINE = (
    "INSERT INTO public.lines (entry_id, line_number, account_id, side, amount_minor, currency)"
    " VALUES (1, 3, 1, 'debit', 1, 'USD')"
)

CHANGES = [
    "UPDATE public.entries SET description = 'other'",
    "UPDATE public.lines SET amount_minor = 1",
    "UPDATE public.accounts SET type = 'memo'",
    "UPDATE public.account_codes SET normal_side = 'credit'",
    "UPDATE ONLY public.lines SET amount_minor = amount_minor",
    "DELETE FROM public.lines",
    "DELETE FROM public.entries",
    "DELETE FROM public.accounts",
    "DELETE FROM public.account_codes",
    *(f"TRUNCATE public.{table} CASCADE" for table in ("lines", "entries", "accounts", "account_codes", "charges")),
    "TRUNCATE public.lines, public.entries RESTART IDENTITY",
    "WITH gone AS (DELETE FROM public.lines RETURNING 1) SELECT count(*) FROM gone",
    "MERGE INTO public.lines l USING (VALUES (1)) v (id) ON l.line_id = v.id WHEN MATCHED THEN DELETE",
    "MERGE INTO public.lines l USING (VALUES (1)) v (id) ON l.line_id = v.id WHEN MATCHED THEN UPDATE SET amount_minor=1",
    NEW_ENTRY,
    NEW_ENTRY + " ON CONFLICT (reference) DO UPDATE SET description = 'other'",
    NEW_LINE,
    NEW_LINE.replace("VALUES", "OVERRIDING SYSTEM VALUE VALUES"),
    "INSERT INTO public.accounts (code, type, currency, normal_side) VALUES ('a:b', 'memo', 'USD', 'debit')",
    "INSERT INTO public.account_codes (code, type, normal_side) VALUES ('a:b', 'memo', 'debit')",
    "COPY public.lines FROM '/dev/null'",
    "COPY public.lines FROM PROGRAM 'true'",
    "COPY public.lines FROM STDIN",
    "SELECT * FROM public.entries FOR UPDATE",
    "SELECT * FROM public.accounts FOR SHARE",
    "LOCK TABLE public.lines IN ACCESS EXCLUSIVE MODE",
    "SELECT setval('public.lines_line_id_seq', 1)",
    "SELECT nextval('public.entries_entry_id_seq')",
    "UPDATE public.alembic_version SET version_num = '0001'",
    "DELETE FROM public.charges",
    "DELETE FROM public.operations",
    "UPDATE public.charges SET amount_minor = 1000000",
    "UPDATE public.charges SET currency = 'EUR'",
    "UPDATE public.charges SET request_hash = ''",
    "UPDATE public.operations SET amount_minor = 1",
    "UPDATE public.operations SET actor = 'nobody'",
]

POWERS = [
    "SET ROLE quittance_owner",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "SET SESSION AUTHORIZATION quittance_owner",
    "GRANT quittance_owner TO quittance_app",
    "ALTER ROLE quittance_app SUPERUSER",
    "ALTER ROLE quittance_app BYPASSRLS",
    "SET session_replication_role = replica",
    "SET LOCAL session_replication_role = replica",
    "SELECT set_config('session_replication_role', 'replica', false)",
    "ALTER ROLE quittance_app SET session_replication_role = replica",
    "SET plpgsql.variable_conflict = use_variable",
    "ALTER TABLE public.lines DISABLE TRIGGER ALL",
    "ALTER TABLE public.lines DISABLE TRIGGER never_changed",
    "ALTER TABLE public.entries DISABLE TRIGGER entry_is_complete",
    "ALTER TABLE public.lines ENABLE REPLICA TRIGGER lines_belong",
    "ALTER TABLE public.lines OWNER TO quittance_app",
    "ALTER TABLE public.lines DROP CONSTRAINT line_amount_positive",
    "DROP TRIGGER never_changed ON public.lines",
    "DROP TABLE public.lines CASCADE",
    "DROP FUNCTION public.refuse_change CASCADE",
    "DROP OWNED BY quittance_owner",
    "CREATE RULE harmless AS ON INSERT TO public.lines DO INSTEAD NOTHING",
    "CREATE TRIGGER first BEFORE INSERT ON public.lines FOR EACH ROW EXECUTE FUNCTION public.refuse_change()",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION public.entry_is_complete() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "ALTER FUNCTION public.post_entries SET search_path = pg_temp",
    "ALTER FUNCTION public.post_entries SECURITY INVOKER",
    "CREATE TABLE public.mine (id int)",
    "CREATE SCHEMA mine",
    "CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION public.refuse_change()",
    "CREATE EXTENSION dblink",
    "CREATE LANGUAGE plpython3u",
    "CREATE PUBLICATION mine FOR TABLE public.lines",
    "UPDATE pg_catalog.pg_trigger SET tgenabled = 'D'",
    "DELETE FROM pg_catalog.pg_trigger",
    "UPDATE pg_catalog.pg_class SET relowner = 'quittance_app'::regrole",
    "ALTER SYSTEM SET fsync = off",
]

# PostgreSQL answers with a warning, and grants nothing.
IDLE_GRANT = "GRANT INSERT, UPDATE, DELETE ON public.lines TO quittance_app"

INTERNALS = [
    "SELECT public.open_accounts('[]')",
    "SELECT * FROM public.given_entries('[]')",
    "SELECT * FROM public.given_lines('[]')",
    "SELECT * FROM public.examined_entries('[]')",
    "SELECT public.refuse_change()",
    "SELECT public.lines_belong()",
    "SELECT public.entry_is_complete()",
]

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
    f"CREATE FUNCTION pg_temp.take() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN {IDLE_GRANT}; RETURN true; END $$",
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


def went_through(connection: psycopg.Connection, attempts: Sequence[str]) -> list[str]:
    """Try each statement by itself, and commit what is not refused."""
    allowed = []
    for attempt in attempts:
        try:
            connection.execute(attempt.encode())
            connection.commit()
        except psycopg.Error:
            connection.rollback()
        else:
            allowed.append(attempt)
    return allowed


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


def test_the_application_cannot_change_the_books(application: psycopg.Connection, unchanged: Unchanged) -> None:
    """With the application's password, no entry, line or account can be changed, removed or forged."""
    with unchanged():
        assert went_through(application, CHANGES) == []


def test_the_application_cannot_take_more_power(application: psycopg.Connection, unchanged: Unchanged) -> None:
    """It can become nobody else, turn no guard off and put nothing of its own in a guard's place."""
    with unchanged():
        assert went_through(application, POWERS) == []
        # Nor in one session, where one attempt might prepare the next.
        assert went_through(application, [*POWERS, IDLE_GRANT, *CHANGES]) == [IDLE_GRANT]


def test_the_application_cannot_call_what_the_posting_function_is_made_of(application: psycopg.Connection) -> None:
    """There is one way in; its parts check less than the whole."""
    assert went_through(application, INTERNALS) == []


def test_the_application_executes_the_functions_of_this_list_and_owns_nothing(superuser: psycopg.Connection) -> None:
    """A function that is added later does not become a way in by being forgotten."""
    functions = superuser.execute(
        "SELECT oid::regproc::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " AND has_function_privilege('quittance_app', oid, 'EXECUTE')"
    ).fetchall()
    reading = {"balance_at", "happened_between", "last_happened"}
    writing = {"post_entries", "post_each", "change_account", "place_hold", "end_hold"}
    assert {name for (name,) in functions} == reading | writing
    ours = superuser.execute("SELECT prosecdef FROM pg_proc WHERE proname = ANY (%s)", [list(reading)]).fetchall()
    assert ours == [(False,)] * len(reading)
    owners = superuser.execute(
        "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " UNION SELECT DISTINCT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    ).fetchall()
    assert owners == [("quittance_owner",)]


def test_the_application_may_write_only_where_processes_do(superuser: psycopg.Connection) -> None:
    """Grants are a list that someone can read; this is it."""
    granted = superuser.execute(
        "SELECT table_name, string_agg(DISTINCT privilege_type, ' ' ORDER BY privilege_type)"
        " FROM information_schema.column_privileges WHERE grantee = 'quittance_app' AND table_schema = 'public'"
        " GROUP BY table_name"
    ).fetchall()
    assert dict(granted) == {
        "account_changes": "SELECT",
        "account_codes": "SELECT",
        "account_log": "SELECT",
        "accounts": "SELECT",
        "alembic_version": "SELECT",
        "audit_events": "SELECT",
        "balances": "SELECT",
        "chart": "SELECT",
        "charges": "INSERT SELECT UPDATE",
        "entries": "SELECT",
        "entry_origins": "SELECT",
        "holds": "SELECT",
        "exchange_rates": "INSERT SELECT",
        "lines": "SELECT",
        "operations": "INSERT SELECT UPDATE",
        "reviews": "INSERT SELECT UPDATE",
        "split_legs": "INSERT SELECT UPDATE",
        "splits": "INSERT SELECT UPDATE",
        "webhook_events": "INSERT SELECT UPDATE",
        "webhook_horizons": "INSERT SELECT UPDATE",
        "webhook_transmissions": "INSERT SELECT",
        "withdrawals": "INSERT SELECT UPDATE",
    }


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
    assert went_through(application, CHANGES) == []


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
