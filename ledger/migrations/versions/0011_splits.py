"""Split payments: what was asked for over several payment methods, and which charge is which leg of it."""

from alembic import op

revision = "0011"
down_revision = "0010"

SPLITS = """
CREATE TABLE public.splits (
    split_id text COLLATE "C" PRIMARY KEY CONSTRAINT split_id_form CHECK (split_id ~ '^[A-Za-z0-9_.-]{1,61}$'),
    request_hash text NOT NULL,
    request jsonb NOT NULL,
    status text COLLATE "C" NOT NULL CONSTRAINT split_status_known CHECK (status IN (
        'processing', 'requires_action', 'pending', 'captured', 'undoing', 'undone', 'needs_review'
    )),
    currency char(3) NOT NULL CONSTRAINT split_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint NOT NULL CONSTRAINT split_amount_positive CHECK (amount_minor > 0),
    canceled_by text,
    because text,
    message text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN public.splits.because IS 'Why it is undone, as it was first seen';
COMMENT ON COLUMN public.splits.message IS 'What is to be known of it now';
CREATE INDEX splits_status ON public.splits (status, created_at);
GRANT SELECT, INSERT ON public.splits TO quittance_app;
GRANT UPDATE (status, canceled_by, because, message, updated_at) ON public.splits TO quittance_app;
"""

# The charge of a leg comes when its turn does, so it cannot be referred to; its id is made of the split's.
LEGS = """
CREATE TABLE public.split_legs (
    split_id text COLLATE "C" NOT NULL REFERENCES public.splits (split_id),
    number integer NOT NULL CONSTRAINT leg_number_bounded CHECK (number BETWEEN 1 AND 10),
    charge_id text COLLATE "C" NOT NULL UNIQUE,
    started_at timestamptz,
    refusal text,
    PRIMARY KEY (split_id, number),
    CONSTRAINT leg_charge_is_named_by_the_split CHECK (charge_id = split_id || '.' || number)
);
COMMENT ON COLUMN public.split_legs.started_at IS 'Written before its charge is started; NULL: it never was';
COMMENT ON COLUMN public.split_legs.refusal IS 'Why there is no charge: no gateway has heard of it';
GRANT SELECT, INSERT ON public.split_legs TO quittance_app;
GRANT UPDATE (started_at, refusal) ON public.split_legs TO quittance_app;
"""


def upgrade() -> None:
    """Create splits and their legs; of what was asked for, the application changes nothing."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    connection.exec_driver_sql(SPLITS)
    connection.exec_driver_sql(LEGS)
