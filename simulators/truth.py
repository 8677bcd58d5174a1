"""The truth log: every effect and every request, as it really was, whatever the caller was told.

Amounts are in ISO 4217 minor units, not in the gateway's. Tests hold the books against it.
"""

from typing import Any

from simulators.store import Store, Transaction

SCHEMA = """
CREATE TABLE IF NOT EXISTS effects (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, operation_id TEXT,
    idempotency_key TEXT, amount_minor INTEGER NOT NULL, currency TEXT NOT NULL, object_id TEXT NOT NULL,
    payment_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS requests (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    idempotency_key TEXT, status INTEGER, replayed INTEGER NOT NULL, effect INTEGER NOT NULL);
"""
KINDS = (
    *("authorize", "capture", "void", "refund", "refund_failed", "fee", "expire", "cancel"),
    # What the gateway took back without being asked, and what of it returned.
    *("reversal", "reversal_returned", "dispute", "dispute_returned", "dispute_fee"),
)
EFFECT_COLUMNS = (
    "sequence",
    "at",
    "kind",
    "operation_id",
    "idempotency_key",
    "amount_minor",
    "currency",
    "object_id",
    "payment_id",
)
REQUEST_COLUMNS = ("sequence", "at", "method", "path", "idempotency_key", "status", "replayed", "effect")


class TruthLog:
    """Append only."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.define(SCHEMA)

    def effect(
        self,
        transaction: Transaction,
        kind: str,
        *,
        operation_id: str | None,
        idempotency_key: str | None,
        amount_minor: int,
        currency: str,
        object_id: str,
        payment_id: str,
    ) -> None:
        """Something happened to money; `currency` in ISO 4217, upper case."""
        if kind not in KINDS:
            raise ValueError(f"unknown kind of effect {kind!r}")
        transaction.connection.execute(
            "INSERT INTO effects (at, kind, operation_id, idempotency_key, amount_minor, currency, object_id, payment_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                transaction.now,
                kind,
                operation_id,
                idempotency_key,
                amount_minor,
                currency.upper(),
                object_id,
                payment_id,
            ),
        )

    def last_effect(self, transaction: Transaction) -> int:
        """Number of the latest effect, 0 if there was none; whether it grew tells whether a request had an effect."""
        row = transaction.connection.execute("SELECT max(sequence) FROM effects").fetchone()
        return row[0] or 0

    def request(
        self,
        transaction: Transaction,
        *,
        method: str,
        path: str,
        idempotency_key: str | None,
        status: int | None,
        replayed: bool,
        effect: bool,
    ) -> None:
        """A request was answered with this status; None if it was not answered."""
        transaction.connection.execute(
            "INSERT INTO requests (at, method, path, idempotency_key, status, replayed, effect)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (transaction.now, method, path, idempotency_key, status, replayed, effect),
        )

    def read(self) -> dict[str, list[dict[str, Any]]]:
        """Everything, oldest first."""
        with self._store.transaction(0) as transaction:
            effects = transaction.connection.execute(
                f"SELECT {', '.join(EFFECT_COLUMNS)} FROM effects ORDER BY sequence"  # noqa: S608 # our columns
            ).fetchall()
            requests = transaction.connection.execute(
                f"SELECT {', '.join(REQUEST_COLUMNS)} FROM requests ORDER BY sequence"  # noqa: S608 # our columns
            ).fetchall()
        return {
            "effects": [dict(zip(EFFECT_COLUMNS, row, strict=True)) for row in effects],
            "requests": [
                {**dict(zip(REQUEST_COLUMNS, row, strict=True)), "replayed": bool(row[6]), "effect": bool(row[7])}
                for row in requests
            ],
        }
