"""Invoices: their lines, their numbers without gaps, and where they stand, which follows from what happened to them.

A number is taken from its series in the transaction that finalises, under the lock of the series' row: whatever is rolled
back takes no number, and two that race get two that follow each other.
"""

from alembic import op

revision = "0032"
down_revision = "0031"

NUMBERS = """
CREATE TABLE public.invoice_numbers (
    series text COLLATE "C" PRIMARY KEY CONSTRAINT series_form CHECK (series ~ '^[A-Z0-9]{1,12}$'),
    last bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE public.invoice_numbers IS 'The last number given in each series; no sequence, which leaves gaps';
GRANT SELECT ON public.invoice_numbers TO quittance_app, quittance_auditor;
"""

# What is due and where it stands are computed by PostgreSQL from what happened: nobody can write either.
INVOICES = """
CREATE TABLE public.invoices (
    invoice_id text COLLATE "C" PRIMARY KEY CONSTRAINT invoice_id_form CHECK (invoice_id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    customer_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    request_hash text NOT NULL,
    subscription_id text COLLATE "C" REFERENCES public.subscriptions (subscription_id),
    period_number integer,
    due_at timestamptz,
    series text COLLATE "C" REFERENCES public.invoice_numbers (series),
    sequence bigint,
    number text COLLATE "C" GENERATED ALWAYS AS (
        series || '-' || lpad(sequence::text, greatest(6, length(sequence::text)), '0')
    ) STORED,
    total_minor bigint NOT NULL DEFAULT 0,
    applied_minor bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    finalized_at timestamptz,
    finalized_by text,
    voided_at timestamptz,
    voided_by text,
    voided_because text,
    written_off_at timestamptz,
    written_off_by text,
    written_off_because text,
    due_minor bigint GENERATED ALWAYS AS (
        CASE WHEN finalized_at IS NULL OR voided_at IS NOT NULL THEN 0 ELSE total_minor - applied_minor END
    ) STORED,
    state text COLLATE "C" GENERATED ALWAYS AS (CASE
        WHEN voided_at IS NOT NULL THEN 'void'
        WHEN finalized_at IS NULL THEN 'draft'
        WHEN applied_minor = total_minor THEN 'paid'
        WHEN written_off_at IS NOT NULL THEN 'uncollectible'
        ELSE 'open'
    END) STORED,
    CONSTRAINT invoice_is_in_the_customers_currency
        FOREIGN KEY (customer_id, currency) REFERENCES public.customers (customer_id, currency),
    CONSTRAINT invoice_number_is_given_once UNIQUE (series, sequence),
    CONSTRAINT invoice_is_numbered_as_it_is_finalised CHECK (
        num_nonnulls(finalized_at, finalized_by, series, sequence, due_at) = 5
        OR num_nonnulls(finalized_at, finalized_by, series, sequence) = 0
    ),
    CONSTRAINT invoice_total_not_negative CHECK (finalized_at IS NULL OR total_minor >= 0),
    CONSTRAINT applied_within_total CHECK (applied_minor = 0 OR applied_minor BETWEEN 0 AND total_minor),
    CONSTRAINT applied_to_what_is_owed CHECK (applied_minor = 0 OR finalized_at IS NOT NULL AND voided_at IS NULL),
    CONSTRAINT invoice_void_is_attributed CHECK (num_nonnulls(voided_at, voided_by, voided_because) IN (0, 3)),
    CONSTRAINT invoice_loss_is_attributed CHECK (
        num_nonnulls(written_off_at, written_off_by, written_off_because) IN (0, 3)
    ),
    CONSTRAINT invoice_is_written_off_or_void CHECK (num_nonnulls(written_off_at, voided_at) <= 1),
    CONSTRAINT invoice_loss_was_owed CHECK (written_off_at IS NULL OR finalized_at IS NOT NULL),
    CONSTRAINT invoice_period_is_of_a_subscription CHECK ((subscription_id IS NULL) = (period_number IS NULL))
);
CREATE INDEX invoices_customer ON public.invoices (customer_id, finalized_at);
CREATE INDEX invoices_state ON public.invoices (state, created_at);
CREATE UNIQUE INDEX period_is_billed_once ON public.invoices (subscription_id, period_number) WHERE voided_at IS NULL;
GRANT SELECT, INSERT (invoice_id, customer_id, currency, request_hash, subscription_id, period_number, due_at, created_by)
    ON public.invoices TO quittance_app;
GRANT UPDATE (series, finalized_at, finalized_by, voided_at, voided_by, voided_because, written_off_at, written_off_by,
    written_off_because) ON public.invoices TO quittance_app;
GRANT SELECT ON public.invoices TO quittance_auditor;
"""

LINES = """
CREATE TABLE public.invoice_lines (
    invoice_id text COLLATE "C" NOT NULL REFERENCES public.invoices (invoice_id),
    line_number integer NOT NULL CONSTRAINT invoice_line_numbered CHECK (line_number BETWEEN 1 AND 199),
    description text NOT NULL CONSTRAINT invoice_line_says_what CHECK (description ~ '\\S' AND length(description) <= 300),
    amount_minor bigint NOT NULL,
    earns_to text COLLATE "C" NOT NULL CONSTRAINT invoice_line_earns CHECK (earns_to ~ '^(revenue|liability|tax):'),
    begins date,
    ends date,
    PRIMARY KEY (invoice_id, line_number),
    CONSTRAINT invoice_line_days_are_whole CHECK ((begins IS NULL) = (ends IS NULL) AND (begins IS NULL OR begins < ends))
);
COMMENT ON COLUMN public.invoice_lines.earns_to IS 'The account: revenue, deferred revenue, or tax';

CREATE FUNCTION public.invoice_line_is_of_a_draft() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.invoices SET total_minor = total_minor + NEW.amount_minor
        WHERE invoice_id = NEW.invoice_id AND finalized_at IS NULL AND voided_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'invoice %: lines are added to drafts only', NEW.invoice_id
            USING ERRCODE = 'QT409', CONSTRAINT = 'invoice_line_is_of_a_draft', DETAIL = NEW.invoice_id;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER invoice_line_is_of_a_draft BEFORE INSERT ON public.invoice_lines
    FOR EACH ROW EXECUTE FUNCTION public.invoice_line_is_of_a_draft();
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON public.invoice_lines
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.invoice_lines
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.invoice_lines ENABLE ALWAYS TRIGGER invoice_line_is_of_a_draft, ENABLE ALWAYS TRIGGER never_changed,
    ENABLE ALWAYS TRIGGER never_emptied;
GRANT SELECT, INSERT ON public.invoice_lines TO quittance_app;
GRANT SELECT ON public.invoice_lines TO quittance_auditor;
"""

FOLLOWS = """
CREATE FUNCTION public.invoice_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    finalizes boolean := OLD.finalized_at IS NULL AND NEW.finalized_at IS NOT NULL;
    voids boolean := OLD.voided_at IS NULL AND NEW.voided_at IS NOT NULL;
    writes_off boolean := OLD.written_off_at IS NULL AND NEW.written_off_at IS NOT NULL;
    fault text;
BEGIN
    fault := CASE
        WHEN NOT finalizes AND (NEW.finalized_at, NEW.finalized_by, NEW.series, NEW.sequence, NEW.due_at)
            IS DISTINCT FROM (OLD.finalized_at, OLD.finalized_by, OLD.series, OLD.sequence, OLD.due_at)
            OR NOT voids AND (NEW.voided_at, NEW.voided_by, NEW.voided_because)
                IS DISTINCT FROM (OLD.voided_at, OLD.voided_by, OLD.voided_because)
            OR NOT writes_off AND (NEW.written_off_at, NEW.written_off_by, NEW.written_off_because)
                IS DISTINCT FROM (OLD.written_off_at, OLD.written_off_by, OLD.written_off_because)
            THEN 'what happened to it stays as it was'
        WHEN finalizes::integer + voids::integer + writes_off::integer > 1 THEN 'one thing at a time'
        WHEN finalizes AND OLD.state <> 'draft' THEN format('it is %s, and only a draft is finalised', OLD.state)
        WHEN finalizes AND NOT EXISTS (SELECT FROM public.invoice_lines l WHERE l.invoice_id = OLD.invoice_id)
            THEN 'it has no lines'
        WHEN voids AND OLD.state NOT IN ('draft', 'open') THEN format('it is %s, and cannot be called off', OLD.state)
        WHEN voids AND OLD.applied_minor > 0 THEN 'a part of it is paid'
        WHEN writes_off AND OLD.state <> 'open' THEN format('it is %s, and cannot be written off', OLD.state)
    END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'invoice %: %', OLD.invoice_id, fault
            USING ERRCODE = 'QT409', CONSTRAINT = 'invoice_follows', DETAIL = OLD.invoice_id, HINT = fault;
    END IF;
    IF finalizes THEN
        INSERT INTO public.invoice_numbers (series) VALUES (NEW.series) ON CONFLICT DO NOTHING;
        UPDATE public.invoice_numbers n SET last = n.last + 1 WHERE n.series = NEW.series
            RETURNING n.last INTO NEW.sequence;
        -- Read under the lock, so that the order of the numbers is the order of the times.
        NEW.finalized_at := clock_timestamp();
        NEW.due_at := coalesce(NEW.due_at, NEW.finalized_at);
    ELSIF voids THEN
        NEW.voided_at := clock_timestamp();
    ELSIF writes_off THEN
        NEW.written_off_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER invoice_follows BEFORE UPDATE ON public.invoices
    FOR EACH ROW EXECUTE FUNCTION public.invoice_follows();
"""

GUARD = """
CREATE TRIGGER never_deleted BEFORE DELETE ON public.{table} FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.{table}
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.{table} ENABLE ALWAYS TRIGGER never_deleted, ENABLE ALWAYS TRIGGER never_emptied;
"""


def upgrade() -> None:
    """Create invoices; the application drafts, finalises, voids and writes off, and numbers none itself."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (NUMBERS, INVOICES, LINES, FOLLOWS):
        connection.exec_driver_sql(statement)
    for table in ("invoice_numbers", "invoices"):
        connection.exec_driver_sql(GUARD.format(table=table))
    connection.exec_driver_sql("ALTER TABLE public.invoices ENABLE ALWAYS TRIGGER invoice_follows")
