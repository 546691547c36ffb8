"""A short, fixed run of every fuzz target: its corpus, and seeded damage of each entry."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from fuzz.seeds import CORPUS, seeds
from fuzz.targets import TARGETS

ROUNDS = {"recording": 500, "dicom": 150, "key_agreement": 300, "signalling": 1000,
          "audit_log": 1000}  # fmt: skip
"""Damaged inputs per target; those that need signatures or files cost more."""


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Bits flipped, bytes replaced, parts cut, doubled or exchanged."""
    bad = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(bad) + 1)
        what = rng.randrange(5)
        if what == 0 and at < len(bad):
            bad[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            bad[at : at + rng.randrange(9)] = rng.randbytes(rng.randrange(9))
        elif what == 2:
            del bad[at:]
        elif what == 3:
            bad[at:at] = bad[: rng.randrange(64)]
        else:
            bad[at : at + 1] = rng.choice((b"\xff", b"\x00", b"\x80", b"[" * 40, b'"', b"nan"))
    return bytes(bad)


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEOP_FUZZ_DIR", os.fspath(tmp_path))
    entries = sorted((CORPUS / name).iterdir())
    assert entries, "run python -m fuzz.seeds"
    rng = random.Random(name)
    corpus = [entry.read_bytes() for entry in entries]
    for data in (b"", *corpus[:100]):
        TARGETS[name](data)
    for _ in range(ROUNDS.get(name, 3000)):
        TARGETS[name](damaged(rng.choice(corpus), rng))


def test_every_target_has_seeds_and_a_corpus() -> None:
    assert set(seeds()) == set(TARGETS)
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
