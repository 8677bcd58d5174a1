"""Manual adjustments: requested by one person, frozen by hash, decided by others, and posted by one function, once.

The checks stand in triggers, so that they hold whoever asks; the functions are what the application may call.
"""

from alembic import op

revision = "0021"
down_revision = "0020"

TIERS = """
CREATE TABLE public.adjustment_tiers (
    currency text COLLATE "C" NOT NULL CONSTRAINT tier_currency_form CHECK (currency ~ '^[A-Z][A-Z0-9_]{2,31}$'),
    set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    one_approval_up_to_minor bigint CONSTRAINT tier_amount_positive CHECK (one_approval_up_to_minor > 0),
    set_by text NOT NULL DEFAULT session_user,
    PRIMARY KEY (currency, set_at)
);
COMMENT ON TABLE public.adjustment_tiers IS 'Up to which amount one approval is enough; the last row of a currency counts';
COMMENT ON COLUMN public.adjustment_tiers.one_approval_up_to_minor IS 'NULL: every amount needs two, as where there is no row';
"""

ADJUSTMENTS = """
CREATE TABLE public.adjustments (
    adjustment_id text COLLATE "C" PRIMARY KEY
        CONSTRAINT adjustment_id_form CHECK (adjustment_id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    requester text COLLATE "C" NOT NULL
        CONSTRAINT adjustment_requester_form CHECK (requester ~ '^[A-Za-z0-9_.-]{1,64}$'),
    reason_code text COLLATE "C" NOT NULL
        CONSTRAINT adjustment_reason_form CHECK (reason_code ~ '^[a-z][a-z0-9_]{0,63}$'),
    because text NOT NULL CONSTRAINT adjustment_because_said CHECK (because ~ '\\S' AND length(because) <= 300),
    evidence text NOT NULL CONSTRAINT adjustment_evidence_named CHECK (evidence ~ '\\S' AND length(evidence) <= 150),
    entry text COLLATE "C" NOT NULL,
    entry_hash bytea NOT NULL,
    tier jsonb NOT NULL,
    approvals_needed integer NOT NULL CONSTRAINT adjustment_needs_one_or_two CHECK (approvals_needed IN (1, 2)),
    valid_seconds integer NOT NULL
        CONSTRAINT adjustment_is_valid_for_30_days_at_most CHECK (valid_seconds BETWEEN 1 AND 2592000),
    requested_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text COLLATE "C" NOT NULL CONSTRAINT adjustment_state_known CHECK (state IN (
        'requested', 'approved', 'rejected', 'expired', 'posted'
    )),
    changed_at timestamptz NOT NULL,
    posting_transaction xid8,
    posted_entry_id bigint UNIQUE REFERENCES public.entries (entry_id),
    CONSTRAINT adjustment_is_posted_with_its_entry CHECK ((state = 'posted') = (posted_entry_id IS NOT NULL))
);
COMMENT ON COLUMN public.adjustments.entry IS 'The exact entry: canonical JSON, keys in order, no blanks; entry_hash is its SHA-256';
COMMENT ON COLUMN public.adjustments.tier IS 'Amount and threshold of each currency when it was requested';
COMMENT ON COLUMN public.adjustments.posting_transaction IS 'The transaction in which the journal lets its entry in';
CREATE INDEX adjustments_open ON public.adjustments (expires_at) WHERE state IN ('requested', 'approved');
CREATE INDEX adjustments_requested ON public.adjustments (requested_at, adjustment_id);

CREATE TABLE public.adjustment_decisions (
    adjustment_id text COLLATE "C" NOT NULL REFERENCES public.adjustments (adjustment_id),
    person text COLLATE "C" NOT NULL CONSTRAINT decision_person_form CHECK (person ~ '^[A-Za-z0-9_.-]{1,64}$'),
    decision text COLLATE "C" NOT NULL CONSTRAINT decision_known CHECK (decision IN ('approve', 'reject')),
    because text NOT NULL CONSTRAINT decision_because_said CHECK (because ~ '\\S' AND length(because) <= 500),
    seen_hash bytea NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- A person, however written: neither their role nor the case of a letter makes two of one.
CREATE UNIQUE INDEX decision_is_the_only_one_of_its_person ON public.adjustment_decisions (adjustment_id, lower(person));
"""

# Text that two programs write alike; json::jsonb::text would say the same in PostgreSQL's own order of keys.
CANONICAL = """
CREATE FUNCTION public.canonical_json(value jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE jsonb_typeof(value)
        WHEN 'object' THEN '{' || coalesce((
            SELECT string_agg(to_json(o.key)::text || ':' || public.canonical_json(o.value), ',' ORDER BY o.key COLLATE "C")
                FROM jsonb_each(value) o
        ), '') || '}'
        WHEN 'array' THEN '[' || coalesce((
            SELECT string_agg(public.canonical_json(a.value), ',' ORDER BY a.place)
                FROM jsonb_array_elements(value) WITH ORDINALITY a (value, place)
        ), '') || ']'
        ELSE value::text
    END;
END
$$;
"""

# Who may ask, that the entry is the one of this request, and how many have to approve: nothing of it is taken on trust.
REQUESTED = """
CREATE FUNCTION public.adjustment_is_sound() RETURNS trigger LANGUAGE plpgsql
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
            WHEN content - 'lines' - 'event_at' <> jsonb_build_object(
                    'reference', 'adjustment/' || NEW.adjustment_id, 'rule', 'adjustment',
                    'description', NEW.because || '; evidence ' || NEW.evidence, 'actor', 'person:' || NEW.requester,
                    'reason_code', NEW.reason_code)
                THEN 'the entry is not the one of this request'
            WHEN (content ->> 'event_at')::timestamptz IS NULL THEN 'the entry says not when it happened'
            WHEN jsonb_array_length(content -> 'lines') NOT BETWEEN 2 AND 200 THEN 'give 2 to 200 lines'
            WHEN is_balanced IS NOT TRUE THEN 'its debits are not its credits, or a line is not whole'
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
CREATE TRIGGER adjustment_is_sound BEFORE INSERT ON public.adjustments
    FOR EACH ROW EXECUTE FUNCTION public.adjustment_is_sound();
"""

# While it is open only those count who have the role now: who loses it before the last approval has not approved.
APPROVALS = """
CREATE FUNCTION public.adjustment_approvals(adjustment public.adjustments) RETURNS bigint LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(DISTINCT lower(d.person))
        FROM public.adjustment_decisions d
        WHERE d.adjustment_id = ($1).adjustment_id
            AND d.decision = 'approve'
            AND d.seen_hash = sha256(convert_to(($1).entry, 'UTF8'))
            AND lower(d.person) <> lower(($1).requester)
            AND (($1).state <> 'requested' OR public.has_role(d.person, 'accountant'))
$$;
"""

# Whoever writes, the owner too: what was asked for stays as it was, and each state follows from what stands elsewhere.
CHANGED = """
CREATE FUNCTION public.adjustment_follows_its_decisions() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fault text;
BEGIN
    IF to_jsonb(OLD) - '{state,changed_at,posting_transaction,posted_entry_id}'::text[]
        IS DISTINCT FROM to_jsonb(NEW) - '{state,changed_at,posting_transaction,posted_entry_id}'::text[]
    THEN
        RAISE EXCEPTION 'adjustment % is frozen: request another one', OLD.adjustment_id
            USING ERRCODE = 'QT403', CONSTRAINT = 'adjustment_is_frozen', DETAIL = OLD.adjustment_id;
    END IF;
    NEW.changed_at := clock_timestamp();
    fault := CASE
        WHEN OLD.state NOT IN ('requested', 'approved') THEN format('it is %s already', OLD.state)
        WHEN NEW.state <> OLD.state AND NEW.posting_transaction IS DISTINCT FROM OLD.posting_transaction
            THEN 'its posting begins after its approval'
        WHEN NEW.state = 'approved' AND OLD.state = 'requested' AND public.adjustment_approvals(OLD) >= OLD.approvals_needed
            THEN NULL
        WHEN NEW.state = 'rejected' AND OLD.state = 'requested' AND EXISTS (
                SELECT FROM public.adjustment_decisions d
                    WHERE d.adjustment_id = OLD.adjustment_id AND d.decision = 'reject'
            ) THEN NULL
        WHEN NEW.state = 'expired' AND clock_timestamp() >= OLD.expires_at THEN NULL
        WHEN NEW.state = 'posted' AND OLD.posting_transaction = pg_current_xact_id() AND EXISTS (
                SELECT FROM public.entries e
                    WHERE e.entry_id = NEW.posted_entry_id AND e.reference = 'adjustment/' || OLD.adjustment_id
            ) THEN NULL
        WHEN NEW.state <> OLD.state THEN format('it cannot become %s now', NEW.state)
        WHEN NEW.posting_transaction IS NOT DISTINCT FROM OLD.posting_transaction THEN NULL
        WHEN OLD.state <> 'approved' THEN format('it is %s, and only what is approved is posted', OLD.state)
        WHEN clock_timestamp() >= OLD.expires_at
            THEN format('it expired at %s UTC', to_char(OLD.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'))
        WHEN OLD.entry_hash <> sha256(convert_to(OLD.entry, 'UTF8')) THEN 'its entry is not the one that was frozen'
        WHEN public.adjustment_approvals(OLD) < OLD.approvals_needed THEN format(
            'it has %s of the %s approvals of this entry', public.adjustment_approvals(OLD), OLD.approvals_needed)
    END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'adjustment % is not changed: %', OLD.adjustment_id, fault
            USING ERRCODE = 'QT409', CONSTRAINT = 'adjustment_follows_its_decisions', DETAIL = OLD.adjustment_id,
                HINT = fault;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER adjustment_follows_its_decisions BEFORE UPDATE ON public.adjustments
    FOR EACH ROW EXECUTE FUNCTION public.adjustment_follows_its_decisions();
"""

# The row's lock is held until the decision is committed, so that each decision sees all that were before it.
DECIDED = """
CREATE FUNCTION public.decision_is_allowed() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    adjustment public.adjustments;
    refused record;
BEGIN
    SELECT a.* INTO adjustment FROM public.adjustments a WHERE a.adjustment_id = NEW.adjustment_id FOR UPDATE;
    NEW.decided_at := clock_timestamp();
    SELECT r.rule, r.fault, r.code INTO refused
        FROM (VALUES
            (1, 'QT404', 'adjustment_is_known', 'there is no such adjustment', adjustment.adjustment_id IS NULL),
            (2, 'QT403', 'adjustment_is_decided_by_another_person',
                format('%s asked for it, and another person has to decide', adjustment.requester),
                lower(NEW.person) = lower(adjustment.requester)),
            (3, 'QT403', 'adjustment_decider_has_the_role', 'that needs the role accountant',
                NOT public.has_role(NEW.person, 'accountant')),
            (4, 'QT409', 'adjustment_is_decided_once_by_each', 'each person decides once, and this one has', EXISTS (
                SELECT FROM public.adjustment_decisions d
                    WHERE d.adjustment_id = NEW.adjustment_id AND lower(d.person) = lower(NEW.person)
            )),
            (5, 'QT409', 'adjustment_is_open', format('it is %s already', adjustment.state),
                adjustment.state <> 'requested'),
            (6, 'QT409', 'adjustment_is_decided_in_time', format('it expired at %s UTC',
                to_char(adjustment.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')),
                NEW.decided_at >= adjustment.expires_at),
            (7, 'QT409', 'adjustment_is_decided_as_it_is', 'its entry has another hash than the one that was seen',
                NEW.seen_hash <> adjustment.entry_hash
                OR NEW.seen_hash <> sha256(convert_to(adjustment.entry, 'UTF8')))
        ) r (place, code, rule, fault, applies)
        WHERE r.applies
        ORDER BY r.place
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% may not % adjustment %: %', NEW.person, NEW.decision, NEW.adjustment_id, refused.fault
            USING ERRCODE = refused.code, CONSTRAINT = refused.rule, DETAIL = NEW.adjustment_id, HINT = refused.fault;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER decision_is_allowed BEFORE INSERT ON public.adjustment_decisions
    FOR EACH ROW EXECUTE FUNCTION public.decision_is_allowed();

CREATE FUNCTION public.decision_takes_effect() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The row is written in any case, so that a transaction with an older view of it fails instead of counting less.
    UPDATE public.adjustments a
        SET state = CASE
                WHEN NEW.decision = 'reject' THEN 'rejected'
                WHEN public.adjustment_approvals(a) >= a.approvals_needed THEN 'approved'
                ELSE a.state
            END
        WHERE a.adjustment_id = NEW.adjustment_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER decision_takes_effect AFTER INSERT ON public.adjustment_decisions
    FOR EACH ROW EXECUTE FUNCTION public.decision_takes_effect();
"""

GUARDS = """
CREATE TRIGGER never_deleted BEFORE DELETE ON public.adjustments FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.adjustments
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.adjustments ENABLE ALWAYS TRIGGER adjustment_is_sound,
    ENABLE ALWAYS TRIGGER adjustment_follows_its_decisions, ENABLE ALWAYS TRIGGER never_deleted,
    ENABLE ALWAYS TRIGGER never_emptied;
ALTER TABLE public.adjustment_decisions ENABLE ALWAYS TRIGGER decision_is_allowed,
    ENABLE ALWAYS TRIGGER decision_takes_effect;
GRANT SELECT ON public.adjustments TO quittance_app, quittance_auditor;
"""

ADDED_TO_ONLY = """
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON public.{table}
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.{table}
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.{table} ENABLE ALWAYS TRIGGER never_changed, ENABLE ALWAYS TRIGGER never_emptied;
GRANT SELECT ON public.{table} TO quittance_app, quittance_auditor;
"""


def upgrade() -> None:
    """Create what adjustments are made of; the application reads it, and writes by the functions of the next file."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (TIERS, ADJUSTMENTS, CANONICAL, REQUESTED, APPROVALS, CHANGED, DECIDED, GUARDS):
        connection.exec_driver_sql(statement)
    for table in ("adjustment_tiers", "adjustment_decisions"):
        connection.exec_driver_sql(ADDED_TO_ONLY.format(table=table))
