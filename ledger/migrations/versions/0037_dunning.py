"""How unpaid invoices are recovered: the tries, the processes, what people commanded, and what customers and merchants are told.

Whatever wakes a process is written by triggers in the transaction of the fact, so that nothing is missed. What the database
knows elsewhere (payments, voids, cancellations, disputes) is not copied here.
"""

from alembic import op

revision = "0037"
down_revision = "0036"

POLICIES = """
CREATE TABLE public.dunning_policies (
    version text COLLATE "C" NOT NULL CONSTRAINT dunning_version_length CHECK (length(version) BETWEEN 1 AND 100),
    name text COLLATE "C" NOT NULL CONSTRAINT dunning_name_form CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,59}$'),
    content jsonb NOT NULL CONSTRAINT dunning_policy_form
        CHECK (jsonb_typeof(content) = 'object' AND octet_length(content::text) <= 100000),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (version, name)
);
GRANT SELECT, INSERT (version, name, content) ON public.dunning_policies TO quittance_app;
"""

DUNNINGS = """
CREATE TABLE public.dunnings (
    invoice_id text COLLATE "C" PRIMARY KEY REFERENCES public.invoices (invoice_id),
    customer_id text COLLATE "C" NOT NULL REFERENCES public.customers (customer_id),
    subscription_id text COLLATE "C" REFERENCES public.subscriptions (subscription_id),
    policy_version text COLLATE "C" NOT NULL, policy_name text COLLATE "C" NOT NULL,
    failed_at timestamptz NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT dunning_amount_positive CHECK (amount_minor > 0),
    currency char(3) NOT NULL, began_at timestamptz NOT NULL, began_by text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz, ended_by text, reason text COLLATE "C",
    recovered_by text COLLATE "C" CONSTRAINT dunning_recovery_known
        CHECK (recovered_by IN ('retry', 'new_method', 'link', 'outside')),
    CONSTRAINT dunning_goes_by_a_policy
        FOREIGN KEY (policy_version, policy_name) REFERENCES public.dunning_policies (version, name),
    CONSTRAINT dunning_end_is_whole CHECK (num_nonnulls(ended_at, ended_by, reason) IN (0, 3)),
    CONSTRAINT dunning_recovery_is_an_end CHECK (recovered_by IS NULL OR reason = 'paid')
);
CREATE INDEX dunnings_running_customer ON public.dunnings (customer_id) WHERE ended_at IS NULL;
CREATE INDEX dunnings_running_subscription ON public.dunnings (subscription_id) WHERE ended_at IS NULL;
CREATE INDEX dunnings_failed ON public.dunnings (failed_at, invoice_id);
GRANT SELECT, INSERT (invoice_id, customer_id, subscription_id, policy_version, policy_name, failed_at, amount_minor,
    currency, began_at, began_by) ON public.dunnings TO quittance_app;
GRANT UPDATE (policy_version, policy_name, ended_at, ended_by, reason, recovered_by) ON public.dunnings TO quittance_app;

CREATE FUNCTION public.dunning_follows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'the dunning of invoice % is over', OLD.invoice_id USING ERRCODE = 'QT409',
            CONSTRAINT = 'dunning_follows', DETAIL = OLD.invoice_id, HINT = 'it is over, and stays as it ended';
    END IF;
    RETURN NEW;
END
$$;
"""

# The columns of an event are the fields of billing.dunning.history.Event, and why; a method where it is asked for.
EVENTS = """
CREATE TABLE public.dunning_events (
    event_seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    invoice_id text COLLATE "C" NOT NULL REFERENCES public.dunnings (invoice_id),
    kind text COLLATE "C" NOT NULL CONSTRAINT dunning_event_known CHECK (kind IN (
        'legal_hold_began', 'legal_hold_ended', 'promised', 'paused', 'resumed', 'extended', 'retried_now', 'given_up',
        'moved_to_policy', 'ended'
    )),
    at timestamptz NOT NULL, until timestamptz, policy text,
    method_id text COLLATE "C" REFERENCES public.payment_methods (method_id),
    by text NOT NULL,
    because text NOT NULL CONSTRAINT dunning_event_because_said CHECK (because ~ '\\S' AND length(because) <= 300),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT dunning_event_says_until_when CHECK (
        (until IS NOT NULL) = (kind IN ('promised', 'paused', 'extended')) AND (until IS NULL OR until > at)
    ),
    CONSTRAINT dunning_event_names_its_policy CHECK ((policy IS NOT NULL) = (kind = 'moved_to_policy')),
    CONSTRAINT dunning_event_names_a_method CHECK (method_id IS NULL OR kind = 'retried_now')
);
COMMENT ON COLUMN public.dunning_events.method_id IS 'With which a try was asked for; null for the customer''s order';
CREATE INDEX dunning_events_invoice ON public.dunning_events (invoice_id, event_seq);
CREATE UNIQUE INDEX dunning_ends_once ON public.dunning_events (invoice_id, kind) WHERE kind IN ('given_up', 'ended');
GRANT SELECT, INSERT (invoice_id, kind, at, until, policy, method_id, by, because) ON public.dunning_events TO quittance_app;

CREATE FUNCTION public.event_is_of_a_running_one() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM public.dunnings d WHERE d.invoice_id = NEW.invoice_id AND d.ended_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the dunning of invoice % is over, or never began', NEW.invoice_id USING ERRCODE = 'QT409',
            CONSTRAINT = 'event_is_of_a_running_one', DETAIL = NEW.invoice_id,
            HINT = 'it is over, and takes no command any more';
    END IF;
    RETURN NEW;
END
$$;
"""

TRIES = """
CREATE TABLE public.invoice_tries (
    charge_id text COLLATE "C" PRIMARY KEY CONSTRAINT try_charge_form CHECK (charge_id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    invoice_id text COLLATE "C" NOT NULL REFERENCES public.invoices (invoice_id),
    number integer NOT NULL CONSTRAINT try_is_numbered CHECK (number BETWEEN 0 AND 999),
    method_id text COLLATE "C" NOT NULL REFERENCES public.payment_methods (method_id),
    card text COLLATE "C" NOT NULL,
    gateway text COLLATE "C" NOT NULL, network text COLLATE "C", country char(2),
    purpose text COLLATE "C" NOT NULL CONSTRAINT try_purpose_known
        CHECK (purpose IN ('first', 'rung', 'new_method', 'command', 'customer')),
    is_rung boolean NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT try_amount_positive CHECK (amount_minor > 0),
    currency char(3) NOT NULL, tried_at timestamptz NOT NULL, recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    withdrawn_at timestamptz,
    withdrawn_because text CONSTRAINT try_withdrawn_because_said CHECK (withdrawn_because ~ '\\S'),
    CONSTRAINT try_is_numbered_once UNIQUE (invoice_id, number),
    CONSTRAINT try_is_a_rung_by_its_purpose CHECK (NOT is_rung OR purpose = 'rung'),
    CONSTRAINT first_try_is_number_zero CHECK ((purpose = 'first') = (number = 0)),
    CONSTRAINT try_withdrawal_is_whole CHECK (num_nonnulls(withdrawn_at, withdrawn_because) IN (0, 2))
);
GRANT SELECT, INSERT (charge_id, invoice_id, number, method_id, card, gateway, network, country, purpose, is_rung,
    amount_minor, currency, tried_at), UPDATE (withdrawn_at, withdrawn_because) ON public.invoice_tries TO quittance_app;

-- Never two payments: a try begins only of what is due, and after all before it are known to have brought nothing.
CREATE FUNCTION public.try_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owed record;
    fault text;
BEGIN
    SELECT i.customer_id, i.state, i.due_minor, i.currency INTO owed FROM public.invoices i
        WHERE i.invoice_id = NEW.invoice_id FOR NO KEY UPDATE;
    fault := CASE
        WHEN owed.state IS DISTINCT FROM 'open' THEN format('the invoice is %s', owed.state)
        WHEN (NEW.amount_minor, NEW.currency) IS DISTINCT FROM (owed.due_minor, owed.currency)
            THEN 'a try is of what is due'
        WHEN NOT EXISTS (SELECT FROM public.payment_methods m WHERE m.method_id = NEW.method_id
                AND m.customer_id = owed.customer_id AND m.removed_at IS NULL AND m.replaced_at IS NULL)
            THEN 'the payment method is gone, or another customer''s'
        WHEN EXISTS (SELECT FROM public.invoice_tries t LEFT JOIN public.charges c ON c.charge_id = t.charge_id
                WHERE t.invoice_id = NEW.invoice_id AND t.withdrawn_at IS NULL
                    AND (c.status IN ('declined', 'voided', 'canceled', 'refunded', 'expired')) IS NOT TRUE)
            THEN 'another try is not decided, or took the payment'
    END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'try % of invoice %: %', NEW.number, NEW.invoice_id, fault
            USING ERRCODE = 'QT409', CONSTRAINT = 'try_follows', DETAIL = NEW.charge_id, HINT = fault;
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION public.try_is_withdrawn_once() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.withdrawn_at IS NOT NULL OR EXISTS (SELECT FROM public.charges c WHERE c.charge_id = OLD.charge_id) THEN
        RAISE EXCEPTION 'try % was withdrawn before, or has a charge', OLD.charge_id USING ERRCODE = 'QT409',
            CONSTRAINT = 'try_is_withdrawn_once', DETAIL = OLD.charge_id,
            HINT = 'it was withdrawn before, or has a charge: that is canceled instead';
    END IF;
    RETURN NEW;
END
$$;

-- What was withdrawn stays so, also where a worker that stood still goes on: another try may have begun since.
CREATE FUNCTION public.charge_is_no_withdrawn_try() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM public.invoice_tries t WHERE t.charge_id = NEW.charge_id FOR SHARE;
    IF EXISTS (SELECT FROM public.invoice_tries t WHERE t.charge_id = NEW.charge_id AND t.withdrawn_at IS NOT NULL) THEN
        RAISE EXCEPTION 'charge %: the try of invoice % was withdrawn', NEW.charge_id, NEW.invoice USING ERRCODE = 'QT409',
            CONSTRAINT = 'charge_is_no_withdrawn_try', DETAIL = NEW.charge_id, HINT = 'its try was withdrawn: begin another';
    END IF;
    RETURN NEW;
END
$$;
"""

ACCESS = """
CREATE TABLE public.dunning_access (
    invoice_id text COLLATE "C" NOT NULL REFERENCES public.dunnings (invoice_id),
    number integer NOT NULL CONSTRAINT access_is_numbered CHECK (number >= 1),
    access text COLLATE "C" NOT NULL CONSTRAINT access_known
        CHECK (access IN ('active', 'grace', 'limited', 'suspended', 'ended')),
    since timestamptz NOT NULL,
    why text NOT NULL,
    told_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (invoice_id, number)
);
GRANT SELECT, INSERT (invoice_id, number, access, since, why) ON public.dunning_access TO quittance_app;
"""

NOTICES = """
CREATE TABLE public.dunning_notices (
    invoice_id text COLLATE "C" NOT NULL REFERENCES public.invoices (invoice_id),
    key text COLLATE "C" NOT NULL CONSTRAINT notice_key_length CHECK (length(key) BETWEEN 1 AND 200),
    template text COLLATE "C" NOT NULL, channel text COLLATE "C" NOT NULL,
    due_at timestamptz NOT NULL, claimed_at timestamptz, sent_at timestamptz,
    failed_at timestamptz, failed_because text,
    PRIMARY KEY (invoice_id, key),
    CONSTRAINT notice_failure_is_whole CHECK (num_nonnulls(failed_at, failed_because) IN (0, 2)),
    CONSTRAINT notice_is_settled_once CHECK (num_nonnulls(sent_at, failed_at) <= 1),
    CONSTRAINT notice_is_claimed_before CHECK (claimed_at IS NOT NULL OR num_nonnulls(sent_at, failed_at) = 0)
);
GRANT SELECT, INSERT (invoice_id, key, template, channel, due_at, claimed_at),
    UPDATE (claimed_at, sent_at, failed_at, failed_because) ON public.dunning_notices TO quittance_app;

CREATE FUNCTION public.notice_follows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF num_nonnulls(OLD.sent_at, OLD.failed_at) > 0 THEN
        RAISE EXCEPTION 'notice % of invoice % is settled, and stays so', OLD.key, OLD.invoice_id
            USING ERRCODE = 'QT409', CONSTRAINT = 'notice_follows', DETAIL = OLD.invoice_id;
    END IF;
    RETURN NEW;
END
$$;
"""

OUTBOX = """
CREATE TABLE public.events (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text COLLATE "C" NOT NULL UNIQUE CONSTRAINT event_key_form CHECK (key ~ '^[!-~]{1,200}$'),
    kind text COLLATE "C" NOT NULL CONSTRAINT event_kind_form CHECK (kind ~ '^[a-z][a-z_]*[.][a-z][a-z_]*$'),
    subject text COLLATE "C" NOT NULL CONSTRAINT event_subject_form CHECK (subject ~ '^[!-~]{1,200}$'),
    customer_id text COLLATE "C" REFERENCES public.customers (customer_id),
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    body jsonb NOT NULL CONSTRAINT event_body_form
        CHECK (jsonb_typeof(body) = 'object' AND octet_length(body::text) <= 16000),
    written_in xid8 NOT NULL DEFAULT pg_current_xact_id()
);
COMMENT ON COLUMN public.events.written_in IS 'Read only those of transactions before which none is open: ids come out of order';
GRANT SELECT, INSERT (key, kind, subject, customer_id, occurred_at, body) ON public.events TO quittance_app;

CREATE TABLE public.process_wakes (
    wake_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    process text COLLATE "C" NOT NULL CONSTRAINT woken_process_known
        CHECK (process IN ('subscription', 'dunning', 'charge')),
    subject text COLLATE "C" NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT ON public.process_wakes TO quittance_app;

-- Rows that another worker is at are passed over; what is not committed, since a signal failed, is there again.
CREATE FUNCTION public.take_wakes(most integer) RETURNS TABLE (process text, subject text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH gone AS (
        DELETE FROM public.process_wakes w WHERE w.wake_id = ANY (ARRAY(
            SELECT i.wake_id FROM public.process_wakes i ORDER BY i.wake_id LIMIT most FOR UPDATE SKIP LOCKED
        )) RETURNING w.wake_id, w.process, w.subject
    )
    SELECT g.process, g.subject FROM gone g GROUP BY g.process, g.subject ORDER BY min(g.wake_id)
$$;
GRANT EXECUTE ON FUNCTION public.take_wakes TO quittance_app;
"""

# A charge of an invoice that billing does not know belongs to somebody else's books, and wakes nobody.
WAKES = """
CREATE FUNCTION public.processes_are_woken() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CASE TG_TABLE_NAME
    WHEN 'subscriptions' THEN
        INSERT INTO public.process_wakes (process, subject) VALUES ('subscription', NEW.subscription_id);
        INSERT INTO public.process_wakes (process, subject) SELECT 'dunning', d.invoice_id
            FROM public.dunnings d WHERE d.subscription_id = NEW.subscription_id AND d.ended_at IS NULL;
    WHEN 'invoices' THEN
        INSERT INTO public.process_wakes (process, subject) SELECT 'dunning', d.invoice_id
            FROM public.dunnings d WHERE d.invoice_id = NEW.invoice_id;
    WHEN 'payment_methods' THEN
        INSERT INTO public.process_wakes (process, subject) SELECT 'dunning', d.invoice_id
            FROM public.dunnings d WHERE d.customer_id = NEW.customer_id AND d.ended_at IS NULL;
    WHEN 'charges' THEN
        INSERT INTO public.process_wakes (process, subject) SELECT 'charge', NEW.charge_id
            FROM public.invoices i WHERE i.invoice_id = NEW.invoice AND i.customer_id = NEW.customer;
        -- What is not decided yet gives a process nothing to do.
        IF NEW.status IN ('processing', 'requires_action', 'pending', 'unknown', 'authorized') THEN RETURN NULL; END IF;
        INSERT INTO public.process_wakes (process, subject) SELECT 'dunning', d.invoice_id
            FROM public.dunnings d WHERE d.invoice_id = NEW.invoice AND d.ended_at IS NULL;
        INSERT INTO public.process_wakes (process, subject) SELECT 'subscription', i.subscription_id
            FROM public.invoices i WHERE i.invoice_id = NEW.invoice AND i.subscription_id IS NOT NULL
                AND NOT EXISTS (SELECT FROM public.dunnings d WHERE d.invoice_id = i.invoice_id);
    WHEN 'withdrawals' THEN
        INSERT INTO public.process_wakes (process, subject) SELECT 'dunning', d.invoice_id
            FROM public.dunnings d JOIN public.charges c ON c.customer = d.customer_id
            WHERE c.charge_id = NEW.charge_id AND d.ended_at IS NULL;
    ELSE
        INSERT INTO public.process_wakes (process, subject) VALUES ('dunning', NEW.invoice_id);
    END CASE;
    RETURN NULL;
END
$$;
CREATE TRIGGER processes_are_woken AFTER INSERT OR UPDATE ON public.subscriptions
    FOR EACH ROW EXECUTE FUNCTION public.processes_are_woken();
CREATE TRIGGER processes_are_woken AFTER UPDATE ON public.invoices
    FOR EACH ROW WHEN (OLD.state <> 'draft') EXECUTE FUNCTION public.processes_are_woken();
CREATE TRIGGER processes_are_woken AFTER INSERT OR UPDATE ON public.payment_methods
    FOR EACH ROW EXECUTE FUNCTION public.processes_are_woken();
-- The process of a subscription starts that of its invoice itself, by its own clock.
CREATE TRIGGER processes_are_woken AFTER INSERT ON public.dunnings
    FOR EACH ROW WHEN (NEW.began_by <> 'process:subscription') EXECUTE FUNCTION public.processes_are_woken();
CREATE TRIGGER processes_are_woken AFTER INSERT ON public.dunning_events
    FOR EACH ROW EXECUTE FUNCTION public.processes_are_woken();
CREATE TRIGGER processes_are_woken
    AFTER UPDATE OF status, captured_minor, refunded_minor, refund_reserved_minor, withdrawn_minor ON public.charges
    FOR EACH ROW WHEN (NEW.invoice IS NOT NULL AND (
        NEW.status, NEW.captured_minor, NEW.refunded_minor, NEW.refund_reserved_minor, NEW.withdrawn_minor
    ) IS DISTINCT FROM (
        OLD.status, OLD.captured_minor, OLD.refunded_minor, OLD.refund_reserved_minor, OLD.withdrawn_minor
    )) EXECUTE FUNCTION public.processes_are_woken();
CREATE TRIGGER processes_are_woken AFTER INSERT OR UPDATE ON public.withdrawals
    FOR EACH ROW EXECUTE FUNCTION public.processes_are_woken();
"""

KEPT = """
CREATE TRIGGER {name} BEFORE {what} ON public.{table} FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.{table}
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.{table} ENABLE ALWAYS TRIGGER {name}, ENABLE ALWAYS TRIGGER never_emptied;
GRANT SELECT ON public.{table} TO quittance_auditor;
"""
FOLLOWS = """
CREATE TRIGGER {name} BEFORE {what} ON public.{table} FOR EACH ROW {when} EXECUTE FUNCTION public.{name}();
ALTER TABLE public.{table} ENABLE ALWAYS TRIGGER {name};
"""
GUARDS = (
    ("dunnings", "dunning_follows", "UPDATE", ""),
    ("dunning_events", "event_is_of_a_running_one", "INSERT", ""),
    ("invoice_tries", "try_follows", "INSERT", ""),
    ("invoice_tries", "try_is_withdrawn_once", "UPDATE", ""),
    ("charges", "charge_is_no_withdrawn_try", "INSERT", "WHEN (NEW.invoice IS NOT NULL)"),
    ("dunning_notices", "notice_follows", "UPDATE", ""),
)
WAKING = "ALTER TABLE public.{table} ENABLE ALWAYS TRIGGER processes_are_woken"


def upgrade() -> None:
    """Create them; the application begins, withdraws and ends, and rewrites nothing."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (POLICIES, DUNNINGS, EVENTS, TRIES, ACCESS, NOTICES, OUTBOX, WAKES):
        connection.exec_driver_sql(statement)
    for table, name, what, when in GUARDS:
        connection.exec_driver_sql(FOLLOWS.format(table=table, name=name, what=what, when=when))
    for table in ("dunning_policies", "dunning_events", "dunning_access", "events"):
        connection.exec_driver_sql(KEPT.format(table=table, name="never_changed", what="UPDATE OR DELETE"))
    for table in ("dunnings", "invoice_tries", "dunning_notices"):
        connection.exec_driver_sql(KEPT.format(table=table, name="never_deleted", what="DELETE"))
    waking = ("subscriptions", "invoices", "payment_methods", "dunnings", "dunning_events", "charges", "withdrawals")
    for table in waking:
        connection.exec_driver_sql(WAKING.format(table=table))
