"""The tables of periods and of who holds which role, as queries name them; the schema comes from `ledger/migrations` only."""

from sqlalchemy import BigInteger, Column, Date, DateTime, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from ledger.database import TransactionId, metadata

periods = Table(
    "periods",
    metadata,
    Column("name", Text, primary_key=True),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

period_changes = Table(
    "period_changes",
    metadata,
    Column("change_id", BigInteger, primary_key=True),
    Column("period", Text, nullable=False),
    Column("from_state", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("because", Text),
    Column("approved_by", Text),
    Column("warnings", JSONB, nullable=False),
    Column("transaction_id", TransactionId, nullable=False),
)

people_roles = Table(
    "people_roles",
    metadata,
    Column("grant_id", BigInteger, primary_key=True),
    Column("person", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("from_at", DateTime(timezone=True), nullable=False),
    Column("until_at", DateTime(timezone=True)),
)
