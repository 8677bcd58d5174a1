"""A decision is dated after its person's role was looked at: dated before, it could be of a moment just before the role was given."""

from alembic import op

revision = "0035"
down_revision = "0034"

DECIDED = """
CREATE OR REPLACE FUNCTION public.decision_is_allowed() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    adjustment public.adjustments;
    refused record;
    has_the_role boolean;
BEGIN
    SELECT a.* INTO adjustment FROM public.adjustments a WHERE a.adjustment_id = NEW.adjustment_id FOR UPDATE;
    -- Nobody takes the role away until the transaction ends, so that the moment written down is one at which it was held.
    has_the_role := public.has_role(NEW.person, 'accountant');
    NEW.decided_at := clock_timestamp();
    SELECT r.rule, r.fault, r.code INTO refused
        FROM (VALUES
            (1, 'QT404', 'adjustment_is_known', 'there is no such adjustment', adjustment.adjustment_id IS NULL),
            (2, 'QT403', 'adjustment_is_decided_by_another_person',
                format('%s asked for it, and another person has to decide', adjustment.requester),
                lower(NEW.person) = lower(adjustment.requester)),
            (3, 'QT403', 'adjustment_decider_has_the_role', 'that needs the role accountant',
                NOT has_the_role),
            (4, 'QT409', 'adjustment_is_decided_once_by_each', 'each person decides once, and this one has', EXISTS (
                SELECT FROM public.adjustment_decisions d
                    WHERE d.adjustment_id = NEW.adjustment_id AND lower(d.person) = lower(NEW.person)
            )),
            (5, 'QT409', 'adjustment_is_open', format('it is %s already', adjustment.state),
                adjustment.state <> 'requested'),
            (6, 'QT409', 'adjustment_is_decided_in_time', format('it expired at %s UTC',
                to_char(adjustment.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')),
                NEW.decided_at >= adjustment.expires_at),
            (7, 'QT409', 'adjustment_is_decided_as_it_is', 'its entry has another hash than the one that was seen',
                NEW.seen_hash <> adjustment.entry_hash
                OR NEW.seen_hash <> sha256(convert_to(adjustment.entry, 'UTF8')))
        ) r (place, code, rule, fault, applies)
        WHERE r.applies
        ORDER BY r.place
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% may not % adjustment %: %', NEW.person, NEW.decision, NEW.adjustment_id, refused.fault
            USING ERRCODE = refused.code, CONSTRAINT = refused.rule, DETAIL = NEW.adjustment_id, HINT = refused.fault;
    END IF;
    RETURN NEW;
END
$$;
"""


def upgrade() -> None:
    """Ask for the role first, then for the time."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    connection.exec_driver_sql(DECIDED)
