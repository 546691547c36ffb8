"""Parameters of the fault bench's cases, as they are stored with the results."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What a case does."""

    SINGLE = "single"
    PAIR = "pair"
    SOAK = "soak"
    """Pairs until the time is over."""
    STOP = "bedside-stop"
    RETURN = "return"
    ATTACK = "attack"
    BRAKED = "braked"
    OUTAGES = "outages"
    """Stops per hour by rare outages."""


class Spec(msgspec.Struct, frozen=True, tag="virtual"):
    """One case."""

    kind: Kind
    group: str = ""
    """Singles: which group of the table."""
    first: int = 0
    """Pairs: number of the first one; each pair is drawn by seed and number."""
    count: int = 1
    """Singles: injections per fault. Pairs: pairs. Attacks: frames. Stops: presses."""
    seconds: float = 0.0
    """Soak: wall time."""
    seed: int = 1
    control_hz: int = 500
    words: tuple[str, ...] = ()
    """Only faults whose name contains one of them; empty: all."""
    delay_ms: float = 0.0
    """Outages: the link's delay each way."""
    limits: str = ""
    """A site's own limits (`bench/faults/site.py`); empty: the policy."""
