"""The chart of accounts, by which accounts are opened, and entries that come whole: header and lines in one statement."""

from alembic import op

revision = "0015"
down_revision = "0014"

CHART = """
CREATE TABLE public.chart (
    code text COLLATE "C" PRIMARY KEY,
    form text NOT NULL,
    literals integer NOT NULL,
    type text NOT NULL,
    normal_side text NOT NULL,
    owner text NOT NULL CONSTRAINT chart_owner_known
        CHECK (owner IN ('company', 'user', 'campaign', 'customer', 'gateway', 'house')),
    guarded boolean NOT NULL,
    bill_back_minor bigint CONSTRAINT chart_bill_back_is_guarded CHECK (bill_back_minor IS NULL OR (bill_back_minor > 0 AND guarded)),
    currencies text[]
);
COMMENT ON TABLE public.chart IS 'ledger/chart.yaml, as it was loaded with the last migration';
COMMENT ON COLUMN public.chart.form IS 'A regular expression of the codes that the row stands for';
COMMENT ON COLUMN public.chart.literals IS 'How many parts of the code are fixed: of several rows the most literal one is meant';
GRANT SELECT ON public.chart TO quittance_app;

CREATE FUNCTION public.charted(wanted text) RETURNS public.chart LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT c.* FROM public.chart c WHERE wanted ~ c.form ORDER BY c.literals DESC, c.code LIMIT 1;
END;
"""

# No conflict names its index, since a rival can be met at any of a table's unique indexes first.
# Codes before accounts, and each in order, so that postings that open the same ones wait and never lock each other out.
OPEN_ACCOUNTS = """
DROP FUNCTION public.post_entries;
DROP FUNCTION public.open_accounts;
CREATE FUNCTION public.open_accounts(names text[], codes text[], types text[], sides text[], units text[])
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    fault record;
BEGIN
    SELECT g.name, g.code, CASE
            WHEN c.code IS NULL THEN format('there is no account %s in the chart', g.code)
            WHEN c.type <> g.type OR c.normal_side <> g.normal_side
                THEN format('account %s is in the chart with another type or normal side', g.code)
            ELSE format('account %s is not kept in %s', g.code, g.unit)
        END AS says, c.code IS NULL AS is_unknown
        INTO fault
        FROM unnest(names, codes, types, sides, units) g (name, code, type, normal_side, unit)
        LEFT JOIN LATERAL public.charted(g.code) c ON true
        WHERE c.code IS NULL OR c.type <> g.type OR c.normal_side <> g.normal_side
            OR (c.currencies IS NOT NULL AND g.unit <> ALL (c.currencies))
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % is refused: %', fault.name, fault.says
            USING ERRCODE = 'QT422', DETAIL = fault.name, HINT = fault.says,
                CONSTRAINT = CASE WHEN fault.is_unknown THEN 'account_is_known' ELSE 'account_is_fixed' END;
    END IF;
    INSERT INTO public.account_codes (code, type, normal_side)
        SELECT DISTINCT ON (g.code) g.code, g.type, g.normal_side
            FROM unnest(codes, types, sides) g (code, type, normal_side) ORDER BY g.code
        ON CONFLICT DO NOTHING;
    -- A chart that was changed later is no reason to count an account in another way.
    SELECT g.name, g.code INTO fault
        FROM unnest(names, codes, types, sides) g (name, code, type, normal_side)
        WHERE (SELECT c.code FROM public.account_codes c
                WHERE c.code = g.code AND c.type = g.type AND c.normal_side = g.normal_side) IS NULL
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % is refused: account % was opened with another type or normal side', fault.name, fault.code
            USING ERRCODE = 'QT422', CONSTRAINT = 'account_is_fixed', DETAIL = fault.name,
                HINT = format('account %s was opened with another type or normal side', fault.code);
    END IF;
    WITH opened AS (
        INSERT INTO public.accounts (code, type, currency, normal_side)
            SELECT DISTINCT g.code, g.type, g.unit, g.normal_side
                FROM unnest(codes, types, sides, units) g (code, type, normal_side, unit)
                ORDER BY g.code, g.unit
            ON CONFLICT DO NOTHING
            RETURNING account_id, code
    )
    INSERT INTO public.balances (account_id, floor_minor)
        SELECT o.account_id, CASE WHEN c.guarded THEN -coalesce(c.bill_back_minor, 0) END
            FROM opened o CROSS JOIN LATERAL public.charted(o.code) c;
END
$$;
"""

# Entries and lines come in one statement, and each entry is whole and balanced at its end: no line can come later, since
# the numbers of an entry's lines are taken.
COMPLETE = """
DROP TRIGGER entry_is_complete ON public.entries;
DROP FUNCTION public.entry_is_complete;
CREATE FUNCTION public.entries_are_complete() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    wrong record;
BEGIN
    SELECT x.* INTO wrong FROM (
        SELECT e.reference, e.line_count, e.totals, coalesce(sum(c.lines), 0) AS found_lines,
                bool_and(c.is_balanced) AS is_balanced, jsonb_object_agg(c.currency, c.debits) FILTER (WHERE c.lines > 0)
                    AS found_totals
            FROM added e
            LEFT JOIN LATERAL (
                SELECT l.currency, count(*) AS lines,
                        coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'debit'), 0) AS debits,
                        -- Memo accounts balance among themselves, or they would unbalance the real ones.
                        sum(CASE l.side WHEN 'debit' THEN l.amount_minor ELSE -l.amount_minor END)
                            FILTER (WHERE a.type = 'memo') IS NOT DISTINCT FROM
                            CASE WHEN bool_or(a.type = 'memo') THEN 0 END
                        AND sum(CASE l.side WHEN 'debit' THEN l.amount_minor ELSE -l.amount_minor END) = 0 AS is_balanced
                    FROM public.lines l JOIN public.accounts a ON a.account_id = l.account_id
                    WHERE l.entry_id = e.entry_id
                    GROUP BY l.currency
            ) c ON true
            GROUP BY e.entry_id, e.reference, e.line_count, e.totals
    ) x
    WHERE x.found_lines <> x.line_count OR x.is_balanced IS NOT TRUE OR x.found_totals IS DISTINCT FROM x.totals
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF wrong.found_lines <> wrong.line_count THEN
        RAISE EXCEPTION 'entry % has % of its % lines', wrong.reference, wrong.found_lines, wrong.line_count
            USING ERRCODE = 'QT422', CONSTRAINT = 'entry_is_complete', DETAIL = wrong.reference;
    END IF;
    RAISE EXCEPTION 'entry % does not balance: %, stated as %', wrong.reference, wrong.found_totals, wrong.totals
        USING ERRCODE = 'QT422', CONSTRAINT = 'entry_balances', DETAIL = wrong.reference;
END
$$;
CREATE TRIGGER entries_are_complete AFTER INSERT ON public.entries REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION public.entries_are_complete();
ALTER TABLE public.entries ENABLE ALWAYS TRIGGER entries_are_complete;
-- Checked by lines_belong, for all lines of a statement at once.
ALTER TABLE public.lines DROP CONSTRAINT lines_entry_id_fkey;
ALTER TABLE public.lines ADD CONSTRAINT lines_entry_id_fkey
    FOREIGN KEY (entry_id) REFERENCES public.entries (entry_id) NOT ENFORCED;
"""


def upgrade() -> None:
    """Create the chart, and check entries once for each statement."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (CHART, OPEN_ACCOUNTS, COMPLETE):
        connection.exec_driver_sql(statement)
