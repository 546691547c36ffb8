"""The benches: name after `teleop bench` and the module whose `command` has its options.

Such a module imports only typer and the kit's light parts at the top, so that --help stays fast.
"""

from __future__ import annotations

BENCHES: tuple[tuple[str, str], ...] = (
    ("latency", "bench.latency.cli"),
    ("force", "bench.force.cli"),
    ("haptics", "bench.haptics.cli"),
    ("needle", "bench.needle.cli"),
    ("watchdog", "bench.watchdog.cli"),
    ("timing", "bench.timing.cli"),
    ("faults", "bench.faults.cli"),
)
"""A new bench adds a row."""
