"""The documents of the commands about seals with `--json`."""

from datetime import datetime

from commands.documents import Document
from ledger.seals.damage import Damage, Verification
from ledger.seals.seal import Seal


class SealDocument(Document):
    """A seal."""

    seal: int
    entries: int
    first_leaf: int
    last_leaf: int
    digest: str
    sealed_at: datetime


class DamageDocument(Document):
    """The first damage."""

    kind: str
    message: str
    seal: int | None
    leaf: int | None
    entry_id: int | None
    entry_reference: str | None


class VerificationDocument(Document):
    """What a verification says."""

    verdict: str
    damage: DamageDocument | None
    seals: int
    entries: int
    lines: int
    unsealed_entries: int
    oldest_unsealed_seconds: float | None
    digest: str | None
    anchored_to: int | None


def of_seal(seal: Seal) -> SealDocument:
    """Say what was sealed."""
    return SealDocument(
        seal=seal.number,
        entries=seal.entry_count,
        first_leaf=seal.first_leaf,
        last_leaf=seal.last_leaf,
        digest=seal.digest.hex(),
        sealed_at=seal.sealed_at,
    )


def of_verification(found: Verification) -> VerificationDocument:
    """Say what was verified."""
    return VerificationDocument(
        verdict="verified" if found.damage is None else "damaged",
        damage=None if found.damage is None else _of_damage(found.damage),
        seals=found.seals,
        entries=found.entries,
        lines=found.lines,
        unsealed_entries=found.unsealed_entries,
        oldest_unsealed_seconds=found.oldest_unsealed_seconds,
        digest=None if found.digest is None else found.digest.hex(),
        anchored_to=found.anchored_to,
    )


def _of_damage(damage: Damage) -> DamageDocument:
    return DamageDocument(
        kind=damage.kind,
        message=damage.message,
        seal=damage.seal,
        leaf=damage.leaf_index,
        entry_id=damage.entry_id,
        entry_reference=damage.reference,
    )
