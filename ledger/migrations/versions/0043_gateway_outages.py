"""Outages of gateways: since when a gateway is down for everybody, and the dunnings that are woken when it is up again."""

from alembic import op

revision = "0043"
down_revision = "0042"

OUTAGES = """
CREATE TABLE public.gateway_outages (
    outage_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway text COLLATE "C" NOT NULL CONSTRAINT outage_gateway_form CHECK (gateway ~ '^[a-z][a-z0-9_]{1,31}$'),
    began_at timestamptz NOT NULL,
    noticed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_failed_at timestamptz NOT NULL,
    why text NOT NULL CONSTRAINT outage_why_said CHECK (why ~ '\\S' AND length(why) <= 300),
    ended_at timestamptz,
    ended_because text CONSTRAINT outage_end_why_said CHECK (ended_because ~ '\\S' AND length(ended_because) <= 300),
    CONSTRAINT outage_fails_after_it_began CHECK (last_failed_at >= began_at),
    CONSTRAINT outage_end_is_whole CHECK (num_nonnulls(ended_at, ended_because) IN (0, 2))
);
COMMENT ON TABLE public.gateway_outages IS 'By the clock of this database';
COMMENT ON COLUMN public.gateway_outages.began_at IS 'Of the first attempt that had no answer; it was noticed later';
CREATE UNIQUE INDEX outage_is_one_of_a_gateway ON public.gateway_outages (gateway) WHERE ended_at IS NULL;
CREATE INDEX gateway_outages_ended ON public.gateway_outages (gateway, ended_at);
GRANT SELECT, INSERT (gateway, began_at, last_failed_at, why), UPDATE (last_failed_at, ended_at, ended_because)
    ON public.gateway_outages TO quittance_app;
GRANT SELECT ON public.gateway_outages TO quittance_auditor;

CREATE FUNCTION public.outage_follows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR NEW.last_failed_at < OLD.last_failed_at THEN
        RAISE EXCEPTION 'outage % of % is over, or has failed later than that', OLD.outage_id, OLD.gateway
            USING ERRCODE = 'QT409', CONSTRAINT = 'outage_follows', DETAIL = OLD.outage_id;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER outage_follows BEFORE UPDATE ON public.gateway_outages
    FOR EACH ROW EXECUTE FUNCTION public.outage_follows();
CREATE TRIGGER never_deleted BEFORE DELETE ON public.gateway_outages
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.gateway_outages
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
"""

# Which of them wait for it is the policy's to say: all that could try there look again, and each has its own lot.
WAKES = """
CREATE FUNCTION public.outage_wakes_dunnings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.process_wakes (process, subject) SELECT 'dunning', d.invoice_id
        FROM public.dunnings d WHERE d.ended_at IS NULL AND EXISTS (
            SELECT FROM public.payment_methods m WHERE m.customer_id = d.customer_id AND m.gateway = NEW.gateway
                AND m.removed_at IS NULL AND m.replaced_at IS NULL
        );
    RETURN NULL;
END
$$;
CREATE TRIGGER outage_wakes_dunnings AFTER UPDATE ON public.gateway_outages
    FOR EACH ROW WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL)
    EXECUTE FUNCTION public.outage_wakes_dunnings();
ALTER TABLE public.gateway_outages ENABLE ALWAYS TRIGGER outage_follows, ENABLE ALWAYS TRIGGER never_deleted,
    ENABLE ALWAYS TRIGGER never_emptied, ENABLE ALWAYS TRIGGER outage_wakes_dunnings;
"""

# The newest attempts of one gateway, however many another one has since.
NEWEST = """
CREATE INDEX operations_first_of_gateway ON public.operations (gateway, decided_at)
    WHERE kind IN ('authorize', 'capture') AND target_reference IS NULL;
"""


def upgrade() -> None:
    """Create them; an outage that is over stays as it was."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (OUTAGES, WAKES, NEWEST):
        connection.exec_driver_sql(statement)
