"""What the issuer or the network advised beside a decline: it decides whether another attempt follows, before the code does."""

from alembic import op

revision = "0010"
down_revision = "0009"

ADVICE = """
ALTER TABLE public.operations ADD COLUMN advice text;
GRANT UPDATE (advice) ON public.operations TO quittance_app;
"""


def upgrade() -> None:
    """Add the column; of declines before it, nothing is known."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    connection.exec_driver_sql(ADVICE)
