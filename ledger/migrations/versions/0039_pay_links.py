"""The links by which customers pay an invoice or give another payment method: each is used once, and lapses.

A setup is what was begun at a gateway by a link; its id is part of the key there, so that a double click begins one.
"""

from alembic import op

revision = "0039"
down_revision = "0037"

LINKS = """
CREATE TABLE public.pay_links (
    link_id text COLLATE "C" PRIMARY KEY CONSTRAINT link_form CHECK (link_id ~ '^[A-Za-z0-9_-]{22}$'),
    invoice_id text COLLATE "C" NOT NULL REFERENCES public.invoices (invoice_id),
    follows text COLLATE "C" UNIQUE REFERENCES public.pay_links (link_id),
    number integer NOT NULL DEFAULT 1 CONSTRAINT link_is_numbered CHECK (number BETWEEN 1 AND 20),
    issued_at timestamptz NOT NULL,
    issued_by text NOT NULL,
    expires_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    used_at timestamptz,
    used_for text COLLATE "C" CONSTRAINT link_use_known CHECK (used_for IN ('payment', 'method')),
    method_id text COLLATE "C" REFERENCES public.payment_methods (method_id),
    last_try integer,
    CONSTRAINT link_life_bounded CHECK (expires_at > issued_at AND expires_at <= issued_at + interval '90 days'),
    CONSTRAINT link_use_is_whole CHECK (num_nonnulls(used_at, used_for, method_id, last_try) IN (0, 4)),
    CONSTRAINT link_is_used_in_its_life CHECK (used_at < expires_at + interval '1 day'),
    CONSTRAINT link_follows_another CHECK ((follows IS NULL) = (number = 1))
);
COMMENT ON COLUMN public.pay_links.follows IS 'The link of a payment that was declined, whose browser got this one';
COMMENT ON COLUMN public.pay_links.last_try IS 'Number of the newest try when it was used; -1 for none';
CREATE INDEX pay_links_invoice ON public.pay_links (invoice_id, issued_at);
GRANT SELECT, INSERT (link_id, invoice_id, follows, number, issued_at, issued_by, expires_at),
    UPDATE (used_at, used_for, method_id, last_try) ON public.pay_links TO quittance_app;

CREATE FUNCTION public.link_is_used_once() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.used_at IS NOT NULL THEN
        RAISE EXCEPTION 'a link of invoice % was used before', OLD.invoice_id USING ERRCODE = 'QT409',
            CONSTRAINT = 'link_is_used_once', DETAIL = OLD.invoice_id, HINT = 'it was used before';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER link_is_used_once BEFORE UPDATE ON public.pay_links
    FOR EACH ROW EXECUTE FUNCTION public.link_is_used_once();
ALTER TABLE public.pay_links ENABLE ALWAYS TRIGGER link_is_used_once;
"""

SETUPS = """
CREATE TABLE public.pay_setups (
    setup_id text COLLATE "C" PRIMARY KEY CONSTRAINT setup_form CHECK (setup_id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    link_id text COLLATE "C" NOT NULL REFERENCES public.pay_links (link_id),
    gateway text COLLATE "C" NOT NULL CONSTRAINT setup_gateway_form CHECK (gateway ~ '^[a-z][a-z0-9_]{1,31}$'),
    number integer NOT NULL CONSTRAINT setup_is_numbered CHECK (number BETWEEN 1 AND 20),
    asked_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    reference text COLLATE "C" CONSTRAINT setup_reference_form CHECK (reference ~ '^[!-~]{1,200}$'),
    page text COLLATE "C" CONSTRAINT setup_page_form CHECK (page ~ '^https?://[!-~]+$' AND length(page) <= 4000),
    ended_at timestamptz,
    failed_because text,
    CONSTRAINT setup_is_numbered_once UNIQUE (link_id, gateway, number),
    CONSTRAINT setup_start_is_whole CHECK ((reference IS NULL) = (page IS NULL)),
    CONSTRAINT setup_failure_is_an_end CHECK (failed_because IS NULL OR ended_at IS NOT NULL)
);
COMMENT ON COLUMN public.pay_setups.reference IS 'The gateway''s object; null until it is known to have been made';
GRANT SELECT, INSERT (setup_id, link_id, gateway, number, asked_at),
    UPDATE (reference, page, ended_at, failed_because) ON public.pay_setups TO quittance_app;

CREATE FUNCTION public.setup_follows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR (OLD.reference IS NOT NULL AND NEW.reference IS DISTINCT FROM OLD.reference) THEN
        RAISE EXCEPTION 'setup % is over, or another object at its gateway', OLD.setup_id USING ERRCODE = 'QT409',
            CONSTRAINT = 'setup_follows', DETAIL = OLD.setup_id, HINT = 'it is over, or another one at the gateway';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER setup_follows BEFORE UPDATE ON public.pay_setups
    FOR EACH ROW EXECUTE FUNCTION public.setup_follows();
ALTER TABLE public.pay_setups ENABLE ALWAYS TRIGGER setup_follows;
"""

# A customer who pays by a link is there to act, so that their bank may ask them.
PRESENCE = """
ALTER TABLE public.dunning_events ADD COLUMN customer_present boolean NOT NULL DEFAULT false
    CONSTRAINT dunning_event_of_who_is_there CHECK (NOT customer_present OR kind = 'retried_now');
GRANT INSERT (customer_present) ON public.dunning_events TO quittance_app;
"""

NEVER_DELETED = """
CREATE TRIGGER never_deleted BEFORE DELETE ON public.{table} FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.{table}
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.{table} ENABLE ALWAYS TRIGGER never_deleted, ENABLE ALWAYS TRIGGER never_emptied;
GRANT SELECT ON public.{table} TO quittance_auditor;
"""


def upgrade() -> None:
    """Create them; the application issues and uses, and rewrites nothing."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (LINKS, SETUPS, PRESENCE):
        connection.exec_driver_sql(statement)
    for table in ("pay_links", "pay_setups"):
        connection.exec_driver_sql(NEVER_DELETED.format(table=table))
