"""Customers, how they are reached, and what they pay with.

Names and addresses stand in a table of their own, so that they can be erased and everything else stays.
"""

from alembic import op

revision = "0030"
down_revision = "0027"

# One currency for each customer, to which invoices, payments and subscriptions refer, so that none is in another.
CUSTOMERS = """
CREATE TABLE public.customers (
    customer_id text COLLATE "C" PRIMARY KEY CONSTRAINT customer_id_form CHECK (customer_id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    request_hash text NOT NULL,
    currency char(3) NOT NULL CONSTRAINT customer_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    time_zone text NOT NULL CONSTRAINT customer_time_zone_form CHECK (time_zone ~ '^[A-Za-z0-9_+/-]{1,64}$'),
    locale text NOT NULL CONSTRAINT customer_locale_form CHECK (locale ~ '^[a-z]{2,3}(-[A-Z]{2})?$'),
    type text NOT NULL CONSTRAINT customer_type_known CHECK (type IN ('person', 'company')),
    country char(2) CONSTRAINT customer_country_form CHECK (country ~ '^[A-Z]{2}$'),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    CONSTRAINT customer_has_one_currency UNIQUE (customer_id, currency)
);
COMMENT ON TABLE public.customers IS 'Opaque ids and what policies ask for; nothing here names anybody';
CREATE INDEX customers_created ON public.customers (created_at, customer_id);
GRANT SELECT, INSERT (customer_id, request_hash, currency, time_zone, locale, type, country, created_by)
    ON public.customers TO quittance_app;
-- Whoever moves a customer's money locks the row first, for which PostgreSQL asks for the right to update a column.
GRANT UPDATE (locale) ON public.customers TO quittance_app;
GRANT SELECT ON public.customers TO quittance_auditor;
"""

CONTACTS = """
CREATE TABLE public.customer_contacts (
    customer_id text COLLATE "C" PRIMARY KEY REFERENCES public.customers (customer_id),
    name text CONSTRAINT contact_name_length CHECK (length(name) <= 200),
    email text CONSTRAINT contact_email_length CHECK (length(email) <= 254),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    erased_at timestamptz,
    erased_by text,
    CONSTRAINT contact_is_erased_whole CHECK (
        erased_at IS NULL AND erased_by IS NULL
        OR erased_at IS NOT NULL AND erased_by IS NOT NULL AND num_nonnulls(name, email) = 0
    )
);
COMMENT ON TABLE public.customer_contacts IS 'The only place for names and addresses of customers';

CREATE FUNCTION public.contact_stays_erased() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.erased_at IS NOT NULL THEN
        RAISE EXCEPTION 'the contact of customer % is erased, and stays so', OLD.customer_id
            USING ERRCODE = 'QT409', CONSTRAINT = 'contact_stays_erased', DETAIL = OLD.customer_id;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER contact_stays_erased BEFORE UPDATE ON public.customer_contacts
    FOR EACH ROW EXECUTE FUNCTION public.contact_stays_erased();
ALTER TABLE public.customer_contacts ENABLE ALWAYS TRIGGER contact_stays_erased;
GRANT SELECT, INSERT (customer_id, name, email), UPDATE (name, email, erased_at, erased_by)
    ON public.customer_contacts TO quittance_app;
"""

METHODS = """
CREATE TABLE public.payment_methods (
    method_id text COLLATE "C" PRIMARY KEY CONSTRAINT method_id_form CHECK (method_id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    customer_id text COLLATE "C" NOT NULL REFERENCES public.customers (customer_id),
    request_hash text NOT NULL,
    gateway text COLLATE "C" NOT NULL CONSTRAINT method_gateway_form CHECK (gateway ~ '^[a-z][a-z0-9_]{1,31}$'),
    token text COLLATE "C" NOT NULL CONSTRAINT method_token_length CHECK (length(token) BETWEEN 1 AND 200),
    gateway_customer text,
    brand text CONSTRAINT method_brand_form CHECK (brand ~ '^[a-z][a-z0-9_]{1,31}$'),
    country char(2) CONSTRAINT method_country_form CHECK (country ~ '^[A-Z]{2}$'),
    funding text CONSTRAINT method_funding_known CHECK (funding IN ('credit', 'debit', 'prepaid')),
    expires_on date,
    fingerprint text COLLATE "C",
    mandate_reference text,
    preference integer NOT NULL,
    added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    added_by text NOT NULL,
    replaced_at timestamptz,
    replaced_by text COLLATE "C" REFERENCES public.payment_methods (method_id),
    removed_at timestamptz,
    removed_by text,
    never_at timestamptz,
    never_because text,
    CONSTRAINT method_replacement_is_named CHECK ((replaced_at IS NULL) = (replaced_by IS NULL)),
    CONSTRAINT method_removal_is_attributed CHECK ((removed_at IS NULL) = (removed_by IS NULL)),
    CONSTRAINT method_never_has_a_reason CHECK ((never_at IS NULL) = (never_because IS NULL))
);
COMMENT ON COLUMN public.payment_methods.preference IS 'The lowest is tried first';
COMMENT ON COLUMN public.payment_methods.expires_on IS 'The last day on which it is good';
COMMENT ON COLUMN public.payment_methods.never_at IS 'Since when it may never be tried again, whatever it answers later';
CREATE INDEX payment_methods_customer ON public.payment_methods (customer_id, preference);
CREATE INDEX payment_methods_fingerprint ON public.payment_methods (gateway, fingerprint) WHERE fingerprint IS NOT NULL;
CREATE UNIQUE INDEX token_is_of_one_method ON public.payment_methods (gateway, token)
    WHERE removed_at IS NULL AND replaced_at IS NULL;

CREATE FUNCTION public.method_keeps_its_facts() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.never_at IS NOT NULL AND (NEW.never_at, NEW.never_because) IS DISTINCT FROM (OLD.never_at, OLD.never_because)
        OR OLD.removed_at IS NOT NULL AND (NEW.removed_at, NEW.removed_by) IS DISTINCT FROM (OLD.removed_at, OLD.removed_by)
        OR OLD.replaced_at IS NOT NULL
            AND (NEW.replaced_at, NEW.replaced_by) IS DISTINCT FROM (OLD.replaced_at, OLD.replaced_by)
    THEN
        RAISE EXCEPTION 'payment method %: what became of it is not undone; add it again', OLD.method_id
            USING ERRCODE = 'QT409', CONSTRAINT = 'method_keeps_its_facts', DETAIL = OLD.method_id;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER method_keeps_its_facts BEFORE UPDATE ON public.payment_methods
    FOR EACH ROW EXECUTE FUNCTION public.method_keeps_its_facts();
ALTER TABLE public.payment_methods ENABLE ALWAYS TRIGGER method_keeps_its_facts;
GRANT SELECT, INSERT (method_id, customer_id, request_hash, gateway, token, gateway_customer, brand, country, funding,
    expires_on, fingerprint, mandate_reference, preference, added_by) ON public.payment_methods TO quittance_app;
GRANT UPDATE (preference, replaced_at, replaced_by, removed_at, removed_by, never_at, never_because)
    ON public.payment_methods TO quittance_app;
-- What a charge could be made with is not for those who only read.
GRANT SELECT (method_id, customer_id, gateway, brand, country, funding, expires_on, fingerprint, preference, added_at,
    added_by, replaced_at, replaced_by, removed_at, removed_by, never_at, never_because)
    ON public.payment_methods TO quittance_auditor;
"""


def upgrade() -> None:
    """Create customers, contacts and payment methods; the application deletes none, and may erase contacts."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (CUSTOMERS, CONTACTS, METHODS):
        connection.exec_driver_sql(statement)
