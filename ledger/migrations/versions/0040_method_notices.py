"""What customers are told of a payment method that expires, and the order in which merchants' systems read their events."""

from alembic import op

revision = "0040"
down_revision = "0039"

# As dunning_notices, where there is no invoice: nothing has failed yet. The key has the month, so that a card is told of once.
NOTICES = """
CREATE TABLE public.method_notices (
    method_id text COLLATE "C" NOT NULL REFERENCES public.payment_methods (method_id),
    key text COLLATE "C" NOT NULL CONSTRAINT method_notice_key_form
        CHECK (key ~ '^[a-z0-9_.]{1,100}/[0-9]{4}-(0[1-9]|1[0-2])$'),
    template text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    due_at timestamptz NOT NULL,
    claimed_at timestamptz,
    sent_at timestamptz,
    failed_at timestamptz,
    failed_because text,
    PRIMARY KEY (method_id, key),
    CONSTRAINT method_notice_failure_is_whole CHECK (num_nonnulls(failed_at, failed_because) IN (0, 2)),
    CONSTRAINT method_notice_is_settled_once CHECK (num_nonnulls(sent_at, failed_at) <= 1),
    CONSTRAINT method_notice_is_claimed_before CHECK (claimed_at IS NOT NULL OR num_nonnulls(sent_at, failed_at) = 0)
);
COMMENT ON COLUMN public.method_notices.key IS 'Of the step, with the month in which the card ends';
COMMENT ON COLUMN public.method_notices.claimed_at IS 'Whoever claims it sends it; null where a try to send it failed';
GRANT SELECT, INSERT (method_id, key, template, channel, due_at, claimed_at),
    UPDATE (claimed_at, sent_at, failed_at, failed_because) ON public.method_notices TO quittance_app;
GRANT SELECT ON public.method_notices TO quittance_auditor;

CREATE FUNCTION public.method_notice_follows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF num_nonnulls(OLD.sent_at, OLD.failed_at) > 0 THEN
        RAISE EXCEPTION 'notice % of payment method % is settled, and stays so', OLD.key, OLD.method_id
            USING ERRCODE = 'QT409', CONSTRAINT = 'method_notice_follows', DETAIL = OLD.method_id;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER method_notice_follows BEFORE UPDATE ON public.method_notices
    FOR EACH ROW EXECUTE FUNCTION public.method_notice_follows();
CREATE TRIGGER never_deleted BEFORE DELETE ON public.method_notices
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.method_notices
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.method_notices ENABLE ALWAYS TRIGGER method_notice_follows, ENABLE ALWAYS TRIGGER never_deleted,
    ENABLE ALWAYS TRIGGER never_emptied;
"""

# A smaller id may be committed after a larger one, by a younger transaction: transactions give the order, ids only within one.
ORDER = "CREATE INDEX events_in_order ON public.events (written_in, event_id)"


def upgrade() -> None:
    """Create both."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    connection.exec_driver_sql(NOTICES)
    connection.exec_driver_sql(ORDER)
