"""Routing reads the newest outcomes of first operations every few seconds: an index on just those."""

from alembic import op

revision = "0008"
down_revision = "0007"

RECENT = """
CREATE INDEX operations_first_decided ON public.operations (decided_at)
    WHERE kind IN ('authorize', 'capture') AND target_reference IS NULL;
"""


def upgrade() -> None:
    """Add the index; nothing else changes."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    connection.exec_driver_sql(RECENT)
