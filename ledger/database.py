"""The engine, and the tables as queries name them. The schema itself comes from `ledger/migrations` only.

A test holds these tables against a migrated database.
"""

from sqlalchemy import (
    ARRAY,
    CHAR,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    make_url,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import UserDefinedType

Database = AsyncEngine
"""A pool of connections to one database."""
Connection = AsyncConnection
"""One connection, in a transaction that its caller ends."""
OUTAGES = (OperationalError, InterfaceError, PoolTimeout)
"""PostgreSQL could not do it now; the same step may be done again later."""

APPLICATION_NAME = "quittance"
CONNECT_SECONDS = 5
POOL_WAIT_SECONDS = 10
_SESSION = {
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    # A posting holds the balances of its accounts until its commit: a process that hangs before it must not hold up others.
    "idle_in_transaction_session_timeout": "5s",
    "timezone": "UTC",
}


def outage_reason(error: BaseException) -> str:
    """Say in one line why PostgreSQL could not do it, in its own words where it had any."""
    return str(getattr(error, "orig", error)).strip().partition("\n")[0] or "no answer in time"


def driver_url(url: str) -> str:
    """Return a `postgresql://` address as SQLAlchemy wants it, for psycopg 3."""
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def create_engine(url: str, pool_size: int) -> AsyncEngine:
    """Make an engine with at most `pool_size` connections, on which nothing can wait without end."""
    return create_async_engine(
        driver_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_use_lifo=True,  # the connection that was used last has its plans and pages at hand
        isolation_level="READ COMMITTED",
        connect_args={
            "application_name": APPLICATION_NAME,
            "connect_timeout": CONNECT_SECONDS,
            "options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
        },
    )


class TransactionId(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Name the type in SQL."""
        return "XID8"


metadata = MetaData()

account_codes = Table(
    "account_codes",
    metadata,
    Column("code", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("normal_side", Text, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("code", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("normal_side", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("entry_id", BigInteger, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("event_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("charge_id", Text),
    Column("operation_id", Text),
    Column("actor", Text, nullable=False),
    Column("reason_code", Text),
    Column("reverses_entry_id", BigInteger),
    Column("line_count", Integer, nullable=False),
    Column("totals", JSONB, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("transaction_id", TransactionId, nullable=False),
    Column("period", Text, nullable=False),
)

lines = Table(
    "lines",
    metadata,
    Column("line_id", BigInteger, primary_key=True),
    Column("entry_id", BigInteger, nullable=False),
    Column("line_number", Integer, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("side", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("charge_id", Text),
    Column("sequence", BigInteger, nullable=False),
    Column("before_minor", BigInteger, nullable=False),
    Column("after_minor", BigInteger, nullable=False),
    Column("event_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("event_high", DateTime(timezone=True), nullable=False),
)

balances = Table(
    "balances",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("balance_minor", BigInteger, nullable=False),
    Column("held_minor", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("event_high", DateTime(timezone=True), nullable=False),
    Column("floor_minor", BigInteger),
    Column("state", Text, nullable=False),
)

chart = Table(
    "chart",
    metadata,
    Column("code", Text, primary_key=True),
    Column("form", Text, nullable=False),
    Column("literals", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("normal_side", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("guarded", Boolean, nullable=False),
    Column("bill_back_minor", BigInteger),
    Column("currencies", ARRAY(Text)),
)

charges = Table(
    "charges",
    metadata,
    Column("charge_id", Text, primary_key=True),
    Column("request_hash", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("capture_method", Text, nullable=False),
    Column("at_expiry", Text, nullable=False),
    Column("payment_methods", JSONB, nullable=False),
    Column("invoice", Text),
    Column("metadata", JSONB, nullable=False),
    Column("actor", Text, nullable=False),
    Column("gateway", Text),
    Column("gateway_reason", Text),
    Column("decline_code", Text),
    Column("message", Text),
    Column("action_url", Text),
    Column("authorization_expires_at", DateTime(timezone=True)),
    Column("authorized_minor", BigInteger, nullable=False),
    Column("captured_minor", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False),
    Column("refund_reserved_minor", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("customer_country", CHAR(2)),
    Column("confirm_by", DateTime(timezone=True)),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("canceled_by", Text),
    Column("withdrawn_minor", BigInteger, nullable=False),
    Column("customer_present", Boolean, nullable=False),
    Column("answer", JSONB(none_as_null=True)),
)

operations = Table(
    "operations",
    metadata,
    Column("operation_id", Text, primary_key=True),
    Column("charge_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("payment_method", Text),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("payment_reference", Text),
    Column("target_reference", Text),
    Column("gateway_reference", Text),
    Column("outcome", Text),
    Column("decline_code", Text),
    Column("message", Text),
    Column("fee_minor", BigInteger),
    Column("fee_currency", CHAR(3)),
    Column("fee_status", Text, nullable=False),
    Column("refund_id", Text),
    Column("reason", Text),
    Column("actor", Text, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("decided_at", DateTime(timezone=True)),
    Column("purpose", Text, nullable=False),
    Column("compensates", Text),
    Column("excess", Boolean, nullable=False),
    Column("authenticate", Boolean, nullable=False),
    Column("times_unknown", Integer, nullable=False),
    Column("routing", JSONB),
    Column("advice", Text),
    Column("customer_present", Boolean, nullable=False),
    Column("gateway_customer", Text),
    Column("mandate", Text),
    Column("answer", JSONB(none_as_null=True)),
)

withdrawals = Table(
    "withdrawals",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("reference", Text, primary_key=True),
    Column("charge_id", Text, nullable=False),
    Column("operation_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("returned_minor", BigInteger, nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    Column("fee_currency", CHAR(3), nullable=False),
    Column("changes", Integer, nullable=False),
    Column("withdrawn_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("read_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)

reviews = Table(
    "reviews",
    metadata,
    Column("review_id", BigInteger, primary_key=True),
    Column("charge_id", Text, nullable=False),
    Column("refund_id", Text),
    Column("operation_id", Text),
    Column("reason", Text, nullable=False),
    Column("evidence", JSONB),
    Column("choices", JSONB, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("resolved_at", DateTime(timezone=True)),
    Column("resolution", Text),
    Column("because", Text),
    Column("resolved_by", Text),
)

webhook_events = Table(
    "webhook_events",
    metadata,
    Column("sequence", BigInteger, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("deliveries", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_try_at", DateTime(timezone=True)),
    Column("handled_at", DateTime(timezone=True)),
    Column("charge_id", Text),
    Column("operation_id", Text),
    Column("result", Text),
    Column("came_by", Text, nullable=False),
)

webhook_transmissions = Table(
    "webhook_transmissions",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("transmission_id", Text, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("body_hash", LargeBinary, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
)

webhook_horizons = Table(
    "webhook_horizons",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("horizon", DateTime(timezone=True), nullable=False),
    Column("next_ask_at", DateTime(timezone=True), nullable=False),
)

splits = Table(
    "splits",
    metadata,
    Column("split_id", Text, primary_key=True),
    Column("request_hash", Text, nullable=False),
    Column("request", JSONB, nullable=False),
    Column("status", Text, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("canceled_by", Text),
    Column("because", Text),
    Column("message", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

split_legs = Table(
    "split_legs",
    metadata,
    Column("split_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("charge_id", Text, nullable=False),
    Column("started_at", DateTime(timezone=True)),
    Column("refusal", Text),
)
