"""Merkle tree hashing of RFC 6962 section 2.1 (the same in RFC 9162), with consistency proofs.

Pure. `Tree` keeps the hashes of all complete subtrees, so that the root of any earlier size and any
proof cost O(log n).
"""

from __future__ import annotations

import hashlib

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of a tree without entries (RFC 6962, 2.1)."""
MAX_PROOF = 64
"""No proof of a tree with fewer than 2^63 entries is longer (RFC 9162, 2.1.4.1)."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry; 0x00 keeps leaves apart from inner nodes."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two smaller than `size` (k of RFC 6962, 2.1)."""
    return 1 << ((size - 1).bit_length() - 1)


class Tree:
    """A growing tree."""

    def __init__(self) -> None:
        self._levels: list[list[bytes]] = [[]]
        """`_levels[k][i]`: hash of the complete subtree of entries i * 2^k to (i + 1) * 2^k."""

    @property
    def size(self) -> int:
        """Number of entries."""
        return len(self._levels[0])

    def append(self, entry: bytes) -> None:
        """Add an entry at the end."""
        self._levels[0].append(leaf_hash(entry))
        level = 0
        while len(self._levels[level]) % 2 == 0:
            if level + 1 == len(self._levels):
                self._levels.append([])
            left, right = self._levels[level][-2:]
            self._levels[level + 1].append(node_hash(left, right))
            level += 1

    def root(self, size: int | None = None) -> bytes:
        """Root of the first `size` entries; None: of all."""
        size = self.size if size is None else size
        if not 0 <= size <= self.size:
            raise ValueError(f"a tree of {self.size} entries has no root of {size}")
        return self._range(0, size) if size else EMPTY_ROOT

    def _range(self, start: int, end: int) -> bytes:
        """MTH(D[start:end]) of RFC 6962; `start` is a multiple of the enclosing power of two."""
        size = end - start
        if size & (size - 1) == 0:
            level = size.bit_length() - 1
            return self._levels[level][start >> level]
        middle = start + _split(size)
        return node_hash(self._range(start, middle), self._range(middle, end))

    def consistency(self, first: int, second: int) -> list[bytes]:
        """Proof that the tree of `second` entries continues that of `first` (RFC 9162, 2.1.4.1)."""
        if not 0 < first <= second <= self.size:
            raise ValueError(f"no proof from {first} to {second} in a tree of {self.size} entries")
        return self._subproof(first, 0, second, True)

    def _subproof(self, first: int, start: int, end: int, known: bool) -> list[bytes]:
        """SUBPROOF(m, D[start:end], b) of RFC 9162, 2.1.4.1; `first` counts from `start`."""
        size = end - start
        if first == size:
            return [] if known else [self._range(start, end)]
        k = _split(size)
        if first <= k:
            inner = self._subproof(first, start, start + k, known)
            return [*inner, self._range(start + k, end)]
        inner = self._subproof(first - k, start + k, end, False)
        return [*inner, self._range(start, start + k)]


def is_consistent(
    first: int, second: int, first_root: bytes, second_root: bytes, proof: list[bytes]
) -> bool:
    """Check a consistency proof (RFC 9162, 2.1.4.2); False for anything that proves nothing."""
    if not 0 < first <= second or len(proof) > MAX_PROOF:
        return False
    if first == second:
        return not proof and first_root == second_root
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for step in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(step, fr), node_hash(step, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == first_root and sr == second_root
