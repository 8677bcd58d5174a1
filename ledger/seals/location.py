"""Where a seal's damage is: decided by what the signed root agrees with, the leaves that are kept or those recomputed."""

from collections.abc import Sequence

from ledger.seals.damage import Damage, DamageKind
from ledger.seals.entry_reading import FoundEntry, StoredLeaf
from ledger.seals.recomputation import Row, tree_root


def damage_of(said: Row, stored: Sequence[StoredLeaf], found: Sequence[bytes | None]) -> Damage | None:
    """Return the first damage among the leaves of a seal that is signed; None where all agree.

    `found` are the leaves recomputed from the tables, None for an entry that is gone.
    """
    number, first = said["number"], said["first_leaf"]
    kept_lead_to_root = _is_whole(said, stored) and _leads(said, [leaf.leaf_hash for leaf in stored])
    found_lead_to_root = _is_whole(said, stored) and _leads(said, found)
    for index, (leaf, recomputed) in enumerate(zip(stored, found, strict=True), first):
        if leaf.leaf_index != index or leaf.seal_number != number:
            return _leaf_is_gone(number, index)
        if leaf.leaf_hash != recomputed:
            return _leaf_was_changed(leaf) if found_lead_to_root else _entry_was_changed(leaf, surely=kept_lead_to_root)
    if len(stored) != said["entry_count"]:
        return _leaf_is_gone(number, first + len(stored))
    if not found_lead_to_root:
        what = f"seal {number}: an entry among leaves {first} to {said['last_leaf']} was changed or moved together with its leaf"
        return Damage(DamageKind.LEAF, what, seal=number)
    return None


def of_entry(kind: DamageKind, what: str, entry: FoundEntry, leaf: StoredLeaf | None = None) -> Damage:
    """Name a damage of an entry, with its place."""
    place = "" if leaf is None else f"seal {leaf.seal_number}, leaf {leaf.leaf_index}: "
    return Damage(
        kind=kind,
        message=f"{place}{entry.name} {what}",
        seal=None if leaf is None else leaf.seal_number,
        leaf_index=None if leaf is None else leaf.leaf_index,
        entry_id=entry.entry_id,
        reference=entry.reference,
    )


def _is_whole(said: Row, stored: Sequence[StoredLeaf]) -> bool:
    return [leaf.leaf_index for leaf in stored] == list(range(said["first_leaf"], said["last_leaf"] + 1))


def _leads(said: Row, hashes: Sequence[bytes | None]) -> bool:
    known = [leaf for leaf in hashes if leaf is not None]
    return len(known) == len(hashes) and tree_root(known).hex() == said["root"]


def _leaf_is_gone(seal: int, index: int) -> Damage:
    what = f"seal {seal}: leaf {index} is not where it was sealed: it was taken away or moved"
    return Damage(DamageKind.LEAF, what, seal=seal, leaf_index=index)


def _leaf_was_changed(leaf: StoredLeaf) -> Damage:
    return of_entry(DamageKind.LEAF, "is what was sealed, and its leaf was changed", leaf.entry, leaf)


def _entry_was_changed(leaf: StoredLeaf, *, surely: bool) -> Damage:
    if leaf.entry.entry is None:
        return of_entry(DamageKind.ENTRY, "was sealed, and is gone", leaf.entry, leaf)
    what = (
        "is not what was sealed: it, a line or an account of it was changed" if surely else "and its leaf were changed"
    )
    return of_entry(DamageKind.ENTRY, what, leaf.entry, leaf)
