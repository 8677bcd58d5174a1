"""The table of exchange rates, as `ledger.database` has the others."""

from sqlalchemy import BigInteger, Column, DateTime, Table, Text

from ledger.database import metadata

exchange_rates = Table(
    "exchange_rates",
    metadata,
    Column("rate_id", BigInteger, primary_key=True),
    Column("from_unit", Text, nullable=False),
    Column("to_unit", Text, nullable=False),
    Column("numerator", BigInteger, nullable=False),
    Column("denominator", BigInteger, nullable=False),
    Column("effective_from", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("source", Text, nullable=False),
    Column("actor", Text, nullable=False),
)
