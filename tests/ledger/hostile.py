"""What a stolen password would be used for, by role: statements that must all be refused.

`{role}` is the role that tries. What a role is allowed is not in its list; what another one is allowed, is.
"""

from collections.abc import Sequence

import psycopg

APPLICATION, AUDITOR, SEALER = "quittance_app", "quittance_auditor", "quittance_sealer"

NEW_ENTRY = (
    "INSERT INTO public.entries (reference, rule, description, event_at, actor, line_count, totals, content_hash)"
    " VALUES ('forged', 'captured', 'forged', now(), 'nobody', 2, '{{}}', '')"
)
NEW_LINE = (
    "INSERT INTO public.lines (entry_id, line_number, account_id, side, amount_minor, currency)"
    " VALUES (1, 3, 1, 'debit', 1, 'USD')"
)
NEW_TRY = (
    "INSERT INTO public.card_tries (operation_id, charge_id, card, amount_minor, currency, tried_at)"
    " VALUES ('ch_1:capture:1', 'ch_1', 'card_1', 100, 'USD', now())"
)
NEW_CEILING = (
    "INSERT INTO public.card_ceilings (network, region, counts, same_amount, consecutive, window_hours, most, source, note)"
    " VALUES ('visa', '', 'answers', false, false, 1, 1000, 'none', 'none')"
)

# Changes of what is written, late lines, and entries that no posting function made.
CHANGES = [
    "UPDATE public.entries SET description = 'other'",
    "UPDATE public.entries SET period = '2026-01'",
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
    "COPY public.entries TO '/tmp/books'",
    "COPY public.entries TO PROGRAM 'cat'",
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
    "UPDATE public.charges SET customer_present = true",
    "UPDATE public.operations SET customer_present = true",
    "UPDATE public.operations SET mandate = 'mandate_of_another'",
    "UPDATE public.operations SET gateway_customer = 'cus_of_another'",
    "UPDATE public.operations SET amount_minor = 1",
    "UPDATE public.operations SET actor = 'nobody'",
]

# Closed periods, and the persons who may close them.
PERIODS = [
    "UPDATE public.periods SET state = 'open'",
    "UPDATE public.periods SET ends_on = ends_on + 31",
    "DELETE FROM public.periods",
    "TRUNCATE public.periods CASCADE",
    "INSERT INTO public.periods (name, starts_on, ends_on) VALUES ('2099-01', '2099-01-01', '2099-01-31')",
    "INSERT INTO public.period_changes (period, to_state, changed_by) VALUES ('2026-01', 'closed', 'alice')",
    "UPDATE public.period_changes SET changed_by = 'mallory'",
    "DELETE FROM public.period_changes",
    "TRUNCATE public.period_changes",
    "INSERT INTO public.people_roles (person, role) VALUES ('mallory', 'closer')",
    "UPDATE public.people_roles SET person = 'mallory'",
    "UPDATE public.people_roles SET until_at = NULL",
    "DELETE FROM public.people_roles",
    "TRUNCATE public.people_roles",
    """SELECT public.keep_roles('{{"closer": ["mallory"]}}')""",
    "SELECT public.begin_close('2026-01', 'mallory')",
    "SELECT public.close_period('2026-01', 'mallory', 'because')",
    "SELECT public.reopen_period('2026-01', 'mallory', 'alice', 'because')",
    "SELECT public.reopen_period('2026-01', 'alice', 'mallory', 'because')",
    "SELECT public.reopen_period('2026-01', 'alice', 'alice', 'because')",
    "SELECT public.reopen_period('2026-01', 'alice', 'Alice', 'because')",
    "SELECT public.reopen_period('2026-01', 'alice', NULL, 'because')",
    "SELECT public.reopen_period('2026-01', 'alice', 'bob', ' ')",
]

# What is owed, by whom, and what was paid of it.
BILLING = [
    "UPDATE public.invoices SET total_minor = 1",
    "UPDATE public.invoices SET applied_minor = 0",
    "UPDATE public.invoices SET sequence = 7",
    "UPDATE public.invoices SET state = 'paid'",
    "UPDATE public.invoices SET due_minor = 0",
    "UPDATE public.invoices SET customer_id = 'cus_2'",
    "UPDATE public.invoices SET due_at = now()",
    "DELETE FROM public.invoices",
    "UPDATE public.invoice_lines SET amount_minor = 1",
    "DELETE FROM public.invoice_lines",
    "INSERT INTO public.invoice_numbers VALUES ('INV', 1000)",
    "UPDATE public.invoice_numbers SET last = 0",
    "DELETE FROM public.invoice_numbers",
    "UPDATE public.payments SET applied_minor = 0",
    "UPDATE public.payments SET customer_id = 'cus_2'",
    "UPDATE public.payments SET reference = 'R-2'",
    "DELETE FROM public.payments",
    "UPDATE public.payment_applications SET amount_minor = 1",
    "DELETE FROM public.payment_applications",
    "UPDATE public.plan_versions SET amount_minor = 1",
    "DELETE FROM public.plan_versions",
    "UPDATE public.subscriptions SET customer_id = 'cus_2'",
    "UPDATE public.subscriptions SET time_zone = 'UTC'",
    "DELETE FROM public.subscriptions",
    "INSERT INTO public.subscription_changes (subscription_id) VALUES ('sub_1')",
    "UPDATE public.subscription_changes SET changed_by = 'nobody'",
    "DELETE FROM public.subscription_changes",
    "UPDATE public.customers SET currency = 'EUR'",
    "DELETE FROM public.customers",
    "DELETE FROM public.customer_contacts",
    "UPDATE public.payment_methods SET token = 'mine'",
    "UPDATE public.payment_methods SET customer_id = 'cus_2'",
    "UPDATE public.payment_methods SET gateway_customer = 'mine'",
    "UPDATE public.payment_methods SET card = 'card_00000000000000000000000000000000'",
    "ALTER TABLE public.payment_methods DISABLE TRIGGER method_keeps_its_facts",
    "SELECT public.method_keeps_its_facts()",
    "DELETE FROM public.payment_methods",
    *(f"TRUNCATE public.{table} CASCADE" for table in ("customers", "plan_versions", "payments", "invoice_numbers")),
    "ALTER TABLE public.invoices DISABLE TRIGGER invoice_follows",
    "ALTER TABLE public.payment_applications DISABLE TRIGGER application_counts",
    "SELECT public.invoice_follows()",
    "SELECT public.application_counts()",
    "SELECT public.subscription_changes_are_told()",
]

# How unpaid invoices are recovered, what was commanded, and what merchants are told.
DUNNING = [
    "UPDATE public.dunnings SET invoice_id = 'in_2'",
    "UPDATE public.dunnings SET customer_id = 'cus_2'",
    "UPDATE public.dunnings SET failed_at = now()",
    "UPDATE public.dunnings SET amount_minor = 1",
    "DELETE FROM public.dunnings",
    "UPDATE public.dunning_events SET by = 'nobody'",
    "DELETE FROM public.dunning_events",
    "UPDATE public.dunning_policies SET content = '{{}}'",
    "DELETE FROM public.dunning_policies",
    "UPDATE public.invoice_tries SET amount_minor = 1",
    "UPDATE public.invoice_tries SET is_rung = false",
    "UPDATE public.invoice_tries SET card = 'card_of_another'",
    "UPDATE public.invoice_tries SET tried_at = now()",
    "DELETE FROM public.invoice_tries",
    "UPDATE public.dunning_access SET access = 'active'",
    "DELETE FROM public.dunning_access",
    "UPDATE public.dunning_notices SET due_at = now()",
    "DELETE FROM public.dunning_notices",
    "UPDATE public.method_notices SET due_at = now()",
    "DELETE FROM public.method_notices",
    "TRUNCATE public.method_notices",
    "ALTER TABLE public.method_notices DISABLE TRIGGER method_notice_follows",
    "SELECT public.method_notice_follows()",
    "INSERT INTO public.events (event_id) VALUES (1)",
    "INSERT INTO public.events (written_in) VALUES ('1')",
    "UPDATE public.events SET body = '{{}}'",
    "DELETE FROM public.events",
    "INSERT INTO public.process_wakes (process, subject) VALUES ('charge', 'ch_1')",
    "UPDATE public.process_wakes SET subject = 'ch_2'",
    "DELETE FROM public.process_wakes",
    *(f"TRUNCATE public.{table} CASCADE" for table in ("dunnings", "invoice_tries", "events", "process_wakes")),
    "UPDATE public.gateway_outages SET began_at = now()",
    "UPDATE public.gateway_outages SET gateway = 'paypal'",
    "INSERT INTO public.gateway_outages (outage_id) VALUES (1)",
    "INSERT INTO public.gateway_outages (ended_at) VALUES (now())",
    "DELETE FROM public.gateway_outages",
    "TRUNCATE public.gateway_outages",
    "ALTER TABLE public.gateway_outages DISABLE TRIGGER outage_follows",
    "SELECT public.outage_follows()",
    "SELECT public.outage_wakes_dunnings()",
    "ALTER TABLE public.invoice_tries DISABLE TRIGGER try_follows",
    "ALTER TABLE public.charges DISABLE TRIGGER processes_are_woken",
    "SELECT public.try_follows()",
    "SELECT public.processes_are_woken()",
]

# The links by which customers pay, and what they began by them.
LINKS = [
    "UPDATE public.pay_links SET expires_at = now() + interval '1 year'",
    "UPDATE public.pay_links SET invoice_id = 'in_2'",
    "UPDATE public.pay_links SET link_id = 'AAAAAAAAAAAAAAAAAAAAAA'",
    "DELETE FROM public.pay_links",
    "UPDATE public.pay_setups SET link_id = 'AAAAAAAAAAAAAAAAAAAAAA'",
    "DELETE FROM public.pay_setups",
    *(f"TRUNCATE public.{table} CASCADE" for table in ("pay_links", "pay_setups")),
    "ALTER TABLE public.pay_links DISABLE TRIGGER link_is_used_once",
    "SELECT public.link_is_used_once()",
    "SELECT public.setup_follows()",
]

POWERS = [
    "SET ROLE quittance_owner",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "SET SESSION AUTHORIZATION quittance_owner",
    "GRANT quittance_owner TO {role}",
    "ALTER ROLE {role} SUPERUSER",
    "ALTER ROLE {role} BYPASSRLS",
    "ALTER ROLE quittance_owner LOGIN PASSWORD 'mine'",
    "CREATE ROLE mine SUPERUSER",
    "SET session_replication_role = replica",
    "SET LOCAL session_replication_role = replica",
    "SELECT set_config('session_replication_role', 'replica', false)",
    "ALTER ROLE {role} SET session_replication_role = replica",
    "ALTER TABLE public.lines DISABLE TRIGGER ALL",
    "ALTER TABLE public.lines DISABLE TRIGGER never_changed",
    "ALTER TABLE public.entries DISABLE TRIGGER entries_are_complete",
    "ALTER TABLE public.entries DISABLE TRIGGER entries_are_in_open_periods",
    "ALTER TABLE public.entries DISABLE TRIGGER reversals_are_of_what_is_left",
    "ALTER TABLE public.lines ENABLE REPLICA TRIGGER lines_belong",
    "ALTER TABLE public.lines OWNER TO {role}",
    "ALTER TABLE public.lines DROP CONSTRAINT line_amount_positive",
    "DROP TRIGGER never_changed ON public.lines",
    "DROP TABLE public.lines CASCADE",
    "DROP FUNCTION public.refuse_change CASCADE",
    "DROP OWNED BY quittance_owner",
    "REASSIGN OWNED BY quittance_owner TO {role}",
    "CREATE RULE harmless AS ON INSERT TO public.lines DO INSTEAD NOTHING",
    "CREATE POLICY harmless ON public.lines USING (false)",
    "ALTER TABLE public.lines ENABLE ROW LEVEL SECURITY",
    "CREATE TRIGGER first BEFORE INSERT ON public.lines FOR EACH ROW EXECUTE FUNCTION public.refuse_change()",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM public.lines RETURNING 1'",
    "CREATE OR REPLACE FUNCTION public.entries_are_complete() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "CREATE OR REPLACE FUNCTION public.has_role(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "ALTER FUNCTION public.post_entries SET search_path = pg_temp",
    "ALTER FUNCTION public.post_entries SECURITY INVOKER",
    "ALTER FUNCTION public.close_period OWNER TO {role}",
    "CREATE TABLE public.mine (id int)",
    "CREATE TABLE public.mine () INHERITS (public.lines)",
    "CREATE VIEW public.mine AS SELECT 1",
    "CREATE SCHEMA mine",
    "CREATE SCHEMA pg_catalog_2",
    "CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION public.refuse_change()",
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION postgres_fdw",
    "CREATE SERVER mine FOREIGN DATA WRAPPER postgres_fdw",
    "CREATE LANGUAGE plpython3u",
    "CREATE PUBLICATION mine FOR TABLE public.lines",
    "CREATE SUBSCRIPTION mine CONNECTION 'host=elsewhere' PUBLICATION mine",
    "SELECT pg_create_logical_replication_slot('mine', 'pgoutput')",
    "SELECT dblink('host=127.0.0.1 user=postgres', 'DELETE FROM public.lines')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/mine')",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_reload_conf()",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
    "UPDATE pg_catalog.pg_trigger SET tgenabled = 'D'",
    "DELETE FROM pg_catalog.pg_trigger",
    "UPDATE pg_catalog.pg_class SET relowner = '{role}'::regrole",
    "UPDATE pg_catalog.pg_authid SET rolsuper = true",
    "ALTER SYSTEM SET fsync = off",
    "ALTER DATABASE postgres SET fsync = off",
    "COMMENT ON TABLE public.lines IS 'mine'",
    "SECURITY LABEL ON TABLE public.lines IS 'mine'",
    "DO $$ BEGIN DELETE FROM public.lines; END $$",
    "DO $$ BEGIN PERFORM set_config('role', 'quittance_owner', false); END $$",
]

# What a function is made of checks less than the whole.
INTERNALS = [
    "SELECT public.open_accounts(NULL, NULL, NULL, NULL, NULL)",
    "SELECT public.charted('wallet:x')",
    "SELECT public.account_of('wallet:x', 'USD')",
    "SELECT public.refuse_what_accounts_refuse(NULL)",
    "SELECT public.refuse_what_conditions_refuse('[]')",
    "SELECT public.refuse_what_is_no_reversal(NULL)",
    "SELECT public.reversals_are_of_what_is_left()",
    """SELECT public.takes_from_refunds_payable('{{}}')""",
    "SELECT * FROM public.given_conditions('[]')",
    "SELECT * FROM public.given_entries('[]')",
    "SELECT * FROM public.given_lines('[]')",
    "SELECT * FROM public.examined_entries('[]', NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    "SELECT public.refuse_change()",
    "SELECT public.lines_belong()",
    "SELECT public.entries_are_complete()",
    "SELECT public.period_for(now(), NULL)",
    "SELECT public.period_otherwise(now(), NULL, NULL, '')",
    "SELECT public.make_periods('2099-01-01')",
    "SELECT public.may_adjust('person:alice')",
    "SELECT public.require_closer('alice', 'close')",
    "SELECT public.close_empty_before('2026-01', 'alice')",
    "SELECT public.entries_are_in_open_periods()",
    "SELECT public.period_change_is_allowed()",
]

# Tries of cards are claimed and settled by functions; by hand a ceiling could be passed, or a never taken back.
CARD_TRIES = [
    NEW_TRY,
    "UPDATE public.card_tries SET at_network = false",
    "UPDATE public.card_tries SET tried_at = '2020-01-01'",
    "DELETE FROM public.card_tries",
    "TRUNCATE public.card_tries",
    NEW_CEILING,
    "UPDATE public.card_ceilings SET most = 1000",
    "DELETE FROM public.card_ceilings",
    "TRUNCATE public.card_ceilings",
    "INSERT INTO public.cards (card) VALUES ('card_00000000000000000000000000000000')",
    "UPDATE public.cards SET never_at = NULL, never_because = NULL",
    "UPDATE public.cards SET is_now = NULL",
    "DELETE FROM public.cards",
    "SELECT * FROM public.cards FOR UPDATE",
    "ALTER TABLE public.card_tries DISABLE TRIGGER try_is_decided_once",
    "ALTER TABLE public.payment_methods DISABLE TRIGGER method_has_a_card",
    "SELECT public.lock_card('card_00000000000000000000000000000000')",
    "SELECT public.method_has_a_card()",
]

# What the application's processes do, and nobody else.
WORK = [
    "SELECT * FROM public.post_entries('[]')",
    "SELECT public.begin_close('2026-01', 'alice')",
    "SELECT public.close_period('2026-01', 'alice', NULL)",
    "SELECT public.reopen_period('2026-01', 'alice', 'bob', 'because')",
    "SELECT public.has_role('alice', 'closer')",
    "UPDATE public.charges SET status = 'captured'",
    "UPDATE public.operations SET outcome = 'succeeded'",
    "INSERT INTO public.splits (split_id) VALUES ('sp_1')",
    "INSERT INTO public.reviews (charge_id, reason, choices) VALUES ('ch_1', 'because', '[]')",
    "UPDATE public.reviews SET resolution = 'failed'",
    "INSERT INTO public.webhook_horizons (gateway) VALUES ('stripe')",
    "INSERT INTO public.customers (customer_id) VALUES ('cus_1')",
    "SELECT * FROM public.customer_contacts",
    "SELECT token FROM public.payment_methods",
    "UPDATE public.payment_methods SET expires_on = '2099-12-31', renewed_at = now(), renewed_by = 'mine'",
    "UPDATE public.payment_methods SET removed_because = 'mine'",
    "SELECT * FROM public.claim_card_try('o', 'c', 'card', 'visa', 'US', 1, 'USD', now(), false)",
    "SELECT public.settle_card_try('o', true, true, false, NULL, NULL, NULL, NULL)",
    "SELECT public.mark_card_never('card_00000000000000000000000000000000', 'because')",
    "INSERT INTO public.invoices (invoice_id) VALUES ('in_1')",
    "UPDATE public.invoices SET voided_at = now()",
    "INSERT INTO public.payment_applications (amount_minor) VALUES (1)",
    "UPDATE public.subscriptions SET state = 'canceled'",
    "INSERT INTO public.dunnings (invoice_id) VALUES ('in_1')",
    "UPDATE public.dunnings SET ended_at = now()",
    "INSERT INTO public.dunning_events (invoice_id) VALUES ('in_1')",
    "INSERT INTO public.invoice_tries (charge_id) VALUES ('in_1.0')",
    "UPDATE public.invoice_tries SET withdrawn_because = 'mine'",
    "UPDATE public.dunning_notices SET sent_at = now()",
    "UPDATE public.method_notices SET sent_at = now()",
    "INSERT INTO public.events (key) VALUES ('mine')",
    "INSERT INTO public.pay_links (link_id) VALUES ('AAAAAAAAAAAAAAAAAAAAAA')",
    "UPDATE public.pay_links SET used_at = now()",
    "INSERT INTO public.pay_setups (setup_id) VALUES ('s1')",
    "UPDATE public.pay_setups SET ended_at = now()",
    "SELECT public.take_wakes(1)",
    "SELECT body FROM public.webhook_events",
    "SELECT * FROM public.webhook_transmissions",
]

# PostgreSQL answers with a warning, and grants nothing.
IDLE_GRANT = "GRANT INSERT, UPDATE, DELETE ON public.lines TO {role}"

# Once a session has called a function, its language knows this setting, and whose it is.
LANGUAGE = ["SET plpgsql.variable_conflict = use_variable"]

BEYOND = {APPLICATION: LANGUAGE, AUDITOR: WORK, SEALER: [*WORK, "SELECT * FROM public.charges"]}
"""What each role is refused beside what every role is."""


def statements(role: str) -> list[str]:
    """Return all that the role must be refused."""
    everything = [*CHANGES, *PERIODS, *BILLING, *CARD_TRIES, *DUNNING, *LINKS, *POWERS, *INTERNALS, *BEYOND[role]]
    return [statement.format(role=role) for statement in everything]


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
