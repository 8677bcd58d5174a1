"""A seal: what is said of a batch of entries and of all before it, in the bytes that are signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from ledger.seals.leaves import Columns, canonical

STATEMENT_PREFIX = b"quittance seal 1\n"
"""So that the key's signature under a seal never passes for one under anything else."""
DIGEST_PREFIX = b"\x02"
NO_SEAL = bytes(32)
"""What the first seal names as the digest of the one before it."""


@dataclass(frozen=True)
class Seal:
    """The statement of a seal."""

    number: int
    """1, 2, 3 and so on."""
    previous_digest: bytes
    root: bytes
    entry_count: int
    first_leaf: int
    """Index of its first leaf among all leaves, from 0."""
    last_leaf: int
    debits: Mapping[str, int]
    """Sum of the debits of its entries for each currency, in minor units."""
    columns: Columns
    """What its leaves cover."""
    epoch: int
    """PostgreSQL's system identifier: transaction ids of one server mean nothing to another."""
    sealed_to_transaction_id: int
    sealed_to_entry_id: int
    """In its epoch, every entry up to this transaction and entry is sealed: none can come any more."""
    sealed_at: datetime
    key_fingerprint: bytes

    @property
    def statement(self) -> bytes:
        """The bytes that are signed."""
        said = {
            "columns": self.columns,
            "debits": self.debits,
            "entry_count": self.entry_count,
            "epoch": self.epoch,
            "first_leaf": self.first_leaf,
            "key_fingerprint": self.key_fingerprint.hex(),
            "last_leaf": self.last_leaf,
            "number": self.number,
            "previous_digest": self.previous_digest.hex(),
            "root": self.root.hex(),
            "sealed_at": self.sealed_at.isoformat(timespec="microseconds"),
            "sealed_to_entry_id": self.sealed_to_entry_id,
            "sealed_to_transaction_id": self.sealed_to_transaction_id,
        }
        return STATEMENT_PREFIX + canonical(said).encode()

    @property
    def digest(self) -> bytes:
        """What the next seal names; it stands for this seal and all before it."""
        return sha256(DIGEST_PREFIX + self.statement).digest()
