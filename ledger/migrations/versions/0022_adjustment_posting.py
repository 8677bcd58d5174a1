"""How adjustments are asked for, decided, ended and posted; and what keeps every other posting away from them."""

from alembic import op

revision = "0022"
down_revision = "0021"

# What the journal lets in, and, when the transaction ends, that it is the entry which was approved, line by line.
POSTED = """
CREATE FUNCTION public.adjustment_is_approved() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.adjustments a
            WHERE NEW.rule = 'adjustment' AND NEW.reference = 'adjustment/' || a.adjustment_id
                AND a.state = 'approved' AND a.posting_transaction = pg_current_xact_id()
    ) THEN
        RAISE EXCEPTION 'entry % is refused: a manual adjustment is posted by its own approval only', NEW.reference
            USING ERRCODE = 'QT422', CONSTRAINT = 'adjustment_is_approved', DETAIL = NEW.reference,
                HINT = 'a manual adjustment is posted by its own approval only';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER adjustment_is_approved BEFORE INSERT ON public.entries FOR EACH ROW
    WHEN (NEW.rule = 'adjustment' OR starts_with(NEW.reference, 'adjustment/'))
    EXECUTE FUNCTION public.adjustment_is_approved();

CREATE FUNCTION public.adjustment_is_posted_as_approved() RETURNS trigger LANGUAGE plpgsql
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
                AND a.entry::jsonb - 'lines' - 'event_at' = jsonb_build_object(
                    'reference', NEW.reference, 'rule', NEW.rule, 'description', NEW.description, 'actor', NEW.actor,
                    'reason_code', NEW.reason_code)
                AND num_nonnulls(NEW.charge_id, NEW.operation_id, NEW.reverses_entry_id) = 0
    ) THEN
        RAISE EXCEPTION 'entry % is refused: it is not the one that was approved', NEW.reference
            USING ERRCODE = 'QT422', CONSTRAINT = 'adjustment_is_posted_as_approved', DETAIL = NEW.reference,
                HINT = 'it is not the one that was approved';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER adjustment_is_posted_as_approved AFTER INSERT ON public.entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.rule = 'adjustment' OR starts_with(NEW.reference, 'adjustment/'))
    EXECUTE FUNCTION public.adjustment_is_posted_as_approved();
"""

ENABLE_ALWAYS = """
ALTER TABLE public.entries ENABLE ALWAYS TRIGGER adjustment_is_approved,
    ENABLE ALWAYS TRIGGER adjustment_is_posted_as_approved;
"""

# Each locks the adjustment's row; what is refused is refused by the triggers of the tables.
FUNCTIONS = """
CREATE FUNCTION public.request_adjustment(
    given_id text, given_requester text, given_reason_code text, given_because text, given_evidence text,
    given_entry text, given_hash bytea, given_valid_seconds integer
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM public.adjustments a WHERE a.adjustment_id = given_id) THEN
        -- Who has asked already may have lost the role since: it is the same request.
        RETURN public.same_adjustment(given_id, given_requester, given_entry, given_valid_seconds);
    END IF;
    INSERT INTO public.adjustments (
        adjustment_id, requester, reason_code, because, evidence, entry, entry_hash, valid_seconds
    ) VALUES (
        given_id, given_requester, given_reason_code, given_because, given_evidence, given_entry, given_hash,
        given_valid_seconds
    ) ON CONFLICT DO NOTHING;
    RETURN FOUND OR public.same_adjustment(given_id, given_requester, given_entry, given_valid_seconds);
END
$$;
COMMENT ON FUNCTION public.request_adjustment IS
    'Writes a request down; true where it is new, false where it was there with the same content, QT409 with other content.';

CREATE FUNCTION public.decide_adjustment(
    given_id text, given_person text, given_decision text, given_because text, given_hash bytea
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.adjustment_decisions (adjustment_id, person, decision, because, seen_hash)
        VALUES (given_id, given_person, given_decision, given_because, given_hash);
    RETURN (SELECT a.state FROM public.adjustments a WHERE a.adjustment_id = given_id);
END
$$;
COMMENT ON FUNCTION public.decide_adjustment IS
    'Approves or rejects, and returns the state that follows; QT403 and QT409 for whom and what may not.';

CREATE FUNCTION public.expire_adjustment(given_id text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.adjustments a SET state = 'expired'
        WHERE a.adjustment_id = given_id AND a.state IN ('requested', 'approved') AND clock_timestamp() >= a.expires_at;
    RETURN (SELECT a.state FROM public.adjustments a WHERE a.adjustment_id = given_id);
END
$$;
COMMENT ON FUNCTION public.expire_adjustment IS 'Ends it where its time is over; returns the state in which it is then.';

CREATE FUNCTION public.post_adjustment(given_id text) RETURNS TABLE (entry_id bigint, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    adjustment public.adjustments;
    posted bigint;
BEGIN
    SELECT a.* INTO adjustment FROM public.adjustments a WHERE a.adjustment_id = given_id FOR UPDATE;
    IF adjustment.adjustment_id IS NULL THEN
        RAISE EXCEPTION 'there is no adjustment %', given_id
            USING ERRCODE = 'QT404', CONSTRAINT = 'adjustment_is_known', DETAIL = given_id;
    ELSIF adjustment.state = 'posted' THEN
        RETURN QUERY SELECT adjustment.posted_entry_id, false;
        RETURN;
    END IF;
    UPDATE public.adjustments a SET posting_transaction = pg_current_xact_id() WHERE a.adjustment_id = given_id;
    SELECT p.entry_id INTO posted FROM public.post_entries(jsonb_build_array(adjustment.entry::jsonb)) p;
    UPDATE public.adjustments a SET state = 'posted', posted_entry_id = posted WHERE a.adjustment_id = given_id;
    RETURN QUERY SELECT posted, true;
END
$$;
COMMENT ON FUNCTION public.post_adjustment IS
    'Posts what was approved, once; one that was posted before is returned as it is. QT409 where it may not be posted.';
"""

SAME = """
CREATE FUNCTION public.same_adjustment(
    given_id text, given_requester text, given_entry text, given_valid_seconds integer
) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The entry holds the reason, the words and the evidence too.
    IF NOT EXISTS (
        SELECT FROM public.adjustments a
            WHERE a.adjustment_id = given_id AND a.requester = given_requester AND a.entry = given_entry
                AND a.valid_seconds = given_valid_seconds
    ) THEN
        RAISE EXCEPTION 'adjustment % exists with other content: use another id', given_id
            USING ERRCODE = 'QT409', CONSTRAINT = 'adjustment_id_is_unique', DETAIL = given_id;
    END IF;
    RETURN false;
END
$$;
"""

RIGHTS = """
GRANT EXECUTE ON FUNCTION public.request_adjustment, public.decide_adjustment, public.expire_adjustment,
    public.post_adjustment TO quittance_app;
"""


def upgrade() -> None:
    """Create the four functions of the application, and what the journal refuses of others."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (POSTED, ENABLE_ALWAYS, SAME, FUNCTIONS, RIGHTS):
        connection.exec_driver_sql(statement)
