"""The journal: entries and their lines, and the triggers that keep them complete, balanced and as they are."""

from alembic import op

revision = "0003"
down_revision = "0002"

ENTRIES = """
CREATE TABLE public.entries (
    entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference text COLLATE "C" NOT NULL UNIQUE CONSTRAINT entry_reference_form CHECK (reference ~ '^[!-~]{1,200}$'),
    rule text NOT NULL CONSTRAINT entry_rule_form CHECK (rule ~ '^[a-z][a-z_]{0,63}$'),
    description text NOT NULL CONSTRAINT entry_description_length CHECK (length(description) BETWEEN 1 AND 500),
    event_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    charge_id text COLLATE "C",
    operation_id text COLLATE "C",
    actor text NOT NULL CONSTRAINT entry_actor_length CHECK (length(actor) BETWEEN 1 AND 200),
    reason_code text,
    reverses_entry_id bigint REFERENCES public.entries (entry_id),
    line_count integer NOT NULL CONSTRAINT entry_has_two_lines CHECK (line_count BETWEEN 2 AND 200),
    totals jsonb NOT NULL,
    content_hash bytea NOT NULL,
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id()
);
COMMENT ON COLUMN public.entries.event_at IS 'When it happened';
COMMENT ON COLUMN public.entries.recorded_at IS 'When it was written here';
COMMENT ON COLUMN public.entries.totals IS 'Sum of the debits for each currency, in minor units';
COMMENT ON COLUMN public.entries.content_hash IS 'SHA-256 of what was posted, see post_entries';
CREATE INDEX entries_charge ON public.entries (charge_id);
-- Rows come in the order of this column, so a few bytes per page range do.
CREATE INDEX entries_recorded ON public.entries USING brin (recorded_at);
CREATE UNIQUE INDEX entry_reversed_once ON public.entries (reverses_entry_id) WHERE reverses_entry_id IS NOT NULL;
"""

LINES = """
CREATE TABLE public.lines (
    line_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entry_id bigint NOT NULL REFERENCES public.entries (entry_id),
    line_number integer NOT NULL CONSTRAINT line_number_positive CHECK (line_number >= 1),
    -- Checked by lines_belong: enforced here, every line would lock its account's row, and the busiest accounts would
    -- hold up the rest (measured: 2,200 postings a second for 3,400, with 16 clients on three accounts).
    account_id bigint NOT NULL REFERENCES public.accounts (account_id) NOT ENFORCED,
    side text NOT NULL CONSTRAINT line_side_known CHECK (side IN ('debit', 'credit')),
    amount_minor bigint NOT NULL CONSTRAINT line_amount_positive CHECK (amount_minor > 0),
    currency char(3) NOT NULL,
    charge_id text COLLATE "C",
    UNIQUE (entry_id, line_number)
);
-- Balances and statements are read from this index alone.
CREATE INDEX lines_account ON public.lines (account_id, line_id) INCLUDE (side, amount_minor);
CREATE INDEX lines_charge ON public.lines (charge_id);
"""

# Rows are looked up by index, even by a plan that was made while the tables were small.
LINES_BELONG = """
CREATE FUNCTION public.lines_belong() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    fault text;
BEGIN
    SELECT CASE
            WHEN e.entry_id IS NULL THEN 'there is no such entry'
            WHEN e.transaction_id <> pg_current_xact_id() THEN 'the entry is already posted'
            WHEN l.line_number > e.line_count THEN 'the entry has all its lines'
            WHEN a.account_id IS NULL THEN 'there is no such account'
            ELSE format('account %s is kept in %s', a.code, a.currency)
        END
        INTO fault
        FROM added l
        LEFT JOIN public.entries e ON e.entry_id = l.entry_id
        LEFT JOIN public.accounts a ON a.account_id = l.account_id
        WHERE e.entry_id IS NULL
            OR e.transaction_id <> pg_current_xact_id()
            OR l.line_number > e.line_count
            OR a.currency IS DISTINCT FROM l.currency
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'line refused: %', fault USING ERRCODE = 'QT403';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER lines_belong AFTER INSERT ON public.lines REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION public.lines_belong();
ALTER TABLE public.lines ENABLE ALWAYS TRIGGER lines_belong;
"""

# An entry that passed this check is closed: its line count is taken, and no line beyond it is let in.
ENTRY_IS_COMPLETE = """
CREATE FUNCTION public.entry_is_complete() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    found_lines bigint;
    found_totals jsonb;
    is_balanced boolean;
BEGIN
    SELECT coalesce(sum(c.lines), 0), bool_and(c.is_balanced), jsonb_object_agg(c.currency, c.debits)
        INTO found_lines, is_balanced, found_totals
        FROM (
            SELECT s.currency, sum(s.lines) AS lines, sum(s.debits) AS debits, bool_and(s.debits = s.credits) AS is_balanced
                FROM (
                    SELECT l.currency,
                            count(*) AS lines,
                            coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'debit'), 0) AS debits,
                            coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'credit'), 0) AS credits
                        FROM public.lines l JOIN public.accounts a ON a.account_id = l.account_id
                        WHERE l.entry_id = NEW.entry_id
                        -- Memo accounts balance among themselves, or they would unbalance the real ones.
                        GROUP BY l.currency, a.type = 'memo'
                ) s
                GROUP BY s.currency
        ) c;
    IF found_lines <> NEW.line_count THEN
        RAISE EXCEPTION 'entry % has % of its % lines', NEW.reference, found_lines, NEW.line_count
            USING ERRCODE = 'QT422', CONSTRAINT = 'entry_is_complete', DETAIL = NEW.reference;
    END IF;
    IF is_balanced IS NOT TRUE OR found_totals IS DISTINCT FROM NEW.totals THEN
        RAISE EXCEPTION 'entry % does not balance: %, stated as %', NEW.reference, found_totals, NEW.totals
            USING ERRCODE = 'QT422', CONSTRAINT = 'entry_balances', DETAIL = NEW.reference;
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER entry_is_complete AFTER INSERT ON public.entries DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.entry_is_complete();
ALTER TABLE public.entries ENABLE ALWAYS TRIGGER entry_is_complete;
"""

REFUSE_CHANGE = """
CREATE FUNCTION public.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the books are only added to; post a correcting entry', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'QT403';
END
$$;
"""

# ALWAYS: also where a superuser has turned ordinary triggers off with session_replication_role.
GUARD = """
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON public.{table}
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.{table}
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.{table} ENABLE ALWAYS TRIGGER never_changed, ENABLE ALWAYS TRIGGER never_emptied;
GRANT SELECT ON public.{table} TO quittance_app;
"""


def upgrade() -> None:
    """Create entries and lines, and the guards of all that is only added to."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (ENTRIES, LINES, LINES_BELONG, ENTRY_IS_COMPLETE, REFUSE_CHANGE):
        connection.exec_driver_sql(statement)
    for table in ("account_codes", "accounts", "entries", "lines"):
        connection.exec_driver_sql(GUARD.format(table=table))
