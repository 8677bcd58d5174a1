"""What must be so of each seal in its chain, before its leaves are looked at: its number, signature, place and anchor."""

from sqlalchemy import RowMapping

from ledger.seals.anchors import Anchor
from ledger.seals.damage import Damage, DamageFoundError, DamageKind
from ledger.seals.recomputation import Row, digest_of, previous_of, said_by, statement_of
from ledger.seals.signing import TrustedKeys

MAX_ENTRIES = 1000
"""Of a seal; the database refuses more, and so much is held in memory."""


class Chain:
    """The chain as far as it was followed."""

    def __init__(self, keys: TrustedKeys, anchor: Anchor | None) -> None:
        self._keys = keys
        self._anchor = anchor
        self.length = 0
        self.digest: bytes | None = None
        """Of the last seal."""
        self.last: Row | None = None
        """What the last seal says."""

    @property
    def next_leaf(self) -> int:
        """Index of the first leaf that the next seal covers."""
        return self.last["last_leaf"] + 1 if self.last else 0

    def follow(self, row: RowMapping) -> Row:
        """Go on to the next seal, and return what it says; raises DamageFoundError."""
        number, said = self.length + 1, said_by(row)
        statement = statement_of(said)
        digest = digest_of(statement)
        if row["number"] != number:
            _spoilt(number, f"is missing, seal {row['number']} comes next")
        if not self._keys.trusts(row["key_fingerprint"]):
            _spoilt(number, f"is signed with a key that is not trusted, {row['key_fingerprint'].hex()}")
        if row["digest"] != digest or not self._keys.signed(row["key_fingerprint"], statement, row["signature"]):
            _spoilt(number, "was changed: its signature or digest is not of what it says")
        if said["previous_digest"] != previous_of(self.digest):
            _spoilt(number, f"does not follow seal {self.length}: one of the two was replaced")
        if said["first_leaf"] != self.next_leaf or not 0 < self._count(said) == said["entry_count"] <= MAX_ENTRIES:
            _spoilt(
                number, f"covers leaves {said['first_leaf']} to {said['last_leaf']}, and {self.next_leaf} comes next"
            )
        if self._anchor and self._anchor.number == number and self._anchor.digest != digest:
            what = f"seal {number} is not the anchor's: the history up to it was written anew"
            raise DamageFoundError(Damage(DamageKind.ANCHOR, what, seal=number))
        self.length, self.digest, self.last = number, digest, said
        return said

    def end(self, count: int) -> None:
        """Hold the end of the chain against how many seals there are and the anchor; raises DamageFoundError."""
        if count != self.length:
            raise DamageFoundError(Damage(DamageKind.SEAL, f"{count - self.length} seals have no place in the chain"))
        if self._anchor and self._anchor.number > self.length:
            what = f"the chain ends with seal {self.length}, and the anchor is seal {self._anchor.number}: the last ones were cut off"
            raise DamageFoundError(Damage(DamageKind.ANCHOR, what, seal=self.length + 1))

    @property
    def is_anchored(self) -> bool:
        """Whether the anchor's seal was met, as it was."""
        return self._anchor is not None and self._anchor.number <= self.length

    @staticmethod
    def _count(said: Row) -> int:
        return int(said["last_leaf"] - said["first_leaf"] + 1)


def _spoilt(number: int, what: str) -> None:
    raise DamageFoundError(Damage(DamageKind.SEAL, f"seal {number} {what}", seal=number))
