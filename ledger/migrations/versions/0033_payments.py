"""Payments and what they pay: each application is a row that stays, and what is applied is their sum, whoever writes."""

from alembic import op

revision = "0033"
down_revision = "0032"

PAYMENTS = """
CREATE TABLE public.payments (
    payment_id text COLLATE "C" PRIMARY KEY
        CONSTRAINT payment_id_form CHECK (payment_id ~ '^(charge|outside)/[A-Za-z0-9_.-]{1,64}$'),
    kind text COLLATE "C" NOT NULL CONSTRAINT payment_kind_names_it CHECK (kind = split_part(payment_id, '/', 1)),
    customer_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    charge_id text COLLATE "C" UNIQUE REFERENCES public.charges (charge_id),
    bank text COLLATE "C" CONSTRAINT payment_bank_form CHECK (bank ~ '^[A-Za-z0-9_.-]{1,64}$'),
    reference text COLLATE "C" CONSTRAINT payment_reference_form CHECK (reference ~ '^[A-Za-z0-9_.-]{1,64}$'),
    request_hash text,
    amount_minor bigint NOT NULL,
    applied_minor bigint NOT NULL DEFAULT 0,
    changes integer NOT NULL DEFAULT 0,
    received_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    recorded_by text NOT NULL,
    returned_at timestamptz,
    returned_by text,
    returned_because text,
    CONSTRAINT payment_is_in_the_customers_currency
        FOREIGN KEY (customer_id, currency) REFERENCES public.customers (customer_id, currency),
    CONSTRAINT payment_is_of_a_charge_or_a_bank CHECK (
        kind = 'charge' AND payment_id = 'charge/' || charge_id AND num_nonnulls(bank, reference, request_hash) = 0
        OR kind = 'outside' AND charge_id IS NULL AND num_nonnulls(bank, reference, request_hash) = 3
    ),
    CONSTRAINT payment_from_outside_is_positive CHECK (
        kind = 'charge' OR amount_minor > 0 OR amount_minor = 0 AND returned_at IS NOT NULL
    ),
    CONSTRAINT payment_return_is_attributed CHECK (
        num_nonnulls(returned_at, returned_by, returned_because) = 0
        OR kind = 'outside' AND num_nonnulls(returned_at, returned_by, returned_because) = 3
    ),
    CONSTRAINT payment_is_recorded_once UNIQUE (bank, reference),
    CONSTRAINT applied_within_payment CHECK (applied_minor BETWEEN 0 AND greatest(amount_minor, 0))
);
COMMENT ON COLUMN public.payments.amount_minor IS 'Of a charge: what its entries left on the customer''s account';
COMMENT ON COLUMN public.payments.changes IS 'How often its credit changed: each change has an entry';
CREATE INDEX payments_customer ON public.payments (customer_id, received_at);

CREATE FUNCTION public.payment_follows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.kind = 'outside' AND NEW.amount_minor <> OLD.amount_minor
            AND (NEW.amount_minor <> 0 OR NEW.returned_at IS NULL)
        OR NEW.changes < OLD.changes
        OR OLD.returned_at IS NOT NULL AND (NEW.returned_at, NEW.returned_by, NEW.returned_because)
            IS DISTINCT FROM (OLD.returned_at, OLD.returned_by, OLD.returned_because)
    THEN
        RAISE EXCEPTION 'payment %: what came in stays as it was', OLD.payment_id
            USING ERRCODE = 'QT409', CONSTRAINT = 'payment_follows', DETAIL = OLD.payment_id;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER payment_follows BEFORE UPDATE ON public.payments
    FOR EACH ROW EXECUTE FUNCTION public.payment_follows();
CREATE TRIGGER never_deleted BEFORE DELETE ON public.payments FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.payments
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.payments ENABLE ALWAYS TRIGGER payment_follows, ENABLE ALWAYS TRIGGER never_deleted,
    ENABLE ALWAYS TRIGGER never_emptied;
GRANT SELECT, INSERT (payment_id, kind, customer_id, currency, charge_id, bank, reference, request_hash, amount_minor,
    received_at, recorded_by) ON public.payments TO quittance_app;
GRANT UPDATE (amount_minor, changes, returned_at, returned_by, returned_because) ON public.payments TO quittance_app;
GRANT SELECT ON public.payments TO quittance_auditor;
"""

# Both sums move with the row, under the locks of both, so that their checks see every race.
APPLICATIONS = """
CREATE TABLE public.payment_applications (
    application_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id text COLLATE "C" NOT NULL REFERENCES public.payments (payment_id),
    invoice_id text COLLATE "C" NOT NULL REFERENCES public.invoices (invoice_id),
    amount_minor bigint NOT NULL CONSTRAINT application_moves_something CHECK (amount_minor <> 0),
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_by text NOT NULL
);
COMMENT ON COLUMN public.payment_applications.amount_minor IS 'Less than zero: taken back, as after a refund';
CREATE INDEX payment_applications_payment ON public.payment_applications (payment_id, invoice_id);
CREATE INDEX payment_applications_invoice ON public.payment_applications (invoice_id);

CREATE FUNCTION public.application_counts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    invoice public.invoices;
    payment public.payments;
    fault text;
BEGIN
    UPDATE public.invoices i SET applied_minor = i.applied_minor + NEW.amount_minor
        WHERE i.invoice_id = NEW.invoice_id RETURNING i.* INTO invoice;
    UPDATE public.payments p SET applied_minor = p.applied_minor + NEW.amount_minor
        WHERE p.payment_id = NEW.payment_id RETURNING p.* INTO payment;
    fault := CASE
        WHEN (invoice.customer_id, invoice.currency) IS DISTINCT FROM (payment.customer_id, payment.currency)
            THEN 'they are of one customer, in one currency'
        WHEN NEW.amount_minor + coalesce((
                SELECT sum(a.amount_minor) FROM public.payment_applications a
                    WHERE a.payment_id = NEW.payment_id AND a.invoice_id = NEW.invoice_id
            ), 0) < 0 THEN 'no more is taken back than was applied'
    END;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION 'payment % and invoice %: %', NEW.payment_id, NEW.invoice_id, fault
            USING ERRCODE = 'QT409', CONSTRAINT = 'application_counts', DETAIL = NEW.payment_id, HINT = fault;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER application_counts BEFORE INSERT ON public.payment_applications
    FOR EACH ROW EXECUTE FUNCTION public.application_counts();
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON public.payment_applications
    FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.payment_applications
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.payment_applications ENABLE ALWAYS TRIGGER application_counts, ENABLE ALWAYS TRIGGER never_changed,
    ENABLE ALWAYS TRIGGER never_emptied;
GRANT SELECT, INSERT (payment_id, invoice_id, amount_minor, applied_by) ON public.payment_applications TO quittance_app;
GRANT SELECT ON public.payment_applications TO quittance_auditor;
"""


def upgrade() -> None:
    """Create payments and applications; the application adds them, and sums none itself."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (PAYMENTS, APPLICATIONS):
        connection.exec_driver_sql(statement)
