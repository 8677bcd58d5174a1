"""The posting function: the one way to write in the journal, and the only one that the application has."""

from alembic import op

revision = "0004"
down_revision = "0003"

# What was given, as rows. Plain SQL, so that the planner takes them into the statements that use them.
GIVEN = """
CREATE FUNCTION public.given_entries(given jsonb)
RETURNS TABLE (
    reference text, rule text, description text, event_at timestamptz, charge_id text, operation_id text,
    actor text, reason_code text, reverses text, lines jsonb, place bigint
)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT e.* FROM ROWS FROM (
        jsonb_to_recordset(given) AS (
            reference text, rule text, description text, event_at timestamptz, charge_id text, operation_id text,
            actor text, reason_code text, reverses text, lines jsonb
        )
    ) WITH ORDINALITY e;
END;

CREATE FUNCTION public.given_lines(lines jsonb)
RETURNS TABLE (code text, type text, normal_side text, side text, amount_minor bigint, currency text, place bigint)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT l.* FROM ROWS FROM (
        jsonb_to_recordset(lines) AS (
            code text, type text, normal_side text, side text, amount_minor bigint, currency text
        )
    ) WITH ORDINALITY l;
END;
"""

# The hash is of what is stored, with the lines in a fixed order, so that it can be taken again from the tables.
EXAMINED = """
CREATE FUNCTION public.examined_entries(given jsonb)
RETURNS TABLE (place bigint, reference text, content_hash bytea, line_count integer, totals jsonb, fault text)
LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT e.place,
            e.reference,
            sha256(convert_to(jsonb_build_array(
                e.reference, e.rule, e.description, extract(epoch FROM e.event_at)::text, e.charge_id,
                e.operation_id, e.actor, e.reason_code, e.reverses, l.content
            )::text, 'UTF8')),
            l.line_count,
            b.totals,
            CASE
                WHEN num_nulls(e.reference, e.rule, e.description, e.event_at, e.actor) > 0
                    THEN 'it needs a reference, a rule, a description, a time and an actor'
                WHEN l.line_count NOT BETWEEN 2 AND 200 THEN format('it has %s lines; give 2 to 200', l.line_count)
                WHEN NOT l.are_sound THEN 'each line needs an account, a side, a currency and a positive amount'
                WHEN NOT b.is_balanced THEN 'its debits are not its credits'
                WHEN e.reverses IS NOT NULL
                    AND (SELECT r.entry_id FROM public.entries r WHERE r.reference = e.reverses) IS NULL
                    THEN format('it reverses %s, which is not posted', e.reverses)
                WHEN e.reverses IS NOT NULL AND e.reference <> (
                    SELECT v.reference FROM public.entries v WHERE v.reverses_entry_id = (
                        SELECT r.entry_id FROM public.entries r WHERE r.reference = e.reverses
                    )
                ) THEN format('it reverses %s, which is reversed already', e.reverses)
            END
        FROM public.given_entries(given) e
        CROSS JOIN LATERAL (
            SELECT count(*)::integer AS line_count,
                    bool_and(coalesce(
                        num_nulls(l.code, l.type, l.normal_side) = 0 AND l.side IN ('debit', 'credit')
                            AND l.amount_minor > 0 AND l.currency ~ '^[A-Z]{3}$',
                        false
                    )) AS are_sound,
                    jsonb_agg(
                        jsonb_build_array(l.code, l.currency, l.side, l.amount_minor)
                        ORDER BY l.code COLLATE "C", l.currency COLLATE "C", l.side COLLATE "C", l.amount_minor
                    ) AS content
                FROM public.given_lines(e.lines) l
        ) l
        CROSS JOIN LATERAL (
            SELECT jsonb_object_agg(s.currency, s.debits) AS totals, bool_and(s.is_balanced) AS is_balanced
                FROM (
                    SELECT l.currency,
                            coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'debit'), 0) AS debits,
                            sum(CASE WHEN l.type <> 'memo' THEN 0 WHEN l.side = 'debit' THEN l.amount_minor
                                ELSE -l.amount_minor END) = 0
                            AND sum(CASE WHEN l.type = 'memo' THEN 0 WHEN l.side = 'debit' THEN l.amount_minor
                                ELSE -l.amount_minor END) = 0 AS is_balanced
                        FROM public.given_lines(e.lines) l
                        -- What names no currency is a fault of its own, found above.
                        WHERE l.currency IS NOT NULL
                        GROUP BY l.currency
                ) s
        ) b;
END;
"""

# No conflict names its index, since a rival can be met at any of a table's unique indexes first.
# Codes before accounts, and each in order, so that postings that open the same ones wait and never lock each other out.
OPEN_ACCOUNTS = """
CREATE FUNCTION public.open_accounts(given jsonb) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fault record;
BEGIN
    INSERT INTO public.account_codes (code, type, normal_side)
        SELECT DISTINCT ON (l.code) l.code, l.type, l.normal_side
            FROM public.given_entries(given) e, public.given_lines(e.lines) l
            ORDER BY l.code
        ON CONFLICT DO NOTHING;
    SELECT e.reference, l.code
        INTO fault
        FROM public.given_entries(given) e, public.given_lines(e.lines) l
        WHERE (
            SELECT c.code FROM public.account_codes c
                WHERE c.code = l.code AND c.type = l.type AND c.normal_side = l.normal_side
        ) IS NULL
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % is refused: account % was opened with another type or normal side',
            fault.reference, fault.code
            USING ERRCODE = 'QT422', CONSTRAINT = 'account_is_fixed', DETAIL = fault.reference,
                HINT = format('account %s was opened with another type or normal side', fault.code);
    END IF;
    INSERT INTO public.accounts (code, type, currency, normal_side)
        SELECT DISTINCT l.code, l.type, l.currency, l.normal_side
            FROM public.given_entries(given) e, public.given_lines(e.lines) l
            ORDER BY l.code, l.currency
        ON CONFLICT DO NOTHING;
END
$$;
"""

# Entries are inserted in the order of their references, so that two postings of the same ones wait for each other in
# one direction. Stored rows are looked up one by one (a scalar subquery, an index): the planner takes JSON for hundreds
# of rows, and would read all of a table that was small when it made its plan.
POST_ENTRIES = """
CREATE FUNCTION public.post_entries(given jsonb)
RETURNS TABLE (entry_id bigint, reference text, recorded_at timestamptz, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    given_references text[];
    hashes bytea[];
    line_counts integer[];
    all_totals jsonb[];
    faults text[];
    new_ids bigint[];
    conflict text;
    is_posted boolean;
BEGIN
    IF jsonb_typeof(given) IS DISTINCT FROM 'array' OR jsonb_array_length(given) > 1000 THEN
        RAISE EXCEPTION 'give an array of at most 1000 entries' USING ERRCODE = 'QT422';
    END IF;
    BEGIN
        SELECT array_agg(x.reference ORDER BY x.place), array_agg(x.content_hash ORDER BY x.place),
                array_agg(x.line_count ORDER BY x.place), array_agg(x.totals ORDER BY x.place),
                array_agg(ARRAY[x.reference, x.fault] ORDER BY x.place) FILTER (WHERE x.fault IS NOT NULL)
            INTO given_references, hashes, line_counts, all_totals, faults
            FROM public.examined_entries(given) x;
    EXCEPTION WHEN data_exception THEN
        RAISE EXCEPTION 'the entries cannot be read: %', SQLERRM USING ERRCODE = 'QT422';
    END;
    IF faults IS NOT NULL THEN
        RAISE EXCEPTION 'entry % is refused: %', faults[1][1], faults[1][2]
            USING ERRCODE = 'QT422', DETAIL = coalesce(faults[1][1], ''), HINT = faults[1][2], CONSTRAINT =
                CASE faults[1][2] WHEN 'its debits are not its credits' THEN 'entry_balances' ELSE 'entry_is_sound' END;
    END IF;

    IF EXISTS (
        SELECT FROM public.given_entries(given) e, public.given_lines(e.lines) l
            WHERE (
                SELECT a.account_id FROM public.accounts a
                    WHERE a.code = l.code AND a.currency = l.currency::bpchar
                        AND a.type = l.type AND a.normal_side = l.normal_side
            ) IS NULL
    ) THEN
        PERFORM public.open_accounts(given);
    END IF;

    WITH new AS (
        INSERT INTO public.entries (
            reference, rule, description, event_at, charge_id, operation_id, actor, reason_code,
            reverses_entry_id, line_count, totals, content_hash
        )
        SELECT e.reference, e.rule, e.description, e.event_at, e.charge_id, e.operation_id, e.actor, e.reason_code,
                (SELECT r.entry_id FROM public.entries r WHERE r.reference = e.reverses),
                line_counts[e.place], all_totals[e.place], hashes[e.place]
            FROM public.given_entries(given) e
            WHERE e.place = array_position(given_references, e.reference)
            ORDER BY e.reference COLLATE "C"
        ON CONFLICT DO NOTHING
        RETURNING entry_id, reference, charge_id
    ), added AS (
        INSERT INTO public.lines (entry_id, line_number, account_id, side, amount_minor, currency, charge_id)
        SELECT n.entry_id, l.place,
                (SELECT a.account_id FROM public.accounts a WHERE a.code = l.code AND a.currency = l.currency::bpchar),
                l.side, l.amount_minor, l.currency, n.charge_id
            FROM public.given_entries(given) e
            JOIN new n ON n.reference = e.reference
            CROSS JOIN public.given_lines(e.lines) l
            WHERE e.place = array_position(given_references, e.reference)
            ORDER BY n.entry_id, l.place
    )
    SELECT array_agg(n.entry_id) INTO new_ids FROM new n;

    IF cardinality(given_references) > coalesce(cardinality(new_ids), 0) THEN
        SELECT g.reference, EXISTS (SELECT FROM public.entries e WHERE e.reference = g.reference)
            INTO conflict, is_posted
            FROM unnest(given_references, hashes) g (reference, content_hash)
            WHERE (
                SELECT e.content_hash FROM public.entries e WHERE e.reference = g.reference
            ) IS DISTINCT FROM g.content_hash
            LIMIT 1;
        IF is_posted THEN
            RAISE EXCEPTION 'entry % is already posted with other content', conflict
                USING ERRCODE = 'QT409', CONSTRAINT = 'entry_reference_is_unique', DETAIL = conflict;
        ELSIF conflict IS NOT NULL THEN
            RAISE EXCEPTION 'entry % is refused: what it reverses was reversed by another', conflict
                USING ERRCODE = 'QT422', CONSTRAINT = 'entry_reversed_once', DETAIL = conflict,
                    HINT = 'what it reverses was reversed by another';
        END IF;
    END IF;
    RETURN QUERY
        SELECT e.entry_id, e.reference, e.recorded_at,
                coalesce(e.entry_id = ANY (new_ids), false) AND g.place = array_position(given_references, g.reference)
            FROM unnest(given_references) WITH ORDINALITY g (reference, place)
            JOIN public.entries e ON e.reference = g.reference
            ORDER BY g.place;
END
$$;
COMMENT ON FUNCTION public.post_entries IS
    'Posts all of the entries or none. An entry that is already posted is returned as it is; QT409 where the reference '
    'stands for other content, QT422 for what cannot be posted.';
GRANT EXECUTE ON FUNCTION public.post_entries TO quittance_app;
"""


def upgrade() -> None:
    """Create the posting function and what it is made of."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (GIVEN, EXAMINED, OPEN_ACCOUNTS, POST_ENTRIES):
        connection.exec_driver_sql(statement)
