"""The haptics bench."""

from __future__ import annotations

import msgspec

from bench.haptics.cases import TARGETS, Spec
from bench.haptics.runs import KINDS
from bench.kit.model import Case, Measured, Target


class HapticsBench:
    """Hand, handle, link, robot and surface on a virtual clock."""

    name = "haptics"
    title = "Haptic coupling over delayed links"
    module = "bench.haptics.bench"
    targets: tuple[Target, ...] = TARGETS

    def run(self, case: Case) -> Measured:
        """Measure one case."""
        spec = msgspec.json.decode(case.config, type=Spec)
        return KINDS[spec.kind](spec)


BENCH = HapticsBench()
