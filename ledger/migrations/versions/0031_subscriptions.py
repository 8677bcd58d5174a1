"""Plans in versions that are never rewritten, and subscriptions, each change of which tells who made it and why."""

from alembic import op

revision = "0031"
down_revision = "0030"

PLANS = """
CREATE TABLE public.plan_versions (
    plan_id text COLLATE "C" NOT NULL CONSTRAINT plan_id_form CHECK (plan_id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    version integer NOT NULL CONSTRAINT plan_version_positive CHECK (version >= 1),
    request_hash text NOT NULL,
    name text NOT NULL CONSTRAINT plan_name_said CHECK (name ~ '\\S' AND length(name) <= 300),
    amount_minor bigint NOT NULL CONSTRAINT plan_amount_positive CHECK (amount_minor > 0),
    currency char(3) NOT NULL CONSTRAINT plan_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    interval_unit text NOT NULL CONSTRAINT plan_interval_known CHECK (interval_unit IN ('day', 'week', 'month', 'year')),
    interval_count integer NOT NULL CONSTRAINT plan_interval_positive CHECK (interval_count >= 1),
    trial_days integer NOT NULL CONSTRAINT plan_trial_bounded CHECK (trial_days BETWEEN 0 AND 730),
    earns_to text COLLATE "C" NOT NULL CONSTRAINT plan_earns CHECK (earns_to ~ '^(revenue|liability|tax):'),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    PRIMARY KEY (plan_id, version),
    CONSTRAINT plan_version_has_one_currency UNIQUE (plan_id, version, currency)
);
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON public.plan_versions
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.plan_versions
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.plan_versions ENABLE ALWAYS TRIGGER never_changed, ENABLE ALWAYS TRIGGER never_emptied;
GRANT SELECT, INSERT (plan_id, version, request_hash, name, amount_minor, currency, interval_unit, interval_count,
    trial_days, earns_to, created_by) ON public.plan_versions TO quittance_app;
GRANT SELECT ON public.plan_versions TO quittance_auditor;
"""

SUBSCRIPTIONS = """
CREATE TABLE public.subscriptions (
    subscription_id text COLLATE "C" PRIMARY KEY
        CONSTRAINT subscription_id_form CHECK (subscription_id ~ '^[A-Za-z0-9_.-]{1,56}$'),
    customer_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    request_hash text NOT NULL,
    time_zone text NOT NULL,
    plan_id text COLLATE "C" NOT NULL,
    plan_version integer NOT NULL,
    state text COLLATE "C" NOT NULL CONSTRAINT subscription_state_known CHECK (state IN (
        'trialing', 'active', 'past_due', 'paused', 'canceled', 'unpaid'
    )),
    started_on date NOT NULL,
    trial_ends_on date CONSTRAINT subscription_trial_after_start CHECK (trial_ends_on > started_on),
    anchor date NOT NULL,
    period_serial integer NOT NULL CONSTRAINT subscription_period_counted CHECK (period_serial >= 0),
    period_begins date NOT NULL,
    period_ends date NOT NULL,
    cancel_at_period_end boolean NOT NULL DEFAULT false,
    paused_at timestamptz,
    paused_until timestamptz,
    next_plan_id text COLLATE "C",
    next_plan_version integer,
    canceled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by text NOT NULL,
    because text NOT NULL CONSTRAINT subscription_change_because_said CHECK (because ~ '\\S' AND length(because) <= 300),
    CONSTRAINT subscription_is_in_the_customers_currency
        FOREIGN KEY (customer_id, currency) REFERENCES public.customers (customer_id, currency),
    CONSTRAINT subscription_is_in_the_plans_currency
        FOREIGN KEY (plan_id, plan_version, currency) REFERENCES public.plan_versions (plan_id, version, currency),
    CONSTRAINT subscription_next_plan_is_in_its_currency
        FOREIGN KEY (next_plan_id, next_plan_version, currency)
        REFERENCES public.plan_versions (plan_id, version, currency),
    CONSTRAINT subscription_period_lasts CHECK (period_begins < period_ends),
    CONSTRAINT subscription_pause_is_whole CHECK (
        (state = 'paused') = (paused_at IS NOT NULL) AND (paused_at IS NOT NULL OR paused_until IS NULL)
    ),
    CONSTRAINT subscription_end_is_dated CHECK ((state = 'canceled') = (canceled_at IS NOT NULL)),
    CONSTRAINT subscription_ends_once CHECK (state <> 'canceled' OR NOT cancel_at_period_end),
    CONSTRAINT subscription_next_plan_is_whole CHECK ((next_plan_id IS NULL) = (next_plan_version IS NULL))
);
CREATE INDEX subscriptions_customer ON public.subscriptions (customer_id, created_at);
CREATE INDEX subscriptions_state ON public.subscriptions (state, created_at);
GRANT SELECT, INSERT (subscription_id, customer_id, currency, request_hash, time_zone, plan_id, plan_version, state,
    started_on, trial_ends_on, anchor, period_serial, period_begins, period_ends, changed_by, because)
    ON public.subscriptions TO quittance_app;
GRANT UPDATE (plan_id, plan_version, state, anchor, period_serial, period_begins, period_ends, cancel_at_period_end,
    paused_at, paused_until, next_plan_id, next_plan_version, canceled_at, changed_by, because)
    ON public.subscriptions TO quittance_app;
GRANT SELECT ON public.subscriptions TO quittance_auditor;
"""

# The same table of states as in billing/subscriptions.py, written separately on purpose.
FOLLOWS = """
CREATE FUNCTION public.subscription_follows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fault text;
BEGIN
    NEW.changed_at := clock_timestamp();
    fault := CASE
        WHEN NEW.state <> OLD.state AND NOT coalesce(NEW.state = ANY (CASE OLD.state
                WHEN 'trialing' THEN '{active,paused,canceled}'::text[]
                WHEN 'active' THEN '{past_due,paused,canceled,unpaid}'::text[]
                WHEN 'past_due' THEN '{active,paused,canceled,unpaid}'::text[]
                WHEN 'paused' THEN '{trialing,active,past_due,canceled}'::text[]
                WHEN 'unpaid' THEN '{active,canceled}'::text[]
            END), false) THEN format('it is %s, and cannot become %s', OLD.state, NEW.state)
        WHEN OLD.state = 'canceled' THEN 'it is canceled, and stays as it is'
        WHEN NEW.period_serial NOT BETWEEN OLD.period_serial AND OLD.period_serial + 1
            THEN 'its periods follow each other'
        WHEN NEW.period_serial = OLD.period_serial AND (NEW.period_begins, NEW.period_ends, NEW.plan_id, NEW.plan_version)
                IS DISTINCT FROM (OLD.period_begins, OLD.period_ends, OLD.plan_id, OLD.plan_version)
            THEN 'its period stays as it began'
        WHEN NEW.period_serial > OLD.period_serial AND NEW.period_begins <> OLD.period_ends
            THEN 'its next period begins where this one ends'
    END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'subscription %: %', OLD.subscription_id, fault
            USING ERRCODE = 'QT409', CONSTRAINT = 'subscription_follows', DETAIL = OLD.subscription_id, HINT = fault;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER subscription_follows BEFORE UPDATE ON public.subscriptions
    FOR EACH ROW EXECUTE FUNCTION public.subscription_follows();
"""

CHANGES = """
CREATE TABLE public.subscription_changes (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id text COLLATE "C" NOT NULL REFERENCES public.subscriptions (subscription_id),
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL,
    because text NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL
);
COMMENT ON COLUMN public.subscription_changes.before IS 'The columns that changed, as they were; empty where it began';
CREATE INDEX subscription_changes_subscription ON public.subscription_changes (subscription_id, change_id);

CREATE FUNCTION public.subscription_changes_are_told() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    old_row jsonb := CASE TG_OP WHEN 'INSERT' THEN '{}'::jsonb ELSE to_jsonb(OLD) END;
    new_row jsonb := to_jsonb(NEW) - '{changed_at,changed_by,because,request_hash,created_at}'::text[];
    before jsonb;
    after jsonb;
BEGIN
    SELECT coalesce(jsonb_object_agg(n.key, old_row -> n.key) FILTER (WHERE old_row ? n.key), '{}'),
            coalesce(jsonb_object_agg(n.key, n.value), '{}')
        INTO before, after
        FROM jsonb_each(new_row) n
        WHERE old_row -> n.key IS DISTINCT FROM n.value AND (old_row ? n.key OR n.value <> 'null');
    INSERT INTO public.subscription_changes (subscription_id, changed_at, changed_by, because, before, after)
        VALUES (NEW.subscription_id, NEW.changed_at, NEW.changed_by, NEW.because, before, after);
    RETURN NULL;
END
$$;
CREATE TRIGGER changes_are_told AFTER INSERT OR UPDATE ON public.subscriptions
    FOR EACH ROW EXECUTE FUNCTION public.subscription_changes_are_told();
CREATE TRIGGER never_deleted BEFORE DELETE ON public.subscriptions
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.subscriptions
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.subscriptions ENABLE ALWAYS TRIGGER subscription_follows, ENABLE ALWAYS TRIGGER changes_are_told,
    ENABLE ALWAYS TRIGGER never_deleted, ENABLE ALWAYS TRIGGER never_emptied;
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON public.subscription_changes
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.subscription_changes
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.subscription_changes ENABLE ALWAYS TRIGGER never_changed, ENABLE ALWAYS TRIGGER never_emptied;
GRANT SELECT ON public.subscription_changes TO quittance_app, quittance_auditor;
"""


def upgrade() -> None:
    """Create plans and subscriptions; the application changes how a subscription stands, and not what it was."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (PLANS, SUBSCRIPTIONS, FOLLOWS, CHANGES):
        connection.exec_driver_sql(statement)
