"""Stripe's idempotency layer: the first answer under a key is kept for 24 hours and given again, byte by byte.

Kept are all answers of requests whose execution began, a 402 and a 500 as well. Not kept are wrong parameters, 401,
409 and 429. The same key with other parameters, or at another endpoint, is refused.
"""

import hashlib
from dataclasses import dataclass
from urllib.parse import parse_qsl

from simulators.gateway import Call
from simulators.store import Store, Transaction
from simulators.stripe.errors import Refusal

LIFETIME_SECONDS = 24 * 3600
MAX_KEY_LENGTH = 255
SCHEMA = """
CREATE TABLE IF NOT EXISTS idempotency_keys (
    key TEXT PRIMARY KEY, at INTEGER NOT NULL, fingerprint BLOB NOT NULL, status INTEGER NOT NULL,
    body BLOB NOT NULL, request_id TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Kept:
    """A first answer, and the request that got it."""

    status: int
    body: bytes
    request_id: str


def define(store: Store) -> None:
    """Make room for the keys."""
    store.define(SCHEMA)


def find(transaction: Transaction, call: Call, key: str) -> Kept | None:
    """What is kept for this request; refuses a key that was used for another one."""
    if len(key) > MAX_KEY_LENGTH:
        raise Refusal(f"Idempotency-Key is too long: it can have up to {MAX_KEY_LENGTH} characters.", stored=False)
    row = transaction.connection.execute(
        "SELECT at, fingerprint, status, body, request_id FROM idempotency_keys WHERE key = ?", (key,)
    ).fetchone()
    if row is None or transaction.now - row[0] >= LIFETIME_SECONDS:
        return None
    if row[1] != _fingerprint(call):
        raise Refusal(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
            stored=False,
        )
    return Kept(*row[2:])


def keep(transaction: Transaction, call: Call, key: str, kept: Kept) -> None:
    """Remember the answer, in place of one under the same key that is pruned by now or was never given."""
    transaction.connection.execute(
        "INSERT OR REPLACE INTO idempotency_keys (key, at, fingerprint, status, body, request_id)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (key, transaction.now, _fingerprint(call), kept.status, kept.body, kept.request_id),
    )


def _fingerprint(call: Call) -> bytes:
    parameters = sorted(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
    return hashlib.sha256(repr((call.method, call.path, parameters)).encode()).digest()
