"""Merkle hashing against the vectors of Certificate Transparency and against its definition."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teleop.audit.merkle import EMPTY_ROOT, Tree, is_consistent, leaf_hash, node_hash

LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Of the reference implementation of RFC 6962 (google/certificate-transparency)."""
PROOFS = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def tree_of(leaves: list[bytes]) -> Tree:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree


def defined(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 section 2.1 defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(defined(leaves[:k]), defined(leaves[k:]))


def test_the_published_roots_and_proofs_come_out() -> None:
    tree = tree_of(LEAVES)
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert tree.root(0) == EMPTY_ROOT
    assert tuple(tree.root(size).hex() for size in range(1, 9)) == ROOTS
    for (first, second), proof in PROOFS.items():
        assert [step.hex() for step in tree.consistency(first, second)] == proof


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=70), st.data())
@settings(deadline=None)
def test_roots_follow_the_definition_and_every_proof_is_believed(
    leaves: list[bytes], data: st.DataObject
) -> None:
    tree = tree_of(leaves)
    second = data.draw(st.integers(1, len(leaves)))
    first = data.draw(st.integers(1, second))
    assert tree.root(second) == defined(leaves[:second])
    proof = tree.consistency(first, second)
    assert is_consistent(first, second, tree.root(first), tree.root(second), proof)


@given(
    st.integers(1, 64), st.integers(1, 64), st.integers(0, 63), st.binary(min_size=1, max_size=3)
)
@settings(deadline=None, max_examples=1500)
def test_no_proof_covers_a_changed_past(first: int, more: int, at: int, other: bytes) -> None:
    leaves = [bytes([i]) for i in range(first + more)]
    changed = list(leaves)
    changed[at % first] += other
    old, new = tree_of(leaves), tree_of(changed)
    second = first + more
    for proof in (old.consistency(first, second), new.consistency(first, second)):
        assert not is_consistent(first, second, old.root(first), new.root(second), proof)


@given(st.integers(-3, 40), st.integers(-3, 40),
       st.lists(st.binary(min_size=0, max_size=40), max_size=70))  # fmt: skip
@settings(deadline=None, max_examples=1500)
def test_nonsense_proves_nothing(first: int, second: int, proof: list[bytes]) -> None:
    roots = tree_of(LEAVES).root(5), tree_of(LEAVES).root(7)
    assert not is_consistent(first, second, *roots, proof)


def test_a_tree_has_no_root_of_the_future() -> None:
    with pytest.raises(ValueError, match="no root of 9"):
        tree_of(LEAVES).root(9)
