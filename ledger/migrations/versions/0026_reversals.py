"""Reversals, in full and in part: all that undo an entry together undo no more of any account than the entry moved.

An entry can be undone in parts, so that its reversals are no longer one; what is left of it is read from their lines, under
a lock of the entry. And adjustments may undo an entry too.
"""

from alembic import op

revision = "0026"
down_revision = "0025"

INDEX = """
DROP INDEX public.entry_reversed_once;
CREATE INDEX entries_reversals ON public.entries (reverses_entry_id) WHERE reverses_entry_id IS NOT NULL;
"""

# As in 0016, without the look for another reversal, of which there may be several now.
EXAMINED = """
CREATE OR REPLACE FUNCTION public.examined_entries(
    given jsonb, at_entry integer[], codes text[], types text[], normal_sides text[], sides text[], amounts bigint[], units text[]
)
RETURNS TABLE (place bigint, reference text, content_hash bytea, line_count integer, totals jsonb, fault text)
LANGUAGE sql STABLE BEGIN ATOMIC
    WITH of_lines AS MATERIALIZED (
        SELECT u.entry, count(*)::integer AS line_count, bool_and(coalesce(
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
                        sum(CASE WHEN u.type <> 'memo' THEN 0 WHEN u.side = 'debit' THEN u.amount ELSE -u.amount END) = 0
                        AND sum(CASE WHEN u.type = 'memo' THEN 0 WHEN u.side = 'debit' THEN u.amount ELSE -u.amount END) = 0 AS is_balanced
                    FROM unnest(at_entry, types, sides, amounts, units) u (entry, type, side, amount, unit)
                    -- What names no currency is a fault of its own, found above.
                    WHERE u.unit IS NOT NULL
                    GROUP BY u.entry, u.unit
            ) s
            GROUP BY s.entry
    )
    SELECT e.place, e.reference, sha256(convert_to(jsonb_build_array(
                e.reference, e.rule, e.description, extract(epoch FROM e.event_at)::text, e.charge_id,
                e.operation_id, e.actor, e.reason_code, e.reverses, l.content
            )::text, 'UTF8')),
            l.line_count, b.totals, CASE
                WHEN num_nulls(e.reference, e.rule, e.description, e.event_at, e.actor) > 0
                    THEN 'it needs a reference, a rule, a description, a time and an actor'
                WHEN coalesce(l.line_count, 0) NOT BETWEEN 2 AND 200
                    THEN format('it has %s lines; give 2 to 200', coalesce(l.line_count, 0))
                WHEN NOT l.are_sound THEN 'each line needs an account, a side, a currency and a positive amount'
                WHEN NOT b.is_balanced THEN 'its debits are not its credits'
                WHEN e.reverses IS NOT NULL
                    AND (SELECT r.entry_id FROM public.entries r WHERE r.reference = e.reverses) IS NULL
                    THEN format('it reverses %s, which is not posted', e.reverses)
            END
        FROM public.given_entries(given) e
        LEFT JOIN of_lines l ON l.entry = e.place
        LEFT JOIN of_units b ON b.entry = e.place;
END;
"""

# The lock lets those that reverse the same entry go one after the other: also those that share no account, which the
# balances do not hold apart. It comes after the balances, in the order of the entries, and posting waits for nothing
# behind it. The foreign key shares the entry's key meanwhile, with which this lock gets along. What was undone before is
# read after the lock, by a statement that sees it; a fixed snapshot would not.
REFUSE = """
CREATE FUNCTION public.refuse_what_is_no_reversal(reversals bigint[]) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    refusal record;
BEGIN
    PERFORM o.entry_id FROM public.entries o
        WHERE o.entry_id IN (SELECT r.reverses_entry_id FROM public.entries r WHERE r.entry_id = ANY (reversals))
        ORDER BY o.entry_id FOR NO KEY UPDATE OF o;
    SELECT x.reference, x.fault INTO refusal
        FROM (
            SELECT r.entry_id, r.reference, CASE
                    WHEN current_setting('transaction_isolation') <> 'read committed'
                        THEN 'what reverses another is posted at the isolation level read committed only'
                    WHEN o.reverses_entry_id IS NOT NULL
                        THEN format('%s reverses another entry itself: post what is right as a new entry', o.reference)
                    WHEN (o.rule = 'outcome_unknown' AND r.rule <> 'outcome_known')
                        OR (o.rule = 'refund_reserved' AND r.rule <> 'refund_failed')
                        THEN format('only what becomes of its operation undoes %s', o.reference)
                END AS fault
                FROM public.entries r JOIN public.entries o ON o.entry_id = r.reverses_entry_id
                WHERE r.entry_id = ANY (reversals)
        ) x
        WHERE x.fault IS NOT NULL
        ORDER BY x.entry_id
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % is refused: %', refusal.reference, refusal.fault
            USING ERRCODE = 'QT422', CONSTRAINT = 'entry_can_be_reversed', DETAIL = refusal.reference, HINT = refusal.fault;
    END IF;
    SELECT n.reference, o.reference AS original, a.code, a.currency, n.asked_minor, h.had_minor - u.undone_minor AS left_minor
        INTO refusal
        FROM (
            SELECT r.entry_id, r.reference, r.reverses_entry_id, l.account_id, l.side, sum(l.amount_minor) AS asked_minor
                FROM public.entries r JOIN public.lines l ON l.entry_id = r.entry_id
                WHERE r.entry_id = ANY (reversals)
                GROUP BY r.entry_id, l.account_id, l.side
        ) n
        JOIN public.entries o ON o.entry_id = n.reverses_entry_id
        JOIN public.accounts a ON a.account_id = n.account_id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(l.amount_minor), 0) AS had_minor FROM public.lines l
                WHERE l.entry_id = n.reverses_entry_id AND l.account_id = n.account_id AND l.side <> n.side
        ) h
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(l.amount_minor), 0) AS undone_minor
                FROM public.entries r JOIN public.lines l ON l.entry_id = r.entry_id
                WHERE r.reverses_entry_id = n.reverses_entry_id AND l.account_id = n.account_id AND l.side = n.side
                    AND (r.entry_id < n.entry_id OR r.entry_id <> ALL (reversals))
        ) u
        WHERE n.asked_minor > h.had_minor - u.undone_minor
        ORDER BY n.entry_id, a.code COLLATE "C", n.side
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % is refused: of account % in % it undoes % minor units of %, of which % are left',
                refusal.reference, refusal.code, refusal.currency, refusal.asked_minor, refusal.original,
                greatest(refusal.left_minor, 0)
            USING ERRCODE = 'QT422', CONSTRAINT = 'reversal_is_of_what_is_left', DETAIL = refusal.reference,
                HINT = json_build_object('reverses', refusal.original, 'account', refusal.code, 'currency', refusal.currency,
                    'asked_minor', refusal.asked_minor, 'left_minor', greatest(refusal.left_minor, 0))::text;
    END IF;
END
$$;
COMMENT ON FUNCTION public.refuse_what_is_no_reversal IS
    'Refuses entries that undo what their original did not do, or more of an account than is left of it';

CREATE FUNCTION public.reversals_are_of_what_is_left() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    reversals bigint[];
BEGIN
    SELECT array_agg(a.entry_id) INTO reversals FROM added a WHERE a.reverses_entry_id IS NOT NULL;
    IF reversals IS NOT NULL THEN
        PERFORM public.refuse_what_is_no_reversal(reversals);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER reversals_are_of_what_is_left AFTER INSERT ON public.entries REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION public.reversals_are_of_what_is_left();
ALTER TABLE public.entries ENABLE ALWAYS TRIGGER reversals_are_of_what_is_left;
"""

# An entry balances, and so does what undoes it: what is left can be told by the debits alone. An entry of before this
# migration may have said that it reverses one although it undid another with it, and more.
ORIGINS = """
CREATE OR REPLACE VIEW public.entry_origins WITH (security_invoker = true) AS
    SELECT e.entry_id, o.gateway, coalesce(w.reference, o.gateway_reference, o.payment_reference) AS gateway_reference,
            u.reference AS reverses,
            ARRAY(
                SELECT r.reference FROM public.entries r WHERE r.reverses_entry_id = e.entry_id ORDER BY r.entry_id
            ) AS reversed_by,
            CASE WHEN EXISTS (SELECT FROM public.entries r WHERE r.reverses_entry_id = e.entry_id) THEN (
                SELECT jsonb_object_agg(t.key, greatest(t.value::bigint - (
                        SELECT coalesce(sum((r.totals ->> t.key)::bigint), 0)
                            FROM public.entries r WHERE r.reverses_entry_id = e.entry_id
                    ), 0))
                    FROM jsonb_each_text(e.totals) t
            ) END AS left_to_undo
        FROM public.entries e
        LEFT JOIN public.operations o ON o.operation_id = e.operation_id
        LEFT JOIN public.entries u ON u.entry_id = e.reverses_entry_id
        LEFT JOIN LATERAL (
            SELECT t.reference FROM public.withdrawals t
                WHERE t.charge_id = e.charge_id AND t.operation_id = e.operation_id
                    AND starts_with(e.reference || ':', format('%s:%s:%s:', t.operation_id, t.kind, t.reference))
                ORDER BY length(t.reference) DESC LIMIT 1
        ) w ON true;
COMMENT ON COLUMN public.entry_origins.left_to_undo IS
    'Of an entry that others undo, what of its debits they have left, by currency in minor units; null where none does';
CREATE OR REPLACE VIEW public.account_log WITH (security_invoker = true) AS
    SELECT l.account_id, a.code AS account, l.currency, l.line_id, l.sequence,
            l.before_minor, l.after_minor - l.before_minor AS change_minor, l.after_minor, l.side, l.amount_minor,
            e.reference, e.rule, e.description, e.reason_code, e.actor, e.charge_id, e.operation_id,
            g.gateway, g.gateway_reference, l.event_at, l.recorded_at, g.reverses, g.reversed_by,
            (g.left_to_undo ->> l.currency)::bigint AS left_to_undo_minor
        FROM public.lines l
        JOIN public.accounts a ON a.account_id = l.account_id
        JOIN public.entries e ON e.entry_id = l.entry_id
        JOIN public.entry_origins g ON g.entry_id = l.entry_id;
"""

# What is owed for refunds is guarded, and gateways' facts take from it: what a person took from it would be missing when
# the next refund is to be booked. That is looked at when an adjustment is asked for, and, for those that were asked for
# before this migration, when it is posted.
REFUNDS = """
CREATE FUNCTION public.takes_from_refunds_payable(entry jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(bool_or(s.change_minor < 0), false) FROM (
        SELECT sum(CASE l.side WHEN 'credit' THEN l.amount_minor ELSE -l.amount_minor END) AS change_minor
            FROM jsonb_to_recordset($1 -> 'lines') l (code text, side text, amount_minor bigint, currency text)
            WHERE l.code = 'liability:refunds_payable'
            GROUP BY l.currency
    ) s
$$;
COMMENT ON FUNCTION public.takes_from_refunds_payable IS
    'Whether an entry, as JSON, lowers what is owed for refunds, from which gateways'' refunds are booked';
"""

# As in 0021 and 0022, with what the entry may undo.
REQUESTED = """
CREATE OR REPLACE FUNCTION public.adjustment_is_sound() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    content jsonb;
    fault text;
    is_balanced boolean;
BEGIN
    IF NOT public.has_role(NEW.requester, 'accountant') THEN
        RAISE EXCEPTION '% may not request an adjustment: that needs the role accountant', NEW.requester
            USING ERRCODE = 'QT403', CONSTRAINT = 'adjustment_requester_has_the_role', DETAIL = NEW.adjustment_id;
    END IF;
    BEGIN
        content := NEW.entry::jsonb;
        SELECT jsonb_object_agg(s.currency, jsonb_build_object(
                    'amount_minor', s.debits, 'one_approval_up_to_minor', t.one_approval_up_to_minor)),
                CASE WHEN bool_and(coalesce(s.debits <= t.one_approval_up_to_minor, false)) THEN 1 ELSE 2 END,
                bool_and(s.is_sound AND s.real = 0 AND s.memo = 0)
            INTO NEW.tier, NEW.approvals_needed, is_balanced
            FROM (
                SELECT l.currency,
                        coalesce(sum(l.amount_minor) FILTER (WHERE l.side = 'debit'), 0) AS debits,
                        sum(CASE WHEN l.type = 'memo' THEN 0 WHEN l.side = 'debit' THEN l.amount_minor
                            ELSE -l.amount_minor END) AS real,
                        sum(CASE WHEN l.type <> 'memo' THEN 0 WHEN l.side = 'debit' THEN l.amount_minor
                            ELSE -l.amount_minor END) AS memo,
                        bool_and(coalesce(l.amount_minor > 0 AND l.side IN ('debit', 'credit')
                            AND num_nulls(l.code, l.type, l.normal_side) = 0, false)) AS is_sound
                    FROM jsonb_to_recordset(content -> 'lines') l (
                        code text, type text, normal_side text, side text, amount_minor bigint, currency text
                    )
                    GROUP BY l.currency
            ) s
            LEFT JOIN LATERAL (
                SELECT t.one_approval_up_to_minor FROM public.adjustment_tiers t
                    WHERE t.currency = s.currency ORDER BY t.set_at DESC LIMIT 1
            ) t ON true;
        fault := CASE
            WHEN NEW.entry <> public.canonical_json(content) THEN 'the entry is not written as canonical JSON'
            WHEN NEW.entry_hash <> sha256(convert_to(NEW.entry, 'UTF8')) THEN 'the hash is not the SHA-256 of the entry'
            WHEN content - 'lines' - 'event_at' - 'reverses' <> jsonb_build_object(
                    'reference', 'adjustment/' || NEW.adjustment_id, 'rule', 'adjustment',
                    'description', NEW.because || '; evidence ' || NEW.evidence, 'actor', 'person:' || NEW.requester,
                    'reason_code', NEW.reason_code)
                THEN 'the entry is not the one of this request'
            WHEN (content ->> 'event_at')::timestamptz IS NULL THEN 'the entry says not when it happened'
            WHEN jsonb_array_length(content -> 'lines') NOT BETWEEN 2 AND 200 THEN 'give 2 to 200 lines'
            WHEN is_balanced IS NOT TRUE THEN 'its debits are not its credits, or a line is not whole'
            WHEN content ? 'reverses'
                AND NOT EXISTS (SELECT FROM public.entries e WHERE e.reference = content ->> 'reverses')
                THEN format('it reverses %s, which is not posted', coalesce(content ->> 'reverses', 'nothing'))
            WHEN public.takes_from_refunds_payable(content)
                THEN 'it takes from liability:refunds_payable, from which refunds of gateways must always be booked'
        END;
    EXCEPTION WHEN data_exception OR not_null_violation THEN
        fault := format('the entry cannot be read: %s', SQLERRM);
    END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'adjustment % cannot be requested: %', NEW.adjustment_id, fault
            USING ERRCODE = 'QT422', CONSTRAINT = 'adjustment_entry_is_sound', DETAIL = NEW.adjustment_id, HINT = fault;
    END IF;
    NEW.state := 'requested';
    NEW.requested_at := clock_timestamp();
    NEW.changed_at := NEW.requested_at;
    NEW.expires_at := NEW.requested_at + make_interval(secs => NEW.valid_seconds);
    NEW.posting_transaction := NULL;
    RETURN NEW;
END
$$;
"""

POSTED = """
CREATE OR REPLACE FUNCTION public.adjustment_is_approved() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fault text;
BEGIN
    SELECT CASE WHEN public.takes_from_refunds_payable(a.entry::jsonb)
            THEN 'it takes from liability:refunds_payable, from which refunds of gateways must always be booked' END
        INTO fault
        FROM public.adjustments a
        WHERE NEW.rule = 'adjustment' AND NEW.reference = 'adjustment/' || a.adjustment_id
            AND a.state = 'approved' AND a.posting_transaction = pg_current_xact_id();
    IF NOT FOUND THEN
        fault := 'a manual adjustment is posted by its own approval only';
    END IF;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'entry % is refused: %', NEW.reference, fault
            USING ERRCODE = 'QT422', CONSTRAINT = 'adjustment_is_approved', DETAIL = NEW.reference, HINT = fault;
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION public.adjustment_is_posted_as_approved() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    posted jsonb;
BEGIN
    SELECT jsonb_agg(jsonb_build_object(
                'code', c.code, 'type', c.type, 'normal_side', c.normal_side, 'side', l.side,
                'amount_minor', l.amount_minor, 'currency', l.currency::text) ORDER BY l.line_number)
        INTO posted
        FROM public.lines l JOIN public.accounts c ON c.account_id = l.account_id
        WHERE l.entry_id = NEW.entry_id;
    IF NOT EXISTS (
        SELECT FROM public.adjustments a
            WHERE a.posted_entry_id = NEW.entry_id AND a.state = 'posted'
                AND a.entry::jsonb -> 'lines' = posted
                AND (a.entry::jsonb ->> 'event_at')::timestamptz = NEW.event_at
                AND a.entry::jsonb - 'lines' - 'event_at' - 'reverses' = jsonb_build_object(
                    'reference', NEW.reference, 'rule', NEW.rule, 'description', NEW.description, 'actor', NEW.actor,
                    'reason_code', NEW.reason_code)
                AND a.entry::jsonb ->> 'reverses' IS NOT DISTINCT FROM (
                    SELECT e.reference FROM public.entries e WHERE e.entry_id = NEW.reverses_entry_id
                )
                AND num_nonnulls(NEW.charge_id, NEW.operation_id) = 0
    ) THEN
        RAISE EXCEPTION 'entry % is refused: it is not the one that was approved', NEW.reference
            USING ERRCODE = 'QT422', CONSTRAINT = 'adjustment_is_posted_as_approved', DETAIL = NEW.reference, HINT = 'it is not the one that was approved';
    END IF;
    RETURN NULL;
END
$$;
"""


def upgrade() -> None:
    """Let entries be undone in parts, and by adjustments, and never more than there was."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (INDEX, EXAMINED, REFUSE, ORIGINS, REFUNDS, REQUESTED, POSTED):
        connection.exec_driver_sql(statement)
