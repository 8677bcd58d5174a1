"""The tables of billing as queries name them; the schema itself comes from `ledger/migrations` only."""

from sqlalchemy import ARRAY, CHAR, BigInteger, Boolean, Column, Date, DateTime, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from ledger.database import metadata

customers = Table(
    "customers",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("request_hash", Text, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("country", CHAR(2)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
)

customer_contacts = Table(
    "customer_contacts",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("name", Text),
    Column("email", Text),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("erased_at", DateTime(timezone=True)),
    Column("erased_by", Text),
)

payment_methods = Table(
    "payment_methods",
    metadata,
    Column("method_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("gateway_customer", Text),
    Column("brand", Text),
    Column("country", CHAR(2)),
    Column("funding", Text),
    Column("expires_on", Date),
    Column("fingerprint", Text),
    Column("mandate_reference", Text),
    Column("preference", Integer, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("added_by", Text, nullable=False),
    Column("replaced_at", DateTime(timezone=True)),
    Column("replaced_by", Text),
    Column("removed_at", DateTime(timezone=True)),
    Column("removed_by", Text),
    Column("card", Text, nullable=False),
    Column("renewed_at", DateTime(timezone=True)),
    Column("renewed_by", Text),
    Column("removed_because", Text),
)

cards = Table(
    "cards",
    metadata,
    Column("card", Text, primary_key=True),
    Column("is_now", Text),
    Column("never_at", DateTime(timezone=True)),
    Column("never_because", Text),
)

card_tries = Table(
    "card_tries",
    metadata,
    Column("operation_id", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("charge_id", Text, nullable=False),
    Column("card", Text, nullable=False),
    Column("network", Text),
    Column("country", CHAR(2)),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("tried_at", DateTime(timezone=True), nullable=False),
    Column("is_decided", Boolean, nullable=False),
    Column("is_approved", Boolean, nullable=False),
    Column("at_network", Boolean, nullable=False),
    Column("is_technical", Boolean, nullable=False),
)

card_ceilings = Table(
    "card_ceilings",
    metadata,
    Column("network", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("countries", ARRAY(Text)),
    Column("counts", Text, nullable=False),
    Column("same_amount", Boolean, nullable=False),
    Column("consecutive", Boolean, nullable=False),
    Column("window_hours", Integer, nullable=False),
    Column("most", Integer, nullable=False),
    Column("effective_from", Date),
    Column("effective_until", Date),
    Column("source", Text, nullable=False),
    Column("note", Text, nullable=False),
)

plan_versions = Table(
    "plan_versions",
    metadata,
    Column("plan_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("request_hash", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("interval_unit", Text, nullable=False),
    Column("interval_count", Integer, nullable=False),
    Column("trial_days", Integer, nullable=False),
    Column("earns_to", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("subscription_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("plan_id", Text, nullable=False),
    Column("plan_version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_on", Date, nullable=False),
    Column("trial_ends_on", Date),
    Column("anchor", Date, nullable=False),
    Column("period_serial", Integer, nullable=False),
    Column("period_begins", Date, nullable=False),
    Column("period_ends", Date, nullable=False),
    Column("cancel_at_period_end", Boolean, nullable=False),
    Column("paused_at", DateTime(timezone=True)),
    Column("paused_until", DateTime(timezone=True)),
    Column("next_plan_id", Text),
    Column("next_plan_version", Integer),
    Column("canceled_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("because", Text, nullable=False),
)

subscription_changes = Table(
    "subscription_changes",
    metadata,
    Column("change_id", BigInteger, primary_key=True),
    Column("subscription_id", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("before", JSONB, nullable=False),
    Column("after", JSONB, nullable=False),
)

invoice_numbers = Table(
    "invoice_numbers",
    metadata,
    Column("series", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

invoices = Table(
    "invoices",
    metadata,
    Column("invoice_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("subscription_id", Text),
    Column("period_number", Integer),
    Column("due_at", DateTime(timezone=True)),
    Column("series", Text),
    Column("sequence", BigInteger),
    Column("number", Text),
    Column("total_minor", BigInteger, nullable=False),
    Column("applied_minor", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("finalized_at", DateTime(timezone=True)),
    Column("finalized_by", Text),
    Column("voided_at", DateTime(timezone=True)),
    Column("voided_by", Text),
    Column("voided_because", Text),
    Column("written_off_at", DateTime(timezone=True)),
    Column("written_off_by", Text),
    Column("written_off_because", Text),
    Column("due_minor", BigInteger),
    Column("state", Text),
)

invoice_lines = Table(
    "invoice_lines",
    metadata,
    Column("invoice_id", Text, primary_key=True),
    Column("line_number", Integer, primary_key=True),
    Column("description", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("earns_to", Text, nullable=False),
    Column("begins", Date),
    Column("ends", Date),
)

payments = Table(
    "payments",
    metadata,
    Column("payment_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("charge_id", Text),
    Column("bank", Text),
    Column("reference", Text),
    Column("request_hash", Text),
    Column("amount_minor", BigInteger, nullable=False),
    Column("applied_minor", BigInteger, nullable=False),
    Column("changes", Integer, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("returned_at", DateTime(timezone=True)),
    Column("returned_by", Text),
    Column("returned_because", Text),
)

payment_applications = Table(
    "payment_applications",
    metadata,
    Column("application_id", BigInteger, primary_key=True),
    Column("payment_id", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("applied_at", DateTime(timezone=True), nullable=False),
    Column("applied_by", Text, nullable=False),
)
