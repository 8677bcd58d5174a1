"""The tables of the seals, as queries name them; the schema itself comes from `ledger/migrations` only."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, Table
from sqlalchemy.dialects.postgresql import JSONB

from ledger.database import TransactionId, metadata

seals = Table(
    "seals",
    metadata,
    Column("number", BigInteger, primary_key=True),
    Column("previous_digest", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("entry_count", Integer, nullable=False),
    Column("first_leaf", BigInteger, nullable=False),
    Column("last_leaf", BigInteger, nullable=False),
    Column("debits", JSONB, nullable=False),
    Column("columns", JSONB, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("sealed_to_transaction_id", TransactionId, nullable=False),
    Column("sealed_to_entry_id", BigInteger, nullable=False),
    Column("sealed_at", DateTime(timezone=True), nullable=False),
    Column("key_fingerprint", LargeBinary, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

seal_leaves = Table(
    "seal_leaves",
    metadata,
    Column("leaf_index", BigInteger, primary_key=True),
    Column("seal_number", BigInteger, nullable=False),
    Column("entry_id", BigInteger, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
)
