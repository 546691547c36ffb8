"""Parameters of the fault bench's cases, as they are stored with the results."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["single", "pair"]


class Spec(msgspec.Struct, frozen=True):
    """One case."""

    kind: Kind
    group: str = ""
    """Singles: which group of the table."""
    first: int = 0
    """Pairs: number of the first one; the seed of each pair follows from it."""
    count: int = 1
    """Singles: injections per fault. Pairs: pairs."""
    seed: int = 1
    control_hz: int = 500
    words: tuple[str, ...] = ()
    """Only faults whose name contains one of them; empty: all."""
