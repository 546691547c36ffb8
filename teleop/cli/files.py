"""`teleop info`, `teleop replay` and `teleop export csv`: what is done with a recording."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from teleop.cli.audit import ExportGate
from teleop.cli.progress import FileBar
from teleop.record.csvfile import export_csv
from teleop.record.info import Info, as_json, collect, duration_s
from teleop.record.reader import Recording, open_recording

SHOWN_EVENTS = 40


def show_info(path: Path, json_wanted: bool) -> int:
    """Print what is in a recording."""
    recording = open_recording(path)
    with FileBar("reading", recording.size_bytes) as bar:
        info = collect(recording, bar)
    if json_wanted:
        print(json.dumps(as_json(recording, info), ensure_ascii=False, indent=1))
    else:
        _print_info(Console(highlight=False, markup=False, emoji=False), recording, info)
    return 0


def _print_info(console: Console, recording: Recording, info: Info) -> None:
    session = recording.metadata.get("session", {})
    console.print(f"{recording.path}  {recording.size_bytes / 1e6:.1f} MB", soft_wrap=True)
    for key in ("started_utc", "site", "version", "seed", "simulated"):
        if key in session:
            console.print(f"  {key:<12} {session[key]}", markup=False)
    console.print(f"  {'duration':<12} {duration_s(info):.1f} s")
    if not recording.complete:
        console.print("  The recording was cut off; everything up to there is readable.")
    for damage in recording.damage:
        console.print(f"  damaged: {damage}", markup=False)
    console.print(_topic_table(info))
    if info.dropped:
        console.print(f"dropped by the recorder: {_pairs(info.dropped)}")
    if info.state_s:
        console.print(
            f"time in states (s): {_pairs({k: f'{v:.1f}' for k, v in info.state_s.items()})}"
        )
    if info.notes:
        console.print(f"notes: {_pairs(dict(info.notes))}", markup=False)
    for at_s, state, cause in info.events[:SHOWN_EVENTS]:
        console.print(f"  {at_s:9.3f} s  {state:<10} {'' if cause == 'NONE' else cause}")
    if len(info.events) > SHOWN_EVENTS:
        console.print(f"  ... {len(info.events) - SHOWN_EVENTS} more (--json shows them)")


def _topic_table(info: Info) -> Table:
    table = Table(show_edge=False)
    for name in ("topic", "messages", "Hz", "MB", "missing"):
        table.add_column(name, justify="left" if name == "topic" else "right")
    for name, topic in sorted(info.topics.items()):
        rate, size = f"{topic.rate_hz:.1f}", f"{topic.bytes / 1e6:.1f}"
        table.add_row(name, str(topic.messages), rate, size, str(topic.missing))
    return table


def _pairs(values: dict[str, object] | dict[str, int] | dict[str, str]) -> str:
    return ", ".join(f"{k} {v}" for k, v in values.items())


def write_csv(path: Path, out: Path | None, state: Path | None) -> int:
    """Export every topic as a table. ConsentError: nobody consented to that."""
    recording = open_recording(path)
    next(iter(recording.messages()), None)  # its metadata stand before its messages
    ExportGate(recording, state).pass_through()
    stem = path.name.removesuffix(".part").removesuffix(".mcap")
    folder = out if out is not None else path.parent / f"{stem}_csv"
    with FileBar("exporting", recording.size_bytes) as bar:
        files = export_csv(recording, folder, bar)
    for file, (rows, skipped) in files.items():
        print(f"{file}  {rows} rows" + (f", {skipped} damaged ones left out" if skipped else ""))
    for damage in recording.damage:
        print(f"damaged: {damage}")
    return 0
