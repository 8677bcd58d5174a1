"""The tables of what people do to accounts, as `ledger.database` has the others."""

from sqlalchemy import BigInteger, Column, DateTime, Table, Text

from ledger.database import metadata

account_changes = Table(
    "account_changes",
    metadata,
    Column("change_id", BigInteger, primary_key=True),
    Column("account_id", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("floor_minor", BigInteger),
    Column("bill_back_minor", BigInteger),
    Column("actor", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)

holds = Table(
    "holds",
    metadata,
    Column("hold_id", Text, primary_key=True),
    Column("account_id", BigInteger, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("posted_minor", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("entry_id", BigInteger),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("placed_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", Text),
    Column("ended_because", Text),
)
