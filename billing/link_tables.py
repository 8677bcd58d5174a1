"""The tables of pay links as queries name them; the schema itself comes from `ledger/migrations` only."""

from sqlalchemy import Column, DateTime, Integer, Table, Text

from ledger.database import metadata

pay_links = Table(
    "pay_links",
    metadata,
    Column("link_id", Text, primary_key=True),
    Column("invoice_id", Text, nullable=False),
    Column("follows", Text),
    Column("number", Integer, nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    Column("used_for", Text),
    Column("method_id", Text),
    Column("last_try", Integer),
)

pay_setups = Table(
    "pay_setups",
    metadata,
    Column("setup_id", Text, primary_key=True),
    Column("link_id", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("reference", Text),
    Column("page", Text),
    Column("ended_at", DateTime(timezone=True)),
    Column("failed_because", Text),
)
