"""Posting looks its period up once: nearly all that is posted together happened in the month that is open."""

from alembic import op

revision = "0027"
down_revision = "0026"

LOCK = 7_300_614_092_117_017
"""The advisory lock between postings and changes of periods, as 0019 has it."""

# Stored rows are looked up one by one (a scalar subquery, an index): the planner takes arrays for hundreds of rows, and
# would read all of a table that was small when it made its plan.
POST_ENTRIES = """
CREATE OR REPLACE FUNCTION public.post_entries(given jsonb)
RETURNS TABLE (entry_id bigint, reference text, recorded_at timestamptz, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    names text[];
    hashes bytea[];
    line_counts integer[];
    all_totals jsonb[];
    faults text[];
    at_entry integer[];
    at_line integer[];
    codes text[];
    types text[];
    normal_sides text[];
    sides text[];
    amounts bigint[];
    units text[];
    charge_ids text[];
    event_times timestamptz[];
    account_ids bigint[];
    conditioned bigint[];
    entry_ids bigint[];
    now_at timestamptz;
    is_watched boolean;
    new_ids bigint[];
    usual text;
    refusal record;
BEGIN
    IF jsonb_typeof(given) IS DISTINCT FROM 'array' OR jsonb_array_length(given) > 1000 THEN
        RAISE EXCEPTION 'give an array of at most 1000 entries' USING ERRCODE = 'QT422';
    END IF;
    BEGIN
        SELECT array_agg(e.place::integer), array_agg(l.place::integer), array_agg(l.code), array_agg(l.type),
                array_agg(l.normal_side), array_agg(l.side), array_agg(l.amount_minor), array_agg(l.currency),
                array_agg(e.charge_id), array_agg(e.event_at), array_agg((
                    SELECT a.account_id FROM public.accounts a
                        WHERE a.code = l.code AND a.currency = l.currency
                            AND a.type = l.type AND a.normal_side = l.normal_side
                ))
            INTO at_entry, at_line, codes, types, normal_sides, sides, amounts, units, charge_ids, event_times, account_ids
            FROM public.given_entries(given) e CROSS JOIN public.given_lines(e.lines) l;
        SELECT array_agg(x.reference ORDER BY x.place), array_agg(x.content_hash ORDER BY x.place),
                array_agg(x.line_count ORDER BY x.place), array_agg(x.totals ORDER BY x.place),
                array_agg(ARRAY[x.reference, x.fault] ORDER BY x.place) FILTER (WHERE x.fault IS NOT NULL)
            INTO names, hashes, line_counts, all_totals, faults
            FROM public.examined_entries(given, at_entry, codes, types, normal_sides, sides, amounts, units) x;
    EXCEPTION WHEN data_exception THEN
        RAISE EXCEPTION 'the entries cannot be read: %', SQLERRM USING ERRCODE = 'QT422';
    END;
    IF faults IS NOT NULL THEN
        RAISE EXCEPTION 'entry % is refused: %', faults[1][1], faults[1][2]
            USING ERRCODE = 'QT422', DETAIL = coalesce(faults[1][1], ''), HINT = faults[1][2], CONSTRAINT =
                CASE faults[1][2] WHEN 'its debits are not its credits' THEN 'entry_balances' ELSE 'entry_is_sound' END;
    END IF;

    IF array_position(account_ids, NULL) IS NOT NULL THEN
        PERFORM public.open_accounts(array_agg(names[g.entry]), array_agg(g.code), array_agg(g.type),
                array_agg(g.normal_side), array_agg(g.unit))
            FROM unnest(at_entry, codes, types, normal_sides, units, account_ids)
                g (entry, code, type, normal_side, unit, account)
            WHERE g.account IS NULL;
        account_ids := ARRAY(
            SELECT (SELECT a.account_id FROM public.accounts a WHERE a.code = g.code AND a.currency = g.unit)
                FROM unnest(codes, units) WITH ORDINALITY g (code, unit, place) ORDER BY g.place
        );
    END IF;

    IF given @? '$[*].conditions[*]' THEN
        conditioned := ARRAY(
            SELECT a.account_id FROM public.given_conditions(given) c
                JOIN public.accounts a ON a.code = c.code AND a.currency = c.currency
        );
    END IF;
    SELECT bool_or(b.is_watched) INTO is_watched FROM (
        SELECT b.floor_minor IS NOT NULL OR b.state <> 'open' AS is_watched
            FROM public.balances b WHERE b.account_id = ANY (account_ids || conditioned) ORDER BY b.account_id
            FOR NO KEY UPDATE
    ) b;
    IF conditioned IS NOT NULL THEN
        PERFORM public.refuse_what_conditions_refuse(given);
    END IF;

    -- Numbered here, so that lines find their entries without a search; a number of a repeated entry stays unused.
    entry_ids := ARRAY(
        SELECT nextval('public.entries_entry_id_seq')
            FROM unnest(names) WITH ORDINALITY g (reference, place) ORDER BY g.place
    );
    now_at := clock_timestamp();
    -- Until the transaction ends, no period's state changes. Where not all belong to one that is open, a trigger looks for each.
    PERFORM pg_advisory_xact_lock_shared({lock});
    SELECT p.name INTO usual
        FROM (
            SELECT (min(t.at) AT TIME ZONE 'UTC')::date AS first_day, max(t.at) AS last_at FROM unnest(event_times) t (at)
        ) given
        JOIN public.periods p ON p.starts_on <= given.first_day AND p.ends_on >= (given.last_at AT TIME ZONE 'UTC')::date
            AND p.state = 'open'
        WHERE given.last_at <= now_at + interval '1 month';
    WITH new AS (
        INSERT INTO public.entries (
            entry_id, reference, rule, description, event_at, recorded_at, charge_id, operation_id, actor, reason_code,
            reverses_entry_id, line_count, totals, content_hash, period
        ) OVERRIDING SYSTEM VALUE
        SELECT entry_ids[e.place], e.reference, e.rule, e.description, e.event_at, now_at, e.charge_id, e.operation_id,
                e.actor, e.reason_code, (SELECT r.entry_id FROM public.entries r WHERE r.reference = e.reverses),
                line_counts[e.place], all_totals[e.place], hashes[e.place], usual
            FROM public.given_entries(given) e
            WHERE e.place = array_position(names, e.reference)
            ORDER BY e.reference COLLATE "C"
        ON CONFLICT DO NOTHING
        RETURNING entry_id
    ), moves AS (
        SELECT g.entry_id, g.line, g.account, g.side, g.amount, g.unit, g.charge, g.event_at, g.change,
                (sum(g.change) OVER w)::bigint AS moved, row_number() OVER w AS nth, max(g.event_at) OVER w AS high
            FROM (
                SELECT entry_ids[u.entry] AS entry_id, u.line, u.account, u.side, u.amount, u.unit, u.charge, u.event_at,
                        CASE WHEN u.side = u.normal_side THEN u.amount ELSE -u.amount END AS change
                    FROM unnest(at_entry, at_line, account_ids, sides, normal_sides, amounts, units, charge_ids, event_times)
                        u (entry, line, account, side, normal_side, amount, unit, charge, event_at)
                    WHERE entry_ids[u.entry] = ANY ((SELECT array_agg(n.entry_id) FROM new n)::bigint[])
            ) g
            WINDOW w AS (PARTITION BY g.account ORDER BY g.entry_id, g.line ROWS UNBOUNDED PRECEDING)
    ), added AS (
        INSERT INTO public.lines (
            entry_id, line_number, account_id, side, amount_minor, currency, charge_id,
            sequence, before_minor, after_minor, event_at, recorded_at, event_high
        )
        SELECT m.entry_id, m.line, m.account, m.side, m.amount, m.unit, m.charge, b.version + m.nth,
                b.balance_minor + m.moved - m.change, b.balance_minor + m.moved,
                m.event_at, now_at, greatest(b.event_high, m.high)
            FROM moves m JOIN public.balances b ON b.account_id = m.account
            ORDER BY m.entry_id, m.line
    ), kept AS (
        UPDATE public.balances b
            SET balance_minor = b.balance_minor + s.change, version = b.version + s.lines,
                event_high = greatest(b.event_high, s.high)
            FROM (
                SELECT m.account, sum(m.change)::bigint AS change, count(*) AS lines, max(m.event_at) AS high
                    FROM moves m GROUP BY m.account
            ) s
            WHERE b.account_id = s.account
    )
    SELECT array_agg(n.entry_id) INTO new_ids FROM new n;

    IF cardinality(names) > coalesce(cardinality(new_ids), 0) THEN
        SELECT g.reference INTO refusal
            FROM unnest(names, hashes) g (reference, content_hash)
            WHERE (
                SELECT e.content_hash FROM public.entries e WHERE e.reference = g.reference
            ) IS DISTINCT FROM g.content_hash
            LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'entry % is already posted with other content', refusal.reference
                USING ERRCODE = 'QT409', CONSTRAINT = 'entry_reference_is_unique', DETAIL = refusal.reference;
        END IF;
    END IF;
    IF is_watched THEN
        PERFORM public.refuse_what_accounts_refuse(new_ids);
    END IF;
    IF cardinality(names) = cardinality(new_ids) THEN
        RETURN QUERY
            SELECT g.entry_id, g.reference, now_at, true
                FROM unnest(entry_ids, names) WITH ORDINALITY g (entry_id, reference, place) ORDER BY g.place;
        RETURN;
    END IF;
    RETURN QUERY
        SELECT e.entry_id, e.reference, e.recorded_at,
                coalesce(e.entry_id = ANY (new_ids), false) AND g.place = array_position(names, g.reference)
            FROM unnest(names) WITH ORDINALITY g (reference, place)
            JOIN public.entries e ON e.reference = g.reference
            ORDER BY g.place;
END
$$;
"""


def upgrade() -> None:
    """Give entries their period together; a trigger goes on to give it to those that are left."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    connection.exec_driver_sql(POST_ENTRIES.replace("{lock}", str(LOCK)))
