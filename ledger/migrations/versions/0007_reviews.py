"""Reviews: the case of a charge or a refund that a person has to settle, open once and resolved once."""

from alembic import op

revision = "0007"
down_revision = "0006"

REVIEWS = """
CREATE TABLE public.reviews (
    review_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    charge_id text COLLATE "C" NOT NULL REFERENCES public.charges (charge_id),
    refund_id text COLLATE "C" REFERENCES public.operations (refund_id),
    operation_id text COLLATE "C" REFERENCES public.operations (operation_id)
        CONSTRAINT review_operation_is_of_the_charge CHECK (starts_with(operation_id, charge_id || ':')),
    reason text NOT NULL CONSTRAINT review_reason_said CHECK (reason ~ '\\S'),
    evidence jsonb,
    choices jsonb NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    resolved_at timestamptz,
    resolution text COLLATE "C" CONSTRAINT review_resolution_known CHECK (resolution IN (
        'succeeded', 'failed', 'settled_by_gateway'
    )),
    because text CONSTRAINT review_because_said CHECK (because ~ '\\S'),
    resolved_by text CONSTRAINT review_resolver_named CHECK (resolved_by ~ '\\S'),
    CONSTRAINT review_is_open_or_resolved_whole CHECK (
        num_nulls(resolved_at, resolution, because, resolved_by) IN (0, 4)
    )
);
CREATE UNIQUE INDEX review_is_open_once ON public.reviews (charge_id, refund_id) NULLS NOT DISTINCT
    WHERE resolved_at IS NULL;
CREATE INDEX reviews_waiting ON public.reviews (opened_at, review_id) WHERE resolved_at IS NULL;
CREATE INDEX reviews_resolved ON public.reviews (resolved_at, review_id) WHERE resolved_at IS NOT NULL;
CREATE INDEX reviews_charge ON public.reviews (charge_id);
"""

# Whoever writes, the owner too: what a person was shown stays as it was, and what they decided is decided once.
RESOLVED_ONCE = """
CREATE FUNCTION public.review_is_resolved_once() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.resolved_at IS NOT NULL THEN
        RAISE EXCEPTION 'review % is resolved already', OLD.review_id
            USING ERRCODE = 'QT409', CONSTRAINT = 'review_is_resolved_once';
    END IF;
    IF to_jsonb(OLD) - '{resolved_at,resolution,because,resolved_by}'::text[]
        IS DISTINCT FROM to_jsonb(NEW) - '{resolved_at,resolution,because,resolved_by}'::text[]
    THEN
        RAISE EXCEPTION 'of review % only the resolution can be written', OLD.review_id USING ERRCODE = 'QT403';
    END IF;
    NEW.resolved_at := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE FUNCTION public.review_is_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: a review is kept for ever', TG_OP, TG_TABLE_NAME USING ERRCODE = 'QT403';
END
$$;
CREATE TRIGGER resolved_once BEFORE UPDATE ON public.reviews
    FOR EACH ROW EXECUTE FUNCTION public.review_is_resolved_once();
CREATE TRIGGER never_deleted BEFORE DELETE ON public.reviews FOR EACH ROW EXECUTE FUNCTION public.review_is_kept();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.reviews
    FOR EACH STATEMENT EXECUTE FUNCTION public.review_is_kept();
ALTER TABLE public.reviews ENABLE ALWAYS TRIGGER resolved_once, ENABLE ALWAYS TRIGGER never_deleted,
    ENABLE ALWAYS TRIGGER never_emptied;
"""

# A case is opened unresolved, and when it is resolved is not for the application to say.
RIGHTS = """
GRANT SELECT, INSERT (charge_id, refund_id, operation_id, reason, evidence, choices) ON public.reviews TO quittance_app;
GRANT UPDATE (resolution, because, resolved_by) ON public.reviews TO quittance_app;
"""

# Charges that were parked before there were cases: none is in review without one.
ALREADY_PARKED = """
INSERT INTO public.reviews (charge_id, operation_id, reason, choices, opened_at)
    SELECT c.charge_id,
            (
                SELECT o.operation_id FROM public.operations o
                    WHERE o.charge_id = c.charge_id AND o.refund_id IS NULL
                        AND (o.outcome IS NULL OR o.outcome IN ('unknown', 'action_required', 'pending'))
                    ORDER BY o.requested_at DESC, o.operation_id LIMIT 1
            ),
            coalesce(nullif(btrim(c.message), ''), 'it was handed over to a person before there were cases'),
            '[]',
            c.updated_at
        FROM public.charges c
        WHERE c.status = 'needs_review'
        ORDER BY c.updated_at, c.charge_id;
"""


def upgrade() -> None:
    """Create the cases; the application opens and resolves them, and changes and deletes none."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (REVIEWS, ALREADY_PARKED, RESOLVED_ONCE, RIGHTS):
        connection.exec_driver_sql(statement)
