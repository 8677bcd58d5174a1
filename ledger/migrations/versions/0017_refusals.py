"""What a posting is refused for by accounts and by its own conditions; and postings side by side, each by itself."""

from alembic import op

revision = "0017"
down_revision = "0016"

# What a caller saw before, and what must still be so under the lock. A posting that is repeated is not asked again.
CONDITIONS = """
CREATE FUNCTION public.given_conditions(given jsonb)
RETURNS TABLE (reference text, code text, currency text, version bigint, at_least_minor bigint, at_most_minor bigint)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT e.value ->> 'reference', c.* FROM jsonb_array_elements(given) e
        CROSS JOIN jsonb_to_recordset(
            CASE WHEN jsonb_typeof(e.value -> 'conditions') = 'array' THEN e.value -> 'conditions' ELSE '[]'::jsonb END
        ) AS c (code text, currency text, version bigint, at_least_minor bigint, at_most_minor bigint);
END;

CREATE FUNCTION public.refuse_what_conditions_refuse(given jsonb) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refusal record;
BEGIN
    SELECT c.*, b.version AS found_version, b.balance_minor - b.held_minor AS found_minor
        INTO refusal
        FROM public.given_conditions(given) c
        LEFT JOIN public.accounts a ON a.code = c.code AND a.currency = c.currency
        LEFT JOIN public.balances b ON b.account_id = a.account_id
        WHERE (SELECT e.entry_id FROM public.entries e WHERE e.reference = c.reference) IS NULL
            AND (b.account_id IS NULL
                OR b.version <> c.version
                OR b.balance_minor - b.held_minor < c.at_least_minor
                OR b.balance_minor - b.held_minor > c.at_most_minor)
        LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF refusal.found_version IS NULL THEN
        RAISE EXCEPTION 'entry % is refused: there is no account % in %', refusal.reference, refusal.code, refusal.currency
            USING ERRCODE = 'QT422', CONSTRAINT = 'account_is_known', DETAIL = coalesce(refusal.reference, ''),
                HINT = format('there is no account %s in %s', refusal.code, refusal.currency);
    END IF;
    RAISE EXCEPTION 'entry % is refused: account % is at version % with % available', refusal.reference, refusal.code,
            refusal.found_version, refusal.found_minor
        USING ERRCODE = 'QT422', DETAIL = coalesce(refusal.reference, ''),
            CONSTRAINT = CASE WHEN refusal.found_version <> refusal.version THEN 'account_version' ELSE 'account_condition' END,
            HINT = json_build_object('account', refusal.code, 'currency', refusal.currency,
                'version', refusal.version, 'found_version', refusal.found_version,
                'at_least_minor', refusal.at_least_minor, 'at_most_minor', refusal.at_most_minor,
                'found_minor', refusal.found_minor)::text;
END
$$;
"""

# What lowers an account may not leave it below its floor at the end of any entry; what raises it always may.
REFUSE = """
CREATE FUNCTION public.refuse_what_accounts_refuse(new_ids bigint[]) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refusal record;
BEGIN
    SELECT e.reference, a.code, a.currency, b.state, b.floor_minor, b.held_minor, o.after_minor,
            b.floor_minor - (o.after_minor - b.held_minor) AS missing_minor
        INTO refusal
        FROM (
            SELECT l.entry_id, l.account_id,
                    (array_agg(l.after_minor ORDER BY l.sequence DESC))[1] AS after_minor,
                    (array_agg(l.before_minor ORDER BY l.sequence))[1] AS before_minor
                FROM public.lines l WHERE l.entry_id = ANY (new_ids)
                GROUP BY l.entry_id, l.account_id
        ) o
        JOIN public.balances b ON b.account_id = o.account_id
        JOIN public.accounts a ON a.account_id = o.account_id
        JOIN public.entries e ON e.entry_id = o.entry_id
        WHERE b.state <> 'open'
            OR (o.after_minor < o.before_minor AND o.after_minor - b.held_minor < b.floor_minor)
        ORDER BY o.entry_id, a.code
        LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF refusal.state <> 'open' THEN
        RAISE EXCEPTION 'entry % is refused: account % is %', refusal.reference, refusal.code, refusal.state
            USING ERRCODE = 'QT422', CONSTRAINT = 'account_is_open', DETAIL = refusal.reference,
                HINT = format('account %s is %s', refusal.code, refusal.state);
    END IF;
    RAISE EXCEPTION 'entry % is refused: account % is short of % %', refusal.reference, refusal.code,
            refusal.missing_minor, refusal.currency
        USING ERRCODE = 'QT422', CONSTRAINT = 'account_is_covered', DETAIL = refusal.reference,
            HINT = json_build_object('account', refusal.code, 'currency', refusal.currency,
                'missing_minor', refusal.missing_minor)::text;
END
$$;
"""

# Each item by itself, so that none fails for its neighbour. The balances of all are locked before the first: what is taken
# back of a refused item would let go of them out of order.
POST_EACH = """
CREATE FUNCTION public.post_each(given jsonb)
RETURNS TABLE (
    item integer, entry_id bigint, reference text, recorded_at timestamptz, is_new boolean,
    refused_as text, refused_by text, message text, detail text, hint text
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    one record;
BEGIN
    IF jsonb_typeof(given) IS DISTINCT FROM 'array'
        OR jsonb_path_exists(given, 'strict $[*] ? (@.type() <> "array")')
        OR jsonb_array_length(given) > 1000
    THEN
        RAISE EXCEPTION 'give an array of at most 1000 arrays of entries' USING ERRCODE = 'QT422';
    END IF;
    PERFORM b.account_id FROM public.balances b
        WHERE b.account_id IN (
            SELECT a.account_id FROM jsonb_path_query(given, '$[*][*].lines[*]') l (line)
                JOIN public.accounts a ON a.code = l.line ->> 'code' AND a.currency = l.line ->> 'currency'
        )
        ORDER BY b.account_id FOR NO KEY UPDATE;
    FOR one IN SELECT i.value, i.place::integer AS place FROM jsonb_array_elements(given) WITH ORDINALITY i (value, place)
    LOOP
        BEGIN
            RETURN QUERY
                SELECT one.place, p.entry_id, p.reference, p.recorded_at, p.is_new,
                        NULL::text, NULL::text, NULL::text, NULL::text, NULL::text
                    FROM public.post_entries(one.value) p;
        EXCEPTION WHEN SQLSTATE 'QT409' OR SQLSTATE 'QT422' OR integrity_constraint_violation OR data_exception THEN
            item := one.place;
            refused_as := SQLSTATE;
            GET STACKED DIAGNOSTICS refused_by = CONSTRAINT_NAME, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                hint = PG_EXCEPTION_HINT;
            RETURN NEXT;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION public.post_each IS
    'Posts each item, an array of entries that are posted all or none, by itself; a refused one has no entry, and says as what and by which rule';
GRANT EXECUTE ON FUNCTION public.post_each TO quittance_app;
"""


def upgrade() -> None:
    """Create what post_entries asks before and after it writes, and the function that posts each by itself."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (CONDITIONS, REFUSE, POST_EACH):
        connection.exec_driver_sql(statement)
