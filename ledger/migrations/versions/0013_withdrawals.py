"""Withdrawals: money that a gateway took back of a capture without an operation of ours, and what came of it."""

from alembic import op

revision = "0013"
down_revision = "0012"

WITHDRAWALS = """
CREATE TABLE public.withdrawals (
    gateway text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    charge_id text COLLATE "C" NOT NULL REFERENCES public.charges (charge_id),
    operation_id text COLLATE "C" NOT NULL REFERENCES public.operations (operation_id)
        CONSTRAINT withdrawal_operation_is_of_the_charge CHECK (starts_with(operation_id, charge_id || ':')),
    kind text COLLATE "C" NOT NULL CONSTRAINT withdrawal_kind_known CHECK (kind IN ('reversal', 'dispute')),
    state text COLLATE "C" NOT NULL CONSTRAINT withdrawal_state_known CHECK (state IN ('open', 'lost', 'won')),
    currency char(3) NOT NULL CONSTRAINT withdrawal_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint NOT NULL CONSTRAINT withdrawal_amount_positive CHECK (amount_minor > 0),
    returned_minor bigint NOT NULL DEFAULT 0
        CONSTRAINT returned_within_withdrawn CHECK (returned_minor BETWEEN 0 AND amount_minor),
    fee_minor bigint NOT NULL DEFAULT 0,
    fee_currency char(3) NOT NULL CONSTRAINT withdrawal_fee_currency_form CHECK (fee_currency ~ '^[A-Z]{3}$'),
    changes integer NOT NULL DEFAULT 0,
    withdrawn_at timestamptz NOT NULL,
    closed_at timestamptz,
    read_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (gateway, reference)
);
COMMENT ON TABLE public.withdrawals IS 'Reversals and disputes, one row for each of the gateway''s objects';
COMMENT ON COLUMN public.withdrawals.changes IS 'How often it changed after it was first seen: each change has entries of its own';
CREATE INDEX withdrawals_charge ON public.withdrawals (charge_id);
GRANT SELECT, INSERT ON public.withdrawals TO quittance_app;
-- What was taken, of what and when, is a fact; what came of it is told later.
GRANT UPDATE (state, returned_minor, fee_minor, changes, closed_at, read_at) ON public.withdrawals TO quittance_app;
"""

CHARGES = """
ALTER TABLE public.charges
    ADD COLUMN withdrawn_minor bigint NOT NULL DEFAULT 0
        CONSTRAINT withdrawn_not_negative CHECK (withdrawn_minor >= 0),
    DROP CONSTRAINT charge_status_known,
    ADD CONSTRAINT charge_status_known CHECK (status IN (
        'processing', 'requires_action', 'pending', 'unknown', 'authorized', 'captured', 'partially_captured',
        'voided', 'refunded', 'canceled', 'declined', 'expired', 'needs_review', 'disputed', 'reversed'
    ));
COMMENT ON COLUMN public.charges.withdrawn_minor IS 'What the gateway took back of it, and has not returned';
GRANT UPDATE (withdrawn_minor) ON public.charges TO quittance_app;
"""

# A gateway may take back what was refunded too, and that has to be booked; what is refused is a refund that would add to it.
NOT_TWICE = """
CREATE FUNCTION public.refund_is_of_what_is_left() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'charge %: % is captured, % refunded, % reserved and % taken back by the gateway', NEW.charge_id,
        NEW.captured_minor, NEW.refunded_minor, NEW.refund_reserved_minor, NEW.withdrawn_minor
        USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_is_of_what_is_left';
END
$$;
CREATE TRIGGER refund_is_of_what_is_left BEFORE UPDATE ON public.charges FOR EACH ROW
    WHEN (
        NEW.refund_reserved_minor > OLD.refund_reserved_minor
        AND NEW.refunded_minor + NEW.refund_reserved_minor + NEW.withdrawn_minor > NEW.captured_minor
    )
    EXECUTE FUNCTION public.refund_is_of_what_is_left();
ALTER TABLE public.charges ENABLE ALWAYS TRIGGER refund_is_of_what_is_left;
"""


def upgrade() -> None:
    """Create withdrawals; the application writes them down and what came of them, and deletes none."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (WITHDRAWALS, CHARGES, NOT_TWICE):
        connection.exec_driver_sql(statement)
