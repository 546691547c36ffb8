"""`teleop replay`: the report of a replay for people and programs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from rich.console import Console

from teleop.cli.progress import FileBar
from teleop.record.lanes import LANES
from teleop.record.reader import Recording, open_recording
from teleop.record.replay import LaneReport, replay

SHOWN_FIELDS = 12
SHOWN_SPANS = 20


def show_replay(path: Path, json_wanted: bool) -> int:
    """Replay and print; 0: everything that could be compared is identical."""
    recording = open_recording(path)
    with FileBar("replaying", recording.size_bytes) as bar:
        reports = replay(recording, LANES, bar)
    different = sum(r.different for r in reports.values())
    compared = sum(r.compared for r in reports.values())
    good = different == 0 and compared > 0
    if json_wanted:
        lanes = {name: dataclasses.asdict(r) for name, r in reports.items()}
        content = {"file": str(path), "identical": good, "damage": recording.damage, "lanes": lanes}
        print(json.dumps(content, ensure_ascii=False, indent=1))
    else:
        _print(
            Console(highlight=False, markup=False, emoji=False), recording, reports, good, compared
        )
    return 0 if good else 1


def _print(
    console: Console,
    recording: Recording,
    reports: dict[str, LaneReport],
    good: bool,
    compared: int,
) -> None:
    for name, report in reports.items():
        console.print(
            f"{name}: {report.steps} steps, {report.compared} compared, "
            f"{report.identical} identical, {report.different} different"
        )
        _print_details(console, report)
    for damage in recording.damage:
        console.print(f"damaged: {damage}", markup=False)
    if good:
        console.print("✓ every decision that could be compared is identical")
    elif compared == 0:
        console.print("✗ nothing could be compared")
    else:
        console.print("✗ decisions differ")


def _print_details(console: Console, report: LaneReport) -> None:
    if report.differences:
        first = report.differences[0]
        console.print(f"  first difference: step {first.sequence} at {first.stamp_ns} ns")
        for field, recorded, replayed in first.fields[:SHOWN_FIELDS]:
            console.print(f"    {field}: recorded {recorded}, replayed {replayed}", markup=False)
        if len(first.fields) > SHOWN_FIELDS:
            console.print(f"    ... {len(first.fields) - SHOWN_FIELDS} more fields (--json)")
    for span in report.spans[:SHOWN_SPANS]:
        length_s = (span.to_ns - span.from_ns) / 1e9
        console.print(f"  not covered: {span.steps} steps ({length_s:.3f} s): {span.reason}")
    if len(report.spans) > SHOWN_SPANS:
        console.print(f"  ... {len(report.spans) - SHOWN_SPANS} more spans (--json)")
