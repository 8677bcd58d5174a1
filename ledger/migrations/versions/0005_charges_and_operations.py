"""Charges and operations, with the limits that no race may break as constraints."""

from alembic import op

revision = "0005"
down_revision = "0004"

CHARGES = """
CREATE TABLE public.charges (
    charge_id text COLLATE "C" PRIMARY KEY CONSTRAINT charge_id_form CHECK (charge_id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    request_hash text NOT NULL,
    status text COLLATE "C" NOT NULL CONSTRAINT charge_status_known CHECK (status IN (
        'processing', 'requires_action', 'pending', 'unknown', 'authorized', 'captured', 'partially_captured',
        'voided', 'declined', 'expired', 'needs_review'
    )),
    customer text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL CONSTRAINT charge_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint NOT NULL CONSTRAINT charge_amount_positive CHECK (amount_minor > 0),
    capture_method text NOT NULL CONSTRAINT charge_capture_known CHECK (capture_method IN ('automatic', 'manual')),
    at_expiry text NOT NULL CONSTRAINT charge_at_expiry_known CHECK (at_expiry IN ('void', 'capture')),
    payment_methods jsonb NOT NULL,
    invoice text,
    metadata jsonb NOT NULL DEFAULT '{}',
    actor text NOT NULL,
    gateway text,
    gateway_reason text,
    decline_code text,
    message text,
    action_url text,
    authorization_expires_at timestamptz,
    authorized_minor bigint NOT NULL DEFAULT 0,
    captured_minor bigint NOT NULL DEFAULT 0,
    refunded_minor bigint NOT NULL DEFAULT 0,
    refund_reserved_minor bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT charge_amounts_not_negative CHECK (
        authorized_minor >= 0 AND captured_minor >= 0 AND refunded_minor >= 0 AND refund_reserved_minor >= 0
    ),
    CONSTRAINT authorized_within_amount CHECK (authorized_minor <= amount_minor),
    CONSTRAINT captured_within_authorized CHECK (captured_minor <= authorized_minor),
    CONSTRAINT refunded_within_captured CHECK (refunded_minor + refund_reserved_minor <= captured_minor)
);
CREATE INDEX charges_status ON public.charges (status, created_at);
CREATE INDEX charges_customer ON public.charges (customer, created_at);
CREATE INDEX charges_created ON public.charges (created_at);
GRANT SELECT, INSERT ON public.charges TO quittance_app;
-- What was asked for never changes; only where it stands does.
GRANT UPDATE (
    status, gateway, gateway_reason, decline_code, message, action_url, authorization_expires_at,
    authorized_minor, captured_minor, refunded_minor, refund_reserved_minor, updated_at
) ON public.charges TO quittance_app;
"""

OPERATIONS = """
CREATE TABLE public.operations (
    operation_id text COLLATE "C" PRIMARY KEY,
    charge_id text COLLATE "C" NOT NULL REFERENCES public.charges (charge_id),
    kind text COLLATE "C" NOT NULL CONSTRAINT operation_kind_known CHECK (kind IN ('authorize', 'capture', 'void', 'refund')),
    number integer NOT NULL CONSTRAINT operation_number_positive CHECK (number >= 1),
    attempt integer NOT NULL CONSTRAINT operation_attempt_positive CHECK (attempt >= 1),
    gateway text NOT NULL,
    payment_method text,
    amount_minor bigint NOT NULL CONSTRAINT operation_amount_positive CHECK (amount_minor > 0),
    currency char(3) NOT NULL CONSTRAINT operation_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
    payment_reference text,
    target_reference text,
    gateway_reference text,
    outcome text CONSTRAINT operation_outcome_known CHECK (outcome IN (
        'succeeded', 'declined', 'action_required', 'pending', 'refused', 'unknown', 'failed'
    )),
    decline_code text,
    message text,
    fee_minor bigint,
    fee_currency char(3) CONSTRAINT operation_fee_currency_form CHECK (fee_currency ~ '^[A-Z]{3}$'),
    fee_status text NOT NULL DEFAULT 'none'
        CONSTRAINT operation_fee_status_known CHECK (fee_status IN ('none', 'pending', 'known')),
    refund_id text COLLATE "C" UNIQUE,
    reason text,
    actor text NOT NULL,
    final boolean NOT NULL DEFAULT true,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    decided_at timestamptz,
    CONSTRAINT operation_id_names_it CHECK (operation_id = charge_id || ':' || kind || ':' || number),
    CONSTRAINT operation_fee_has_currency CHECK ((fee_minor IS NULL) = (fee_currency IS NULL)),
    UNIQUE (charge_id, kind, number)
);
GRANT SELECT, INSERT ON public.operations TO quittance_app;
GRANT UPDATE (
    payment_reference, gateway_reference, outcome, decline_code, message, fee_minor, fee_currency, fee_status, decided_at
) ON public.operations TO quittance_app;
"""


def upgrade() -> None:
    """Create charges and operations; the application writes them, and deletes none."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    connection.exec_driver_sql(CHARGES)
    connection.exec_driver_sql(OPERATIONS)
