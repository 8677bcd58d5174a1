"""Payment methods whose card its network has renewed behind the same token, and those that a gateway keeps no more.

What is known of a method changes with its renewal only, which says when and by whom.
"""

from alembic import op

revision = "0042"
down_revision = "0040"

COLUMNS = """
ALTER TABLE public.payment_methods
    ADD COLUMN renewed_at timestamptz,
    ADD COLUMN renewed_by text,
    ADD COLUMN removed_because text,
    ADD CONSTRAINT method_renewal_is_attributed CHECK ((renewed_at IS NULL) = (renewed_by IS NULL)),
    ADD CONSTRAINT method_removal_has_the_reason
        CHECK (removed_because IS NULL OR removed_at IS NOT NULL AND removed_because ~ '\\S');
COMMENT ON COLUMN public.payment_methods.renewed_at IS 'When its gateway was last found to have a new card behind the token';
COMMENT ON COLUMN public.payment_methods.removed_because IS 'Why, where it was not a person who removed it';
GRANT UPDATE (brand, country, funding, expires_on, fingerprint, renewed_at, renewed_by, removed_because)
    ON public.payment_methods TO quittance_app;
GRANT SELECT (renewed_at, renewed_by, removed_because) ON public.payment_methods TO quittance_auditor;
"""

# What was not known may become known at any time; what was known is never forgotten, and changes with a renewal.
FACTS = """
CREATE OR REPLACE FUNCTION public.method_keeps_its_facts() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    differs boolean := OLD.fingerprint IS NOT NULL AND NEW.fingerprint IS DISTINCT FROM OLD.fingerprint
        OR OLD.brand IS NOT NULL AND NEW.brand IS DISTINCT FROM OLD.brand
        OR OLD.country IS NOT NULL AND NEW.country IS DISTINCT FROM OLD.country
        OR OLD.funding IS NOT NULL AND NEW.funding IS DISTINCT FROM OLD.funding
        OR OLD.expires_on IS NOT NULL AND NEW.expires_on IS DISTINCT FROM OLD.expires_on;
    forgets boolean := OLD.fingerprint IS NOT NULL AND NEW.fingerprint IS NULL
        OR OLD.brand IS NOT NULL AND NEW.brand IS NULL
        OR OLD.country IS NOT NULL AND NEW.country IS NULL
        OR OLD.funding IS NOT NULL AND NEW.funding IS NULL
        OR OLD.expires_on IS NOT NULL AND NEW.expires_on IS NULL;
    is_renewal boolean := NEW.renewed_at IS NOT NULL AND NEW.renewed_at > coalesce(OLD.renewed_at, OLD.added_at);
BEGIN
    IF OLD.removed_at IS NOT NULL AND (NEW.removed_at, NEW.removed_by, NEW.removed_because)
            IS DISTINCT FROM (OLD.removed_at, OLD.removed_by, OLD.removed_because)
        OR OLD.replaced_at IS NOT NULL
            AND (NEW.replaced_at, NEW.replaced_by) IS DISTINCT FROM (OLD.replaced_at, OLD.replaced_by)
    THEN
        RAISE EXCEPTION 'payment method %: what became of it is not undone; add it again', OLD.method_id
            USING ERRCODE = 'QT409', CONSTRAINT = 'method_keeps_its_facts', DETAIL = OLD.method_id;
    END IF;
    IF forgets OR differs IS DISTINCT FROM is_renewal
        OR NOT is_renewal AND (NEW.renewed_at, NEW.renewed_by) IS DISTINCT FROM (OLD.renewed_at, OLD.renewed_by)
        OR is_renewal AND num_nonnulls(OLD.removed_at, OLD.replaced_at) > 0
    THEN
        RAISE EXCEPTION 'payment method %: what is known of its card changes with a renewal of it, and with nothing else',
            OLD.method_id USING ERRCODE = 'QT409', CONSTRAINT = 'method_keeps_its_facts', DETAIL = OLD.method_id;
    END IF;
    RETURN NEW;
END
$$;
"""

# As in 0036, but that what was said of a token is of the card that it stood for then, and of no later one.
CARDS = """
CREATE OR REPLACE FUNCTION public.method_has_a_card() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token_card text := public.card_of(NEW.gateway, NULL, NEW.token);
    token_row public.cards;
BEGIN
    INSERT INTO public.cards (card) VALUES (NEW.card) ON CONFLICT DO NOTHING;
    IF NEW.fingerprint IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO public.cards (card) VALUES (token_card) ON CONFLICT DO NOTHING;
    SELECT c.* INTO token_row FROM public.cards c WHERE c.card = token_card FOR NO KEY UPDATE;
    IF token_row.is_now IS DISTINCT FROM NEW.card THEN
        UPDATE public.cards c SET is_now = NEW.card WHERE c.card = token_card;
    END IF;
    PERFORM FROM public.cards c WHERE c.card = NEW.card FOR NO KEY UPDATE;
    UPDATE public.card_tries t SET card = NEW.card WHERE t.card = token_card;
    IF token_row.is_now IS NULL AND token_row.never_at IS NOT NULL THEN
        UPDATE public.cards c SET never_at = token_row.never_at, never_because = token_row.never_because
            WHERE c.card = NEW.card AND c.never_at IS NULL;
    END IF;
    RETURN NULL;
END
$$;
"""


def upgrade() -> None:
    """Let the application write down a renewal, and why a method was removed."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (COLUMNS, FACTS, CARDS):
        connection.exec_driver_sql(statement)
