"""The hash tree of RFC 9162, section 2.1: its root, and the proof that a leaf is in it.

An inner node is the hash of 0x01 and its two children, so that no leaf can pass for one. A node without a neighbour goes
up as it is: it is never doubled, which would let two lists of leaves have one root.
"""

from collections.abc import Sequence
from hashlib import sha256

NODE_PREFIX = b"\x01"


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over the hashes of the leaves; of none, the hash of nothing."""
    level = list(leaf_hashes)
    if not level:
        return sha256().digest()
    while len(level) > 1:
        level = _above(level)
    return level[0]


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the nodes that lead from the leaf at `index` to the root, nearest first; raises IndexError."""
    if not 0 <= index < len(leaf_hashes):
        raise IndexError(f"there is no leaf {index} among {len(leaf_hashes)}")
    level, path = list(leaf_hashes), []
    while len(level) > 1:
        neighbour = index ^ 1
        if neighbour < len(level):
            path.append(level[neighbour])
        level, index = _above(level), index // 2
    return path


def is_included(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> bool:
    """Whether a proof leads from the leaf at `index` of a tree of `size` leaves to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, reached = index, size - 1, leaf_hash
    for node in proof:
        if last == 0:
            return False
        if place % 2 or place == last:
            reached = _node(node, reached)
            while not place % 2 and place:
                place, last = place // 2, last // 2
        else:
            reached = _node(reached, node)
        place, last = place // 2, last // 2
    return last == 0 and reached == expected_root


def _above(level: list[bytes]) -> list[bytes]:
    pairs = [_node(level[place], level[place + 1]) for place in range(0, len(level) - 1, 2)]
    return pairs + level[len(level) & ~1 :]


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(NODE_PREFIX + left + right).digest()
