"""The tables of dunning as queries name them; the schema itself comes from `ledger/migrations` only."""

from sqlalchemy import CHAR, BigInteger, Boolean, Column, DateTime, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from ledger.database import TransactionId, metadata

invoice_tries = Table(
    "invoice_tries",
    metadata,
    Column("charge_id", Text, primary_key=True),
    Column("invoice_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("method_id", Text, nullable=False),
    Column("card", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("network", Text),
    Column("country", CHAR(2)),
    Column("purpose", Text, nullable=False),
    Column("is_rung", Boolean, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("tried_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("withdrawn_at", DateTime(timezone=True)),
    Column("withdrawn_because", Text),
)

dunning_policies = Table(
    "dunning_policies",
    metadata,
    Column("version", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("content", JSONB, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)

dunnings = Table(
    "dunnings",
    metadata,
    Column("invoice_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("subscription_id", Text),
    Column("policy_version", Text, nullable=False),
    Column("policy_name", Text, nullable=False),
    Column("failed_at", DateTime(timezone=True), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("began_by", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", Text),
    Column("reason", Text),
    Column("recovered_by", Text),
)

dunning_events = Table(
    "dunning_events",
    metadata,
    Column("event_seq", BigInteger, primary_key=True),
    Column("invoice_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True)),
    Column("policy", Text),
    Column("method_id", Text),
    Column("by", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("customer_present", Boolean, nullable=False),
)

dunning_access = Table(
    "dunning_access",
    metadata,
    Column("invoice_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("access", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("why", Text, nullable=False),
    Column("told_at", DateTime(timezone=True), nullable=False),
)

dunning_notices = Table(
    "dunning_notices",
    metadata,
    Column("invoice_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("template", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("claimed_at", DateTime(timezone=True)),
    Column("sent_at", DateTime(timezone=True)),
    Column("failed_at", DateTime(timezone=True)),
    Column("failed_because", Text),
)

method_notices = Table(
    "method_notices",
    metadata,
    Column("method_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("template", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("claimed_at", DateTime(timezone=True)),
    Column("sent_at", DateTime(timezone=True)),
    Column("failed_at", DateTime(timezone=True)),
    Column("failed_because", Text),
)

events = Table(
    "events",
    metadata,
    Column("event_id", BigInteger, primary_key=True),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("customer_id", Text),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("body", JSONB, nullable=False),
    Column("written_in", TransactionId, nullable=False),
)

gateway_outages = Table(
    "gateway_outages",
    metadata,
    Column("outage_id", BigInteger, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("noticed_at", DateTime(timezone=True), nullable=False),
    Column("last_failed_at", DateTime(timezone=True), nullable=False),
    Column("why", Text, nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_because", Text),
)

process_wakes = Table(
    "process_wakes",
    metadata,
    Column("wake_id", BigInteger, primary_key=True),
    Column("process", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("noted_at", DateTime(timezone=True), nullable=False),
)
