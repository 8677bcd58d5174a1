"""Closing and reopening of periods, and the auditor's role.

A row in period_changes is what changes a period's state; its trigger holds every rule, so that no function and no owner
goes around one.
"""

from alembic import op

revision = "0020"
down_revision = "0019"

LOCK = 7_300_614_092_117_017
"""As in 0019."""

AUDITOR = """
DO $$
BEGIN
    BEGIN
        CREATE ROLE quittance_auditor LOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
    END;
    IF EXISTS (
        SELECT FROM pg_roles WHERE rolname = 'quittance_auditor' AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls)
    ) OR EXISTS (SELECT FROM pg_auth_members WHERE member = 'quittance_auditor'::regrole) THEN
        RAISE EXCEPTION 'the role quittance_auditor may do more than an auditor should: take that away, then migrate';
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_db_role_setting WHERE setrole = 'quittance_auditor'::regrole AND setdatabase = 0
            AND 'default_transaction_read_only=on' = ANY (setconfig)
    ) THEN
        ALTER ROLE quittance_auditor SET default_transaction_read_only = on;
    END IF;
    GRANT USAGE ON SCHEMA public TO quittance_auditor;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO quittance_auditor', current_database());
END
$$;
"""

# The order of the questions is that of their answers' use: who you are, what there is, when it may be.
CHANGES = """
CREATE FUNCTION public.period_follows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.state <> 'open' OR EXISTS (SELECT FROM public.periods)
        AND NOT EXISTS (SELECT FROM public.periods p WHERE p.ends_on = NEW.starts_on - 1)
    THEN
        RAISE EXCEPTION 'period % is refused: it must be open, and begin on the day after another', NEW.name
            USING ERRCODE = 'QT403', CONSTRAINT = 'period_follows';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION public.period_changes_are_told() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_jsonb(OLD) - 'state' IS DISTINCT FROM to_jsonb(NEW) - 'state' OR NOT EXISTS (
        SELECT FROM public.period_changes c
            WHERE c.period = OLD.name AND c.from_state = OLD.state AND c.to_state = NEW.state
                AND c.transaction_id = pg_current_xact_id()
    ) THEN
        RAISE EXCEPTION 'period % changes by a row in period_changes only', OLD.name USING ERRCODE = 'QT403';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION public.require_closer(person text, deed text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF public.has_role(person, 'closer') IS NOT TRUE THEN
        RAISE EXCEPTION '% may not %: that is for the persons in CLOSERS, as `worker.py --migrate` last read it', person, deed
            USING ERRCODE = 'QT403', CONSTRAINT = 'role_is_held';
    END IF;
END
$$;

CREATE FUNCTION public.period_change_is_allowed() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target public.periods;
    today date;
    other text;
BEGIN
    PERFORM pg_advisory_xact_lock({lock});
    SELECT p.* INTO target FROM public.periods p WHERE p.name = NEW.period FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no period %: see `periods list`', NEW.period
            USING ERRCODE = 'QT404', CONSTRAINT = 'period_is_known';
    END IF;
    NEW.from_state := target.state;
    NEW.changed_at := clock_timestamp();
    NEW.transaction_id := pg_current_xact_id();
    today := (NEW.changed_at AT TIME ZONE 'UTC')::date;
    IF target.state = NEW.to_state OR (target.state, NEW.to_state) = ('closed', 'closing') THEN
        RAISE EXCEPTION 'period % is % already', NEW.period, target.state
            USING ERRCODE = 'QT409', CONSTRAINT = 'period_changes_once';
    END IF;
    IF NEW.to_state = 'open' THEN
        IF lower(NEW.approved_by) = lower(NEW.changed_by) THEN
            RAISE EXCEPTION '% cannot approve what % asks for: another person has to', NEW.approved_by, NEW.changed_by
                USING ERRCODE = 'QT403', CONSTRAINT = 'reopening_is_approved_by_another';
        END IF;
        IF coalesce(NEW.because !~ '\\S', true) THEN
            RAISE EXCEPTION 'period % is not reopened without a reason: say why', NEW.period
                USING ERRCODE = 'QT409', CONSTRAINT = 'reopening_has_a_reason';
        END IF;
        IF NOT public.has_role(NEW.changed_by, 'accountant') THEN
            PERFORM public.require_closer(NEW.changed_by, 'ask for a period to be reopened');
        END IF;
        PERFORM public.require_closer(NEW.approved_by, 'approve that a period is reopened');
        SELECT p.name INTO other FROM public.periods p
            WHERE p.starts_on > target.ends_on AND p.state <> 'open' ORDER BY p.starts_on DESC LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'period % cannot be reopened while % after it is not open: reopen that first', NEW.period, other
                USING ERRCODE = 'QT409', CONSTRAINT = 'periods_close_in_order';
        END IF;
        RETURN NEW;
    END IF;
    PERFORM public.require_closer(NEW.changed_by, 'close a period');
    IF target.ends_on >= today THEN
        RAISE EXCEPTION 'period % is not over: it can be closed from % on', NEW.period, target.ends_on + 1
            USING ERRCODE = 'QT409', CONSTRAINT = 'period_is_over';
    END IF;
    SELECT p.name INTO other FROM public.periods p
        WHERE p.ends_on < target.starts_on AND (p.state = 'open' OR p.state = 'closing' AND NEW.to_state = 'closed')
        ORDER BY p.starts_on LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'period % cannot be closed while % before it is not: close that first', NEW.period, other
            USING ERRCODE = 'QT409', CONSTRAINT = 'periods_close_in_order';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION public.period_changes_state() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.periods p SET state = NEW.to_state WHERE p.name = NEW.period;
    RETURN NULL;
END
$$;

CREATE TRIGGER period_follows BEFORE INSERT ON public.periods FOR EACH ROW EXECUTE FUNCTION public.period_follows();
CREATE TRIGGER changes_are_told BEFORE UPDATE ON public.periods
    FOR EACH ROW EXECUTE FUNCTION public.period_changes_are_told();
CREATE TRIGGER change_is_allowed BEFORE INSERT ON public.period_changes
    FOR EACH ROW EXECUTE FUNCTION public.period_change_is_allowed();
CREATE TRIGGER changes_state AFTER INSERT ON public.period_changes
    FOR EACH ROW EXECUTE FUNCTION public.period_changes_state();
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON public.period_changes
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON public.periods FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_deleted BEFORE DELETE ON public.people_roles FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.period_changes EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.periods EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.people_roles EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.periods ENABLE ALWAYS TRIGGER period_follows, ENABLE ALWAYS TRIGGER changes_are_told,
    ENABLE ALWAYS TRIGGER never_deleted, ENABLE ALWAYS TRIGGER never_emptied;
ALTER TABLE public.period_changes ENABLE ALWAYS TRIGGER change_is_allowed, ENABLE ALWAYS TRIGGER changes_state,
    ENABLE ALWAYS TRIGGER never_changed, ENABLE ALWAYS TRIGGER never_emptied;
ALTER TABLE public.people_roles ENABLE ALWAYS TRIGGER begins_and_ends, ENABLE ALWAYS TRIGGER never_deleted,
    ENABLE ALWAYS TRIGGER never_emptied;
"""

# Every transaction leaves the trial balance at zero, so that it can be read before the lock is taken.
CHECKS = """
CREATE FUNCTION public.period_checks(given_period text) RETURNS TABLE (severity text, subject text, finding text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH period AS (
        SELECT (p.ends_on + 1)::timestamp AT TIME ZONE 'UTC' AS ends_at FROM public.periods p WHERE p.name = given_period
    ), waiting AS (
        SELECT r.charge_id, r.operation_id, r.opened_at FROM public.reviews r, period d
            WHERE r.resolved_at IS NULL AND r.opened_at < d.ends_at
    ), sums AS (
        SELECT l.account_id, sum(CASE l.side WHEN 'debit' THEN l.amount_minor ELSE -l.amount_minor END) AS surplus
            FROM public.lines l GROUP BY l.account_id
    )
    SELECT 'fault', a.currency::text, format(
            'the trial balance of %s is off by %s in minor units%s: run `prove`', a.currency, sum(s.surplus),
            CASE WHEN a.type = 'memo' THEN ', on the memo accounts' END
        )
        FROM sums s JOIN public.accounts a ON a.account_id = s.account_id
        GROUP BY a.currency, a.type = 'memo', CASE WHEN a.type = 'memo' THEN ', on the memo accounts' END
        HAVING sum(s.surplus) <> 0
    UNION ALL
    SELECT 'warning', w.operation_id, format('charge %s waits for a person since %s', w.charge_id, w.opened_at) FROM waiting w
    UNION ALL
    SELECT 'warning', o.operation_id, format('the outcome of operation %s is not known', o.operation_id)
        FROM public.operations o, period d
        WHERE (o.outcome IS NULL OR o.outcome = 'unknown') AND o.requested_at < d.ends_at
            AND NOT EXISTS (SELECT FROM waiting w WHERE w.operation_id = o.operation_id);
$$;
COMMENT ON FUNCTION public.period_checks IS 'What stands in the way of closing a period (fault), and what is open in it (warning)';
"""

COMMANDS = """
CREATE FUNCTION public.close_empty_before(given_period text, person text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    empty text;
BEGIN
    PERFORM pg_advisory_xact_lock({lock});
    FOR empty IN
        SELECT p.name FROM public.periods p
            WHERE p.state <> 'closed' AND p.ends_on < (SELECT q.starts_on FROM public.periods q WHERE q.name = given_period)
                AND NOT EXISTS (SELECT FROM public.entries e WHERE e.period = p.name)
            ORDER BY p.starts_on
    LOOP
        EXIT WHEN EXISTS (
            SELECT FROM public.periods p, public.periods q
                WHERE q.name = empty AND p.ends_on < q.starts_on AND p.state <> 'closed'
        );
        INSERT INTO public.period_changes (period, to_state, changed_by, because)
            VALUES (empty, 'closed', person, format('it holds no entries, and %s is closed', given_period));
    END LOOP;
END
$$;
COMMENT ON FUNCTION public.close_empty_before IS 'Periods in which nothing happened, before one that is closed, are closed with it';

CREATE FUNCTION public.begin_close(given_period text, person text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM public.require_closer(person, 'close a period');
    PERFORM public.close_empty_before(given_period, person);
    INSERT INTO public.period_changes (period, to_state, changed_by) VALUES (given_period, 'closing', person);
END
$$;

CREATE FUNCTION public.close_period(given_period text, person text, despite text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    faults text;
    warnings jsonb;
BEGIN
    PERFORM public.require_closer(person, 'close a period');
    SELECT string_agg(c.finding, '; ') FILTER (WHERE c.severity = 'fault'),
            coalesce(jsonb_agg(c.finding ORDER BY c.finding) FILTER (WHERE c.severity = 'warning'), '[]')
        INTO faults, warnings
        FROM public.period_checks(given_period) c;
    IF faults IS NOT NULL THEN
        RAISE EXCEPTION 'period % cannot be closed: %', given_period, faults
            USING ERRCODE = 'QT409', CONSTRAINT = 'period_checks_hold';
    END IF;
    IF warnings <> '[]' AND coalesce(despite !~ '\\S', true) THEN
        RAISE EXCEPTION 'period % has % open: settle that, or say with --despite why it is closed all the same',
            given_period, CASE jsonb_array_length(warnings) WHEN 1 THEN 'something' ELSE jsonb_array_length(warnings) || ' things' END
            USING ERRCODE = 'QT409', CONSTRAINT = 'warnings_are_answered', DETAIL = warnings::text;
    END IF;
    PERFORM public.close_empty_before(given_period, person);
    INSERT INTO public.period_changes (period, to_state, changed_by, because, warnings)
        VALUES (given_period, 'closed', person, nullif(btrim(despite), ''), warnings);
END
$$;

CREATE FUNCTION public.reopen_period(given_period text, person text, approver text, because text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.period_changes (period, to_state, changed_by, approved_by, because)
        VALUES (given_period, 'open', person, approver, reopen_period.because);
END
$$;
"""

RIGHTS = """
GRANT SELECT ON public.people_roles, public.periods, public.period_changes TO quittance_app;
GRANT EXECUTE ON FUNCTION public.has_role, public.period_checks, public.begin_close, public.close_period,
    public.reopen_period TO quittance_app;
GRANT EXECUTE ON FUNCTION public.period_checks TO quittance_auditor;
GRANT SELECT ON public.account_changes, public.account_codes, public.accounts, public.balances, public.chart, public.holds,
    public.entries, public.lines, public.charges, public.operations,
    public.withdrawals, public.reviews, public.splits, public.split_legs, public.people_roles, public.periods,
    public.period_changes, public.alembic_version TO quittance_auditor;
-- Of what gateways sent, when and what it was of; the bodies hold more than an audit needs.
GRANT SELECT (sequence, gateway, event_id, event_type, received_at, deliveries, state, attempts, next_try_at, handled_at,
    charge_id, operation_id, result, came_by) ON public.webhook_events TO quittance_auditor;
"""


def upgrade() -> None:
    """Create the way to close and reopen a period, and let the auditor read."""
    connection = op.get_bind()
    # The migrations before it may have taken on the owner's role; roles are the migrating role's to make.
    connection.exec_driver_sql("SET LOCAL ROLE NONE")
    connection.exec_driver_sql(AUDITOR)
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (CHANGES, CHECKS, COMMANDS, RIGHTS):
        connection.exec_driver_sql(statement.replace("{lock}", str(LOCK)))
