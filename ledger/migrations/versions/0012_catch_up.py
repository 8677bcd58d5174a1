"""The catch-up: how an event came, and until when each gateway's list of events was read."""

from alembic import op

revision = "0012"
down_revision = "0011"

CAME_BY = """
ALTER TABLE public.webhook_events
    ADD COLUMN came_by text COLLATE "C" NOT NULL DEFAULT 'delivery'
        CONSTRAINT event_way_known CHECK (came_by IN ('delivery', 'polling')),
    DROP CONSTRAINT event_was_delivered,
    ADD CONSTRAINT event_deliveries_possible CHECK (deliveries >= 0 AND (deliveries >= 1 OR came_by = 'polling'));
COMMENT ON COLUMN public.webhook_events.came_by IS 'How it came first. What was polled has no signature';
COMMENT ON COLUMN public.webhook_events.body IS 'The raw bytes of the first delivery, which were signed, or what the list showed';
COMMENT ON COLUMN public.webhook_events.headers IS 'What the first delivery was verified by; empty where it was polled first';
GRANT INSERT (came_by, deliveries) ON public.webhook_events TO quittance_app;
"""

HORIZONS = """
CREATE TABLE public.webhook_horizons (
    gateway text COLLATE "C" PRIMARY KEY CONSTRAINT horizon_gateway_form CHECK (gateway ~ '^[a-z][a-z0-9_]{1,31}$'),
    horizon timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_ask_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN public.webhook_horizons.horizon IS 'Every event that the gateway had listed until then is in the inbox';
COMMENT ON COLUMN public.webhook_horizons.next_ask_at IS 'When the list is read next, also while a worker reads it';
GRANT SELECT, INSERT (gateway), UPDATE (horizon, next_ask_at) ON public.webhook_horizons TO quittance_app;
"""


def upgrade() -> None:
    """Tell delivered and polled events apart, and keep the horizons."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (CAME_BY, HORIZONS):
        connection.exec_driver_sql(statement)
