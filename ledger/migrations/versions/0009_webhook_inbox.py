"""The inbox: webhook events as they came, kept before they are answered, and what became of each."""

from alembic import op

revision = "0009"
down_revision = "0008"

EVENTS = """
CREATE TABLE public.webhook_events (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway text COLLATE "C" NOT NULL CONSTRAINT event_gateway_form CHECK (gateway ~ '^[a-z][a-z0-9_]{1,31}$'),
    event_id text COLLATE "C" NOT NULL CONSTRAINT event_id_form CHECK (event_id ~ '^[!-~]{1,255}$'),
    event_type text COLLATE "C" NOT NULL CONSTRAINT event_type_form CHECK (event_type ~ '^[!-~]{1,100}$'),
    body bytea NOT NULL CONSTRAINT event_body_size CHECK (octet_length(body) BETWEEN 2 AND 1048576),
    headers jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deliveries integer NOT NULL DEFAULT 1 CONSTRAINT event_was_delivered CHECK (deliveries >= 1),
    state text COLLATE "C" NOT NULL DEFAULT 'received' CONSTRAINT event_state_known CHECK (state IN (
        'received', 'handled', 'unmatched', 'failed', 'ignored'
    )),
    attempts integer NOT NULL DEFAULT 0 CONSTRAINT event_attempts_not_negative CHECK (attempts >= 0),
    next_try_at timestamptz DEFAULT clock_timestamp(),
    handled_at timestamptz,
    -- Found among the operations, whose rows are never deleted. Enforced, a reference would lock the charge's row.
    charge_id text COLLATE "C",
    operation_id text COLLATE "C",
    result text,
    UNIQUE (gateway, event_id),
    CONSTRAINT event_is_handled_at_a_time CHECK ((state IN ('handled', 'ignored')) = (handled_at IS NOT NULL)),
    CONSTRAINT received_event_is_tried CHECK (state <> 'received' OR next_try_at IS NOT NULL)
);
COMMENT ON COLUMN public.webhook_events.body IS 'The raw bytes of the first delivery: what was signed';
COMMENT ON COLUMN public.webhook_events.headers IS 'What the first delivery was verified by';
COMMENT ON COLUMN public.webhook_events.next_try_at IS 'When it is handled next, also while a worker has it; NULL: not again';
COMMENT ON COLUMN public.webhook_events.result IS 'What was done with it, or why it could not be';
CREATE INDEX webhook_events_due ON public.webhook_events (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX webhook_events_received ON public.webhook_events (received_at);
CREATE INDEX webhook_events_open ON public.webhook_events (state, received_at) WHERE state IN ('unmatched', 'failed');
CREATE INDEX webhook_events_charge ON public.webhook_events (charge_id);
"""

# A transmission is one delivery over the network. A gateway that signs only a checksum of the body lets one signature
# stand for several bodies; here it stands for the first.
TRANSMISSIONS = """
CREATE TABLE public.webhook_transmissions (
    gateway text COLLATE "C" NOT NULL,
    transmission_id text COLLATE "C" NOT NULL CONSTRAINT transmission_id_form CHECK (transmission_id ~ '^[!-~]{1,255}$'),
    event_id text COLLATE "C" NOT NULL,
    body_hash bytea NOT NULL CONSTRAINT transmission_body_hash_size CHECK (octet_length(body_hash) = 32),
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (gateway, transmission_id),
    FOREIGN KEY (gateway, event_id) REFERENCES public.webhook_events (gateway, event_id)
);
"""

# What came in never changes and is never deleted by the application; only what became of it is written.
GRANTS = """
GRANT SELECT, INSERT (gateway, event_id, event_type, body, headers) ON public.webhook_events TO quittance_app;
GRANT UPDATE (deliveries, state, attempts, next_try_at, handled_at, charge_id, operation_id, result)
    ON public.webhook_events TO quittance_app;
GRANT SELECT, INSERT (gateway, transmission_id, event_id, body_hash) ON public.webhook_transmissions TO quittance_app;
"""


def upgrade() -> None:
    """Create the inbox."""
    connection = op.get_bind()
    connection.exec_driver_sql("SET LOCAL ROLE quittance_owner")
    for statement in (EVENTS, TRANSMISSIONS, GRANTS):
        connection.exec_driver_sql(statement)
