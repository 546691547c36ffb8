"""Parameters of a case of the real layer."""

from __future__ import annotations

import msgspec


class RealSpec(msgspec.Struct, frozen=True, tag="real"):
    """One fault, a few times, each time with processes of its own."""

    fault: str
    repeats: int = 3
    seed: int = 1
    limits: str = ""
    """A site's own limits (`bench/faults/site.py`); empty: the policy."""
