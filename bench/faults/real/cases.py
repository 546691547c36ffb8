"""The cases of the real layer."""

from __future__ import annotations

import msgspec

from bench.faults.real.row import People
from bench.faults.real.spec import RealSpec
from bench.faults.real.table import REAL
from bench.faults.site import in_words
from bench.kit.model import Case, Param

REPEATS = 3
PICTURE = {People.SCRIPTED: "640x480, 500 Hz", People.PAGES: "320x240, 250 Hz"}
START_S = {People.SCRIPTED: 25.0, People.PAGES: 45.0}


def key_of(name: str) -> str:
    """Stable name of a case."""
    words = "".join(c if c.isalnum() else " " for c in name).split()
    return "real-" + "-".join(words).lower()


def real_cases(quick: bool, seed: int, repeats: int = REPEATS, limits: str = "") -> list[Case]:
    """One case per fault; each injection has processes of its own."""
    repeats = 1 if quick else repeats
    cases = []
    for row in REAL:
        if quick and not row.quick:
            continue
        name = row.must.name
        spec = RealSpec(name, repeats, seed, limits)
        seconds = repeats * (START_S[row.people] + 2 * row.must.watch_s)
        params = (Param("people", row.people.value), Param("repeats", str(repeats)),
                  Param("limits", in_words(limits)),
                  Param("picture", PICTURE[row.people]))  # fmt: skip
        cases.append(Case(key_of(name), f"real: {name}", params, msgspec.json.encode(spec), seed,
                          seconds, exclusive=True))  # fmt: skip
    return cases
