"""Cards: how often each was tried over all invoices, checkouts and commands, and which may never be tried again.

A try is claimed before it is made, under the lock of its card's row, so that two processes cannot count past each other.
"""

from alembic import op

revision = "0036"
down_revision = "0035"

CARD_OF = """
CREATE FUNCTION public.card_of(gateway text, fingerprint text, token text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'card_' || left(encode(sha256(convert_to(
        gateway || CASE WHEN fingerprint IS NULL THEN ' token ' || token ELSE ' fingerprint ' || fingerprint END, 'UTF8'
    )), 'hex'), 32)
$$;
GRANT EXECUTE ON FUNCTION public.card_of TO quittance_app;
"""

CEILINGS = """
CREATE TABLE public.card_ceilings (
    network text COLLATE "C" NOT NULL CONSTRAINT ceiling_network_form CHECK (network ~ '^[a-z]+$'),
    region text COLLATE "C" NOT NULL,
    countries text[],
    counts text COLLATE "C" NOT NULL CONSTRAINT ceiling_counts_known CHECK (counts IN ('answers', 'refusals')),
    same_amount boolean NOT NULL,
    consecutive boolean NOT NULL,
    window_hours integer NOT NULL CONSTRAINT ceiling_window_bounded CHECK (window_hours BETWEEN 1 AND 8760),
    most integer NOT NULL CONSTRAINT ceiling_most_bounded CHECK (most BETWEEN 1 AND 1000),
    effective_from date,
    effective_until date,
    source text NOT NULL,
    note text NOT NULL,
    CONSTRAINT ceiling_region_has_countries CHECK ((region = '') = (countries IS NULL))
);
COMMENT ON TABLE public.card_ceilings IS 'How often a card may be tried; network `any` is our own minimum';
COMMENT ON COLUMN public.card_ceilings.countries IS 'Of the region; NULL where it holds everywhere';
CREATE INDEX card_ceilings_network ON public.card_ceilings (network);
GRANT SELECT ON public.card_ceilings TO quittance_app, quittance_auditor;
"""

CARDS = """
CREATE TABLE public.cards (
    card text COLLATE "C" PRIMARY KEY CONSTRAINT card_form CHECK (card ~ '^card_[0-9a-f]{32}$'),
    is_now text COLLATE "C" REFERENCES public.cards (card),
    never_at timestamptz,
    never_because text,
    CONSTRAINT card_is_no_other_itself CHECK (is_now <> card),
    CONSTRAINT never_has_a_reason CHECK ((never_at IS NULL) = (never_because IS NULL))
);
COMMENT ON TABLE public.cards IS 'Whoever claims a try locks the row, so that the tries of a card are counted one after the other';
COMMENT ON COLUMN public.cards.is_now IS 'Of a token: the card by its fingerprint, once that is known';

CREATE FUNCTION public.card_stays_never() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.never_at IS NOT NULL AND (NEW.never_at, NEW.never_because) IS DISTINCT FROM (OLD.never_at, OLD.never_because) THEN
        RAISE EXCEPTION 'card %: never is not undone; ask for another card', OLD.card
            USING ERRCODE = 'QT409', CONSTRAINT = 'card_stays_never', DETAIL = OLD.card;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER card_stays_never BEFORE UPDATE ON public.cards FOR EACH ROW EXECUTE FUNCTION public.card_stays_never();
"""

# What is not decided counts as refused by the issuer until it is known: the flags say so from the start.
TRIES = """
CREATE TABLE public.card_tries (
    operation_id text COLLATE "C" PRIMARY KEY,
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    charge_id text COLLATE "C" NOT NULL,
    card text COLLATE "C" NOT NULL REFERENCES public.cards (card),
    network text,
    country char(2),
    amount_minor bigint NOT NULL CONSTRAINT try_amount_positive CHECK (amount_minor > 0),
    currency char(3) NOT NULL,
    tried_at timestamptz NOT NULL,
    is_decided boolean NOT NULL DEFAULT false,
    is_approved boolean NOT NULL DEFAULT false,
    at_network boolean NOT NULL DEFAULT true,
    is_technical boolean NOT NULL DEFAULT false,
    CONSTRAINT undecided_counts_as_refused CHECK (is_decided OR at_network AND NOT is_approved AND NOT is_technical),
    CONSTRAINT approved_is_no_failure CHECK (NOT is_approved OR at_network AND NOT is_technical)
);
COMMENT ON TABLE public.card_tries IS 'Each try of a card; by its time, and among those of one time by its sequence';
CREATE INDEX card_tries_card ON public.card_tries (card, tried_at, sequence);
CREATE INDEX card_tries_counted ON public.card_tries (card, tried_at, sequence) WHERE at_network AND NOT is_approved;
CREATE INDEX card_tries_approved ON public.card_tries (card, tried_at, sequence) WHERE is_approved;

CREATE FUNCTION public.try_is_decided_once() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (NEW.operation_id, NEW.sequence, NEW.charge_id, NEW.amount_minor, NEW.currency, NEW.tried_at)
            IS DISTINCT FROM (OLD.operation_id, OLD.sequence, OLD.charge_id, OLD.amount_minor, OLD.currency, OLD.tried_at)
        OR OLD.is_decided AND (NEW.is_decided, NEW.is_approved, NEW.at_network, NEW.is_technical)
            IS DISTINCT FROM (OLD.is_decided, OLD.is_approved, OLD.at_network, OLD.is_technical)
    THEN
        RAISE EXCEPTION 'try %: what was tried, and what came of it, stays as it was', OLD.operation_id
            USING ERRCODE = 'QT409', CONSTRAINT = 'try_is_decided_once', DETAIL = OLD.operation_id;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER try_is_decided_once BEFORE UPDATE ON public.card_tries
    FOR EACH ROW EXECUTE FUNCTION public.try_is_decided_once();
"""

GUARD = """
CREATE TRIGGER never_deleted BEFORE DELETE ON public.{table} FOR EACH ROW EXECUTE FUNCTION public.refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.{table}
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
ALTER TABLE public.{table} ENABLE ALWAYS TRIGGER {own}, ENABLE ALWAYS TRIGGER never_deleted,
    ENABLE ALWAYS TRIGGER never_emptied;
GRANT SELECT ON public.{table} TO quittance_app, quittance_auditor;
"""

# Never is said of the card, and of nothing else: what methods knew of it moves there.
METHODS = """
ALTER TABLE public.payment_methods
    ADD COLUMN card text COLLATE "C" NOT NULL GENERATED ALWAYS AS (public.card_of(gateway, fingerprint, token)) STORED;
INSERT INTO public.cards (card, never_at, never_because)
    SELECT DISTINCT ON (m.card) m.card, m.never_at, m.never_because FROM public.payment_methods m
        ORDER BY m.card, m.never_at;
INSERT INTO public.cards (card, is_now, never_at, never_because)
    SELECT DISTINCT ON (t.card) t.card, t.is_now, t.never_at, t.never_because FROM (
        SELECT public.card_of(m.gateway, NULL, m.token) AS card, m.card AS is_now, m.never_at, m.never_because, m.added_at
            FROM public.payment_methods m WHERE m.fingerprint IS NOT NULL
    ) t ORDER BY t.card, t.added_at DESC
    ON CONFLICT (card) DO UPDATE SET is_now = excluded.is_now;
UPDATE public.cards f SET never_at = t.never_at, never_because = t.never_because FROM public.cards t
    WHERE t.is_now = f.card AND t.never_at IS NOT NULL AND f.never_at IS NULL;

CREATE OR REPLACE FUNCTION public.method_keeps_its_facts() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.removed_at IS NOT NULL AND (NEW.removed_at, NEW.removed_by) IS DISTINCT FROM (OLD.removed_at, OLD.removed_by)
        OR OLD.replaced_at IS NOT NULL
            AND (NEW.replaced_at, NEW.replaced_by) IS DISTINCT FROM (OLD.replaced_at, OLD.replaced_by)
        OR OLD.fingerprint IS NOT NULL AND NEW.fingerprint IS DISTINCT FROM OLD.fingerprint
        OR OLD.brand IS NOT NULL AND NEW.brand IS DISTINCT FROM OLD.brand
        OR OLD.country IS NOT NULL AND NEW.country IS DISTINCT FROM OLD.country
    THEN
        RAISE EXCEPTION 'payment method %: what became of it is not undone; add it again', OLD.method_id
            USING ERRCODE = 'QT409', CONSTRAINT = 'method_keeps_its_facts', DETAIL = OLD.method_id;
    END IF;
    RETURN NEW;
END
$$;
ALTER TABLE public.payment_methods DROP COLUMN never_at, DROP COLUMN never_because;
CREATE INDEX payment_methods_token ON public.payment_methods (gateway, token);
CREATE INDEX payment_methods_card ON public.payment_methods (card);
GRANT SELECT (card) ON public.payment_methods TO quittance_auditor;

-- A token whose card is known by its fingerprint stands for that card from now on, with all that was tried before.
CREATE FUNCTION public.method_has_a_card() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token_card text := public.card_of(NEW.gateway, NULL, NEW.token);
    token_row public.cards;
BEGIN
    INSERT INTO public.cards (card) VALUES (NEW.card) ON CONFLICT DO NOTHING;
    IF NEW.fingerprint IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO public.cards (card, is_now) VALUES (token_card, NEW.card)
        ON CONFLICT (card) DO UPDATE SET is_now = excluded.is_now RETURNING * INTO token_row;
    PERFORM FROM public.cards c WHERE c.card = NEW.card FOR NO KEY UPDATE;
    UPDATE public.card_tries t SET card = NEW.card WHERE t.card = token_card;
    IF token_row.never_at IS NOT NULL THEN
        UPDATE public.cards c SET never_at = token_row.never_at, never_because = token_row.never_because
            WHERE c.card = NEW.card AND c.never_at IS NULL;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER method_has_a_card AFTER INSERT OR UPDATE OF fingerprint ON public.payment_methods
    FOR EACH ROW EXECUTE FUNCTION public.method_has_a_card();
ALTER TABLE public.payment_methods ENABLE ALWAYS TRIGGER method_has_a_card;
"""

# The rules are those of `billing/dunning/ceilings.py`; a test holds one against the other. Rows are looked up by index, even
# by a plan that was made while the tables were small.
CLAIM = """
CREATE FUNCTION public.lock_card(card text) RETURNS public.cards LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    known public.cards;
BEGIN
    -- A snapshot older than the lock would not show the tries that others claimed before.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'cards are counted at READ COMMITTED only'
            USING ERRCODE = 'QT409', CONSTRAINT = 'card_is_counted_at_read_committed', DETAIL = lock_card.card;
    END IF;
    SELECT c.* INTO known FROM public.cards c WHERE c.card = lock_card.card FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        INSERT INTO public.cards (card) VALUES (lock_card.card) ON CONFLICT DO NOTHING;
        SELECT c.* INTO known FROM public.cards c WHERE c.card = lock_card.card FOR NO KEY UPDATE;
    END IF;
    IF known.is_now IS NOT NULL THEN
        SELECT c.* INTO known FROM public.cards c WHERE c.card = known.is_now FOR NO KEY UPDATE;
    END IF;
    RETURN known;
END
$$;

-- What is refused is refused without the lock: a card at its ceiling holds nobody up, and writes nothing. Only what may be
-- granted waits for the lock, and is decided again by all that others claimed before.
CREATE FUNCTION public.claim_card_try(
    operation_id text, charge_id text, card text, network text, country text, amount_minor bigint, currency text,
    tried_at timestamptz, ours boolean, OUT granted boolean, OUT next_at timestamptz, OUT why text
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    locks boolean;
    known public.cards;
    claim record;
    moment timestamptz;
    approved_at timestamptz;
    approved bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM public.card_ceilings) THEN
        RAISE EXCEPTION 'no ceilings of cards are known: bring them up with `worker.py --migrate`' USING ERRCODE = '55000';
    END IF;
    FOREACH locks IN ARRAY ARRAY[false, true] LOOP
        IF locks THEN
            known := public.lock_card(claim_card_try.card);
        ELSE
            SELECT n.* INTO known FROM public.cards c JOIN public.cards n ON n.card = coalesce(c.is_now, c.card)
                WHERE c.card = claim_card_try.card;
            CONTINUE WHEN NOT FOUND;
        END IF;
        SELECT t.card, t.tried_at INTO claim FROM public.card_tries t WHERE t.operation_id = claim_card_try.operation_id;
        IF FOUND THEN
            IF claim.card <> known.card THEN
                RAISE EXCEPTION '% was claimed for another card', claim_card_try.operation_id
                    USING ERRCODE = 'QT409', CONSTRAINT = 'try_is_of_one_card', DETAIL = claim_card_try.operation_id;
            END IF;
            granted := true;
            next_at := claim.tried_at;
            RETURN;
        END IF;
        granted := false;
        IF known.never_at IS NOT NULL THEN
            why := known.never_because;
            RETURN;
        END IF;
        SELECT greatest(t.tried_at, claim_card_try.tried_at) INTO moment FROM public.card_tries t
            WHERE t.card = known.card ORDER BY t.tried_at DESC, t.sequence DESC LIMIT 1;
        moment := coalesce(moment, claim_card_try.tried_at);
        SELECT t.tried_at, t.sequence INTO approved_at, approved FROM public.card_tries t
            WHERE t.card = known.card AND t.is_approved ORDER BY t.tried_at DESC, t.sequence DESC LIMIT 1;
        -- Of each ceiling that is filled: when the oldest try was made of the newest that fill it.
        SELECT filled.tried_at + make_interval(hours => r.window_hours),
                r.note || CASE WHEN r.network = 'any' THEN '' ELSE format(' (%s)', r.network) END
            INTO next_at, why
            FROM public.card_ceilings r
            CROSS JOIN LATERAL (
                SELECT t.tried_at FROM public.card_tries t
                    WHERE t.card = known.card AND t.at_network AND NOT t.is_approved
                        AND t.tried_at > moment - make_interval(hours => r.window_hours)
                        AND (r.counts = 'answers' OR NOT t.is_technical)
                        AND (NOT r.same_amount
                            OR t.amount_minor = claim_card_try.amount_minor AND t.currency = claim_card_try.currency)
                        AND (NOT r.consecutive OR approved IS NULL OR (t.tried_at, t.sequence) > (approved_at, approved))
                    ORDER BY t.tried_at DESC, t.sequence DESC OFFSET r.most - 1 LIMIT 1
            ) filled
            WHERE (r.network = claim_card_try.network OR r.network = 'any' AND claim_card_try.ours)
                AND (r.countries IS NULL OR claim_card_try.country = ANY (r.countries))
                AND (r.effective_from IS NULL OR r.effective_from <= (moment AT TIME ZONE 'UTC')::date)
                AND (r.effective_until IS NULL OR r.effective_until > (moment AT TIME ZONE 'UTC')::date)
            ORDER BY 1 DESC, 2 LIMIT 1;
        IF FOUND THEN
            RETURN;
        END IF;
    END LOOP;
    INSERT INTO public.card_tries (operation_id, charge_id, card, network, country, amount_minor, currency, tried_at)
        VALUES (claim_card_try.operation_id, claim_card_try.charge_id, known.card, claim_card_try.network,
            claim_card_try.country, claim_card_try.amount_minor, claim_card_try.currency, moment);
    SELECT true, moment INTO granted, next_at;
END
$$;
COMMENT ON FUNCTION public.claim_card_try IS 'Grants a try of a card, or says from when the next is allowed and why; NULL is never';
GRANT EXECUTE ON FUNCTION public.claim_card_try TO quittance_app;
"""

SETTLE = """
CREATE FUNCTION public.mark_card_never(card text, because text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    known public.cards := public.lock_card(mark_card_never.card);
BEGIN
    UPDATE public.cards c SET never_at = clock_timestamp(), never_because = mark_card_never.because
        WHERE c.card = known.card AND c.never_at IS NULL;
END
$$;
GRANT EXECUTE ON FUNCTION public.mark_card_never TO quittance_app;

-- What the gateway told of the card comes first: a token's tries are then the card's, and one that nobody claimed is counted.
CREATE FUNCTION public.settle_card_try(
    operation_id text, is_approved boolean, at_network boolean, is_technical boolean, never_because text,
    fingerprint text, brand text, country text
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    -- A word that fits no column is no reason to leave the outcome unwritten.
    told_brand text := substring(settle_card_try.brand FROM '^[a-z][a-z0-9_]{1,31}$');
    told_country text := substring(settle_card_try.country FROM '^[A-Z]{2}$');
    operation public.operations;
    settled public.card_tries;
BEGIN
    IF settle_card_try.fingerprint IS NOT NULL THEN
        SELECT o.* INTO operation FROM public.operations o WHERE o.operation_id = settle_card_try.operation_id;
        UPDATE public.payment_methods m SET fingerprint = settle_card_try.fingerprint,
                brand = coalesce(m.brand, told_brand), country = coalesce(m.country, told_country)
            WHERE m.gateway = operation.gateway AND m.token = operation.payment_method AND m.fingerprint IS NULL
                AND m.removed_at IS NULL AND m.replaced_at IS NULL;
    END IF;
    UPDATE public.card_tries t SET is_decided = true, is_approved = settle_card_try.is_approved,
            at_network = settle_card_try.at_network, is_technical = settle_card_try.is_technical
        WHERE t.operation_id = settle_card_try.operation_id AND NOT t.is_decided
        RETURNING t.* INTO settled;
    IF NOT FOUND AND operation.payment_method IS NOT NULL THEN
        settled.card := public.card_of(operation.gateway, settle_card_try.fingerprint, NULL);
        INSERT INTO public.cards (card) VALUES (settled.card) ON CONFLICT DO NOTHING;
        INSERT INTO public.card_tries (operation_id, charge_id, card, network, country, amount_minor, currency, tried_at,
                is_decided, is_approved, at_network, is_technical)
            VALUES (operation.operation_id, operation.charge_id, settled.card, told_brand, told_country,
                operation.amount_minor, operation.currency, operation.requested_at, true,
                settle_card_try.is_approved, settle_card_try.at_network, settle_card_try.is_technical)
            ON CONFLICT DO NOTHING RETURNING * INTO settled;
    END IF;
    IF settled.operation_id IS NOT NULL AND settle_card_try.never_because IS NOT NULL THEN
        PERFORM public.mark_card_never(settled.card, settle_card_try.never_because);
    END IF;
    RETURN settled.operation_id IS NOT NULL;
END
$$;
GRANT EXECUTE ON FUNCTION public.settle_card_try TO quittance_app;
"""


def upgrade() -> None:
    """Create cards, their tries and their ceilings; the application claims and settles tries, and writes none itself."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (CARD_OF, CEILINGS, CARDS, TRIES):
        connection.exec_driver_sql(statement)
    for table, own in (("cards", "card_stays_never"), ("card_tries", "try_is_decided_once")):
        connection.exec_driver_sql(GUARD.format(table=table, own=own))
    for statement in (METHODS, CLAIM, SETTLE):
        connection.exec_driver_sql(statement)
