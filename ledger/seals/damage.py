"""What a verification says: that all agrees, or what was damaged first, where that is, and in which way."""

from dataclasses import dataclass
from enum import StrEnum


class DamageKind(StrEnum):
    """What was damaged."""

    SEAL = "seal"
    LEAF = "leaf"
    ENTRY = "entry"
    UNSEALED = "unsealed"
    ANCHOR = "anchor"
    ACCOUNT = "account"
    GUARD = "guard"


@dataclass(frozen=True)
class Damage:
    """One damage; `message` is a whole line for people, the rest says where, as far as that can be known."""

    kind: DamageKind
    message: str
    seal: int | None = None
    leaf_index: int | None = None
    entry_id: int | None = None
    reference: str | None = None


class DamageFoundError(Exception):
    """Ends a verification at the first damage."""

    def __init__(self, damage: Damage) -> None:
        super().__init__(damage.message)
        self.damage = damage


@dataclass(frozen=True)
class Verification:
    """What was verified, and the first damage where there is one."""

    damage: Damage | None
    seals: int
    entries: int
    """Entries that are sealed, and were read again."""
    lines: int
    unsealed_entries: int
    oldest_unsealed_seconds: float | None
    digest: bytes | None
    """Of the last seal that was verified; it stands for all before it."""
    anchored_to: int | None
    """Number of the anchor's seal, which was found as it was when the anchor was made."""
