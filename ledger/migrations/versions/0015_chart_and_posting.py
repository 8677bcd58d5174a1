"""The chart of accounts, and the posting functions that keep balances: all or none, or each by itself.

A posting locks the balances of its accounts, in the order of their numbers and before anything else, and writes entries,
lines and balances in one statement. It is the last thing that its transaction does, so that a busy account is held for
the time of a commit.
"""

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

# The hash is of what is stored, with the lines in a fixed order, so that it can be taken again from the tables. Lines are
# given as columns, `at_entry` being the place of their entry: JSON is read once.
EXAMINED = """
DROP FUNCTION public.examined_entries;
CREATE FUNCTION public.examined_entries(
    given jsonb, at_entry integer[], codes text[], types text[], normal_sides text[], sides text[], amounts bigint[],
    units text[]
)
RETURNS TABLE (place bigint, reference text, content_hash bytea, line_count integer, totals jsonb, fault text)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH of_lines AS MATERIALIZED (
        SELECT u.entry,
                count(*)::integer AS line_count,
                bool_and(coalesce(
                    num_nulls(u.code, u.type, u.normal_side) = 0 AND u.side IN ('debit', 'credit')
                        AND u.amount > 0 AND u.unit ~ '^[A-Z][A-Z0-9]{2,11}$',
                    false
                )) AS are_sound,
                jsonb_agg(
                    jsonb_build_array(u.code, u.unit, u.side, u.amount)
                    ORDER BY u.code COLLATE "C", u.unit COLLATE "C", u.side COLLATE "C", u.amount
                ) AS content
            FROM unnest(at_entry, codes, types, normal_sides, sides, amounts, units)
                u (entry, code, type, normal_side, side, amount, unit)
            GROUP BY u.entry
    ), of_units AS MATERIALIZED (
        SELECT s.entry, jsonb_object_agg(s.unit, s.debits) AS totals, bool_and(s.is_balanced) AS is_balanced
            FROM (
                SELECT u.entry, u.unit,
                        coalesce(sum(u.amount) FILTER (WHERE u.side = 'debit'), 0) AS debits,
                        sum(CASE WHEN u.type <> 'memo' THEN 0 WHEN u.side = 'debit' THEN u.amount
                            ELSE -u.amount END) = 0
                        AND sum(CASE WHEN u.type = 'memo' THEN 0 WHEN u.side = 'debit' THEN u.amount
                            ELSE -u.amount END) = 0 AS is_balanced
                    FROM unnest(at_entry, types, sides, amounts, units) u (entry, type, side, amount, unit)
                    -- What names no currency is a fault of its own, found above.
                    WHERE u.unit IS NOT NULL
                    GROUP BY u.entry, u.unit
            ) s
            GROUP BY s.entry
    )
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
                WHEN coalesce(l.line_count, 0) NOT BETWEEN 2 AND 200
                    THEN format('it has %s lines; give 2 to 200', coalesce(l.line_count, 0))
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
        LEFT JOIN of_lines l ON l.entry = e.place
        LEFT JOIN of_units b ON b.entry = e.place;
END;
"""

# Stored rows are looked up one by one (a scalar subquery, an index): the planner takes arrays for hundreds of rows, and
# would read all of a table that was small when it made its plan.
POST_ENTRIES = """
CREATE FUNCTION public.post_entries(given jsonb)
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
    WITH new AS (
        INSERT INTO public.entries (
            entry_id, reference, rule, description, event_at, recorded_at, charge_id, operation_id, actor, reason_code,
            reverses_entry_id, line_count, totals, content_hash
        ) OVERRIDING SYSTEM VALUE
        SELECT entry_ids[e.place], e.reference, e.rule, e.description, e.event_at, now_at, e.charge_id, e.operation_id,
                e.actor, e.reason_code, (SELECT r.entry_id FROM public.entries r WHERE r.reference = e.reverses),
                line_counts[e.place], all_totals[e.place], hashes[e.place]
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
        SELECT g.reference, EXISTS (SELECT FROM public.entries e WHERE e.reference = g.reference) AS is_posted
            INTO refusal
            FROM unnest(names, hashes) g (reference, content_hash)
            WHERE (
                SELECT e.content_hash FROM public.entries e WHERE e.reference = g.reference
            ) IS DISTINCT FROM g.content_hash
            LIMIT 1;
        IF refusal.is_posted THEN
            RAISE EXCEPTION 'entry % is already posted with other content', refusal.reference
                USING ERRCODE = 'QT409', CONSTRAINT = 'entry_reference_is_unique', DETAIL = refusal.reference;
        ELSIF FOUND THEN
            RAISE EXCEPTION 'entry % is refused: what it reverses was reversed by another', refusal.reference
                USING ERRCODE = 'QT422', CONSTRAINT = 'entry_reversed_once', DETAIL = refusal.reference,
                    HINT = 'what it reverses was reversed by another';
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
COMMENT ON FUNCTION public.post_entries IS
    'Posts all of the entries or none. An entry that is already posted is returned as it is; QT409 where the reference '
    'stands for other content, QT422 for what cannot be posted, with the rule as the constraint.';
GRANT EXECUTE ON FUNCTION public.post_entries TO quittance_app;
"""

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
    """Create the chart and the posting functions that keep balances."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (CHART, OPEN_ACCOUNTS, COMPLETE, CONDITIONS, REFUSE, EXAMINED, POST_ENTRIES, POST_EACH):
        connection.exec_driver_sql(statement)
