"""Exchange rates: what was published, one for each pair and effective moment, only added to."""

from alembic import op

revision = "0024"
down_revision = "0023"

# A ratio of two integers in lowest terms, and no decimal number: its inverse is exact, 1/3 can be written, and so the same
# rate is the same row however it was written. The bound keeps both in 15 digits.
RATES = """
CREATE TABLE public.exchange_rates (
    rate_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    from_unit text COLLATE "C" NOT NULL CONSTRAINT rate_from_unit_form CHECK (from_unit ~ '^[A-Z][A-Z0-9]{2,11}$'),
    to_unit text COLLATE "C" NOT NULL CONSTRAINT rate_to_unit_form CHECK (to_unit ~ '^[A-Z][A-Z0-9]{2,11}$'),
    numerator bigint NOT NULL CONSTRAINT rate_numerator_bounds CHECK (numerator BETWEEN 1 AND 999999999999999),
    denominator bigint NOT NULL CONSTRAINT rate_denominator_bounds CHECK (denominator BETWEEN 1 AND 999999999999999),
    effective_from timestamptz NOT NULL CONSTRAINT rate_effective_is_a_moment CHECK (isfinite(effective_from)),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    source text NOT NULL CONSTRAINT rate_source_said CHECK (source ~ '\\S' AND length(source) <= 200),
    actor text NOT NULL CONSTRAINT rate_actor_named CHECK (actor ~ '\\S' AND length(actor) <= 200),
    CONSTRAINT rate_is_between_two_units CHECK (from_unit <> to_unit),
    CONSTRAINT rate_is_in_lowest_terms CHECK (gcd(numerator, denominator) = 1),
    CONSTRAINT rate_is_stated_once UNIQUE (from_unit, to_unit, effective_from)
);
COMMENT ON TABLE public.exchange_rates IS 'One from_unit is numerator / denominator of to_unit, from effective_from on, in major units';
COMMENT ON COLUMN public.exchange_rates.recorded_at IS 'Since when we know it; the database says so, whoever writes';
"""

# Nobody can have known a rate before it was written down, the owner neither.
RECORDED_NOW = """
CREATE FUNCTION public.rate_is_recorded_now() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.recorded_at := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE TRIGGER recorded_now BEFORE INSERT ON public.exchange_rates
    FOR EACH ROW EXECUTE FUNCTION public.rate_is_recorded_now();
ALTER TABLE public.exchange_rates ENABLE ALWAYS TRIGGER recorded_now;
"""

# As for the journal (0003): ALWAYS, so that they hold also under session_replication_role = replica.
GUARD = """
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON public.exchange_rates
    FOR EACH ROW EXECUTE FUNCTION public.refuse_rate_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON public.exchange_rates
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rate_change();
ALTER TABLE public.exchange_rates ENABLE ALWAYS TRIGGER never_changed, ENABLE ALWAYS TRIGGER never_emptied;
"""
REFUSE_CHANGE = """
CREATE FUNCTION public.refuse_rate_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: a rate stays as it was stated; add one that is effective later', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'QT403';
END
$$;
"""

RIGHTS = """
GRANT SELECT ON public.exchange_rates TO quittance_auditor;
GRANT SELECT, INSERT (from_unit, to_unit, numerator, denominator, effective_from, source, actor)
    ON public.exchange_rates TO quittance_app;
"""


def upgrade() -> None:
    """Create the rates; the application adds to them, and changes and deletes none."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (RATES, RECORDED_NOW, REFUSE_CHANGE, GUARD, RIGHTS):
        connection.exec_driver_sql(statement)
