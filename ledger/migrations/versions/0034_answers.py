"""Charges without their customer, and all that a gateway tells of an attempt: every code of a decline, and the card's facts.

What is asked for, and in whose presence, is written with the intent and never changes; what was answered is an outcome.
"""

from alembic import op

revision = "0034"
down_revision = "0033"

# A reader of rows from before finds the customer present, as all of them were, and no answer.
COLUMNS = """
ALTER TABLE public.charges
    ADD COLUMN customer_present boolean NOT NULL DEFAULT true,
    ADD COLUMN answer jsonb CONSTRAINT charge_answer_form
        CHECK (jsonb_typeof(answer) = 'object' AND octet_length(answer::text) <= 4000);
ALTER TABLE public.operations
    ADD COLUMN customer_present boolean NOT NULL DEFAULT true,
    ADD COLUMN gateway_customer text,
    ADD COLUMN mandate text,
    ADD COLUMN answer jsonb CONSTRAINT operation_answer_form
        CHECK (jsonb_typeof(answer) = 'object' AND octet_length(answer::text) <= 4000);
COMMENT ON COLUMN public.charges.customer_present IS 'Whether the customer is there to act; where not, the merchant initiates';
COMMENT ON COLUMN public.charges.answer IS 'What the gateway told beside its last answer; null where it told nothing';
COMMENT ON COLUMN public.operations.gateway_customer IS 'The gateway''s own reference of the customer';
COMMENT ON COLUMN public.operations.mandate IS 'The gateway''s reference of what the customer agreed to';
COMMENT ON COLUMN public.operations.answer IS
    'The codes of a decline by who gave them, whether the issuer was asked, and the card''s facts; null where nothing was told';
GRANT UPDATE (answer) ON public.charges TO quittance_app;
GRANT UPDATE (answer) ON public.operations TO quittance_app;
"""


def upgrade() -> None:
    """Add the columns; of answers before them, nothing is known."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    connection.exec_driver_sql(COLUMNS)
