"""The tables of adjustments as queries name them; the schema itself comes from `ledger/migrations` only."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from ledger.database import TransactionId, metadata

adjustment_tiers = Table(
    "adjustment_tiers",
    metadata,
    Column("currency", Text, primary_key=True),
    Column("set_at", DateTime(timezone=True), primary_key=True),
    Column("one_approval_up_to_minor", BigInteger),
    Column("set_by", Text, nullable=False),
)

adjustments = Table(
    "adjustments",
    metadata,
    Column("adjustment_id", Text, primary_key=True),
    Column("requester", Text, nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("entry", Text, nullable=False),
    Column("entry_hash", LargeBinary, nullable=False),
    Column("tier", JSONB, nullable=False),
    Column("approvals_needed", Integer, nullable=False),
    Column("valid_seconds", Integer, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("posting_transaction", TransactionId),
    Column("posted_entry_id", BigInteger),
)

adjustment_decisions = Table(
    "adjustment_decisions",
    metadata,
    Column("adjustment_id", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("seen_hash", LargeBinary, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False),
)
