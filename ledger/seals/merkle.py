"""The hash tree of RFC 9162, section 2.1: its root.

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


def _above(level: list[bytes]) -> list[bytes]:
    pairs = [_node(level[place], level[place + 1]) for place in range(0, len(level) - 1, 2)]
    return pairs + level[len(level) & ~1 :]


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(NODE_PREFIX + left + right).digest()
