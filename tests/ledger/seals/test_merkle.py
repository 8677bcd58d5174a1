"""The hash tree, held against the vectors of the Certificate Transparency project, and against its second writing."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.seals import merkle, recomputation

INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
LEAVES = [sha256(b"\0" + given).digest() for given in INPUTS]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
hashes = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70)


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_roots_are_those_of_the_published_vectors(size: int) -> None:
    """An auditor's own tool comes to the same root."""
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size]
    assert recomputation.tree_root(LEAVES[:size]).hex() == ROOTS[size]


@given(hashes)
def test_both_writings_of_the_tree_agree(leaves: list[bytes]) -> None:
    """What seals and what verifies were written apart, and mean the same tree."""
    assert merkle.root(leaves) == recomputation.tree_root(leaves)


def test_a_leaf_that_is_doubled_changes_the_root() -> None:
    """Three leaves and four of which the last two are one are different histories."""
    assert merkle.root(LEAVES[:3]) != merkle.root([*LEAVES[:3], LEAVES[2]])


def test_an_inner_node_never_passes_for_a_leaf() -> None:
    """Two leaves cannot be folded into one that has the same root."""
    folded = sha256(LEAVES[0] + LEAVES[1]).digest()
    assert merkle.root([folded]) != merkle.root(LEAVES[:2])
