"""Attempts over several gateways, late facts, confirmation and cancellation: what a charge and its operations say of them."""

from alembic import op

revision = "0006"
down_revision = "0005"

CHARGES = """
ALTER TABLE public.charges
    ADD COLUMN customer_country char(2) CONSTRAINT charge_country_form CHECK (customer_country ~ '^[A-Z]{2}$'),
    ADD COLUMN confirm_by timestamptz,
    ADD COLUMN confirmed_at timestamptz,
    ADD COLUMN canceled_by text,
    DROP CONSTRAINT charge_status_known,
    ADD CONSTRAINT charge_status_known CHECK (status IN (
        'processing', 'requires_action', 'pending', 'unknown', 'authorized', 'captured', 'partially_captured',
        'voided', 'refunded', 'canceled', 'declined', 'expired', 'needs_review'
    ));
GRANT UPDATE (confirmed_at, canceled_by) ON public.charges TO quittance_app;
"""

OPERATIONS = """
ALTER TABLE public.operations
    ADD COLUMN purpose text COLLATE "C",
    ADD COLUMN compensates text COLLATE "C" REFERENCES public.operations (operation_id),
    ADD COLUMN excess boolean NOT NULL DEFAULT false,
    ADD COLUMN authenticate boolean NOT NULL DEFAULT false,
    ADD COLUMN times_unknown integer NOT NULL DEFAULT 0,
    ADD COLUMN routing jsonb;
UPDATE public.operations SET times_unknown = 1 WHERE EXISTS (
    SELECT FROM public.entries WHERE reference = operation_id || ':unknown'
);
-- What stood before there were purposes: each operation was asked for once, under its own number.
UPDATE public.operations SET purpose = CASE
    WHEN refund_id IS NOT NULL THEN 'refund:' || refund_id
    WHEN target_reference IS NULL AND kind IN ('authorize', 'capture') THEN 'attempt:' || number
    ELSE 'command:' || kind || ':' || number
END;
ALTER TABLE public.operations
    ALTER COLUMN purpose SET NOT NULL,
    ADD CONSTRAINT operation_purpose_is_served_once UNIQUE (charge_id, purpose);
-- Webhooks name the gateway's objects.
CREATE INDEX operations_payment_reference ON public.operations (payment_reference);
CREATE INDEX operations_gateway_reference ON public.operations (gateway_reference);
GRANT UPDATE (excess, times_unknown) ON public.operations TO quittance_app;
"""


def upgrade() -> None:
    """Add what is asked for and what became of it; only the latter can be updated by the application."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    connection.exec_driver_sql(CHARGES)
    connection.exec_driver_sql(OPERATIONS)
