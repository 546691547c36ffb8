"""Measured 5G round trips, read from a folder outside the project.

Data: Zhang, X. et al., "5G communication delay dataset for cloud-based vehicle planning and
control", Zenodo, doi 10.5281/zenodo.17475688 (CC BY 4.0), as CSV with the columns `t_s`, `rtt_ms`
and `segment`. The folder is named by `--traces` or the environment variable TELEOP_TRACES.
"""

from __future__ import annotations

import csv
import math
import os
import statistics
from bisect import bisect_right
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from transport.impair import DelayTrace

ENVIRONMENT = "TELEOP_TRACES"
PAUSE_MS = 500.0
"""A longer pause between two sends is a reconnection of the recording, no property of the link."""
REPLACED_PAUSE_MS = 16.0
"""What stands for such a pause on the active timeline: the median send interval."""
GRID_MS = 10.0
SAWTOOTH_MS = 150.0
"""Round trips above this begin a sawtooth: one message repeated after 200 ms (TCP's minimum
retransmission timeout on Linux), its followers held back until then."""
TOGETHER_MS = 25.0
"""The held-back messages of a sawtooth arrive within this span."""
SHORT_SEGMENT_ROWS = 20
"""Segments with fewer rows have no median of their own; that of the run stands in."""


class TraceError(ValueError):
    """The trace files cannot be used; the message names the file and what is wrong."""


class View(StrEnum):
    """How a recording made over TCP is read."""

    RECORDED = "recorded"
    """In-order delay as recorded: conservative."""
    DATAGRAM = "datagram"
    """A sawtooth is one lost message; its followers get their segment's median."""


@dataclass(frozen=True, slots=True)
class Row:
    """One message that came back."""

    at_ms: float
    """Send time on the active timeline."""
    rtt_ms: float
    """Round trip; infinite: lost (datagram view only)."""
    segment: int


@dataclass(frozen=True, slots=True)
class Stream:
    """Round trips over time; a row holds until the next one."""

    rows: tuple[Row, ...]
    span_ms: float
    view: View = View.RECORDED
    origin: str = "measured"

    def sample(self, step_ms: float = GRID_MS) -> list[float]:
        """Round trip (ms) every `step_ms`."""
        times = [row.at_ms for row in self.rows]
        count = math.ceil(self.span_ms / step_ms)
        return [self.rows[bisect_right(times, i * step_ms) - 1].rtt_ms for i in range(count)]

    def one_way(self, share: float = 0.5) -> DelayTrace:
        """Replay as one-way delay: `share` of the recorded round trip (half is an assumption)."""
        return DelayTrace(
            tuple(row.at_ms for row in self.rows),
            tuple(row.rtt_ms * share for row in self.rows),
            self.span_ms,
        )

    def window(self, start_ms: float, length_ms: float) -> Stream:
        """The part from `start_ms` on, beginning at 0; the row that holds at the start is kept."""
        end_ms = min(self.span_ms, start_ms + length_ms)
        if not 0.0 <= start_ms < end_ms:
            raise TraceError(f"no window from {start_ms:g} ms: the trace has {self.span_ms:g} ms")
        first = bisect_right([row.at_ms for row in self.rows], start_ms) - 1
        inside = [row for row in self.rows[first:] if row.at_ms < end_ms]
        moved = [replace(row, at_ms=max(0.0, row.at_ms - start_ms)) for row in inside]
        return replace(self, rows=tuple(moved), span_ms=end_ms - start_ms)


def traces_folder(option: Path | None = None) -> Path | None:
    """The folder by option, else by environment; None: neither is given."""
    named = os.environ.get(ENVIRONMENT)
    return option or (Path(named) if named else None)


def read_run(file: Path) -> tuple[Row, ...]:
    """Rows of one file on its active timeline: pauses of more than 0.5 s become 16 ms."""
    rows: list[Row] = []
    sent_ms, at_ms = 0.0, 0.0
    try:
        with file.open(encoding="utf-8", newline="") as text:
            for line in csv.DictReader(text):
                now_ms = 1000.0 * float(line["t_s"])
                gap_ms = now_ms - sent_ms if rows else 0.0
                if not math.isfinite(now_ms) or (rows and gap_ms <= 0.0):
                    raise TraceError(f"{file.name}: t_s does not rise at {line['t_s']}")
                at_ms += gap_ms if gap_ms <= PAUSE_MS else REPLACED_PAUSE_MS
                sent_ms = now_ms
                rows.append(Row(at_ms, _round_trip(line["rtt_ms"]), int(line["segment"])))
    except (KeyError, TypeError, UnicodeDecodeError, OSError, csv.Error) as error:
        raise TraceError(f"{file.name}: not a trace ({error!r})") from error
    except ValueError as error:
        raise TraceError(f"{file.name}: {error}") from error
    if len(rows) < 2:
        raise TraceError(f"{file.name}: fewer than two rows")
    return tuple(rows)


def _round_trip(text: str) -> float:
    rtt_ms = float(text)
    if not 0.0 <= rtt_ms < 60_000.0:
        raise ValueError(f"rtt_ms {text}: 0 to 60,000")
    return rtt_ms


def datagram_view(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Sawteeth above `SAWTOOTH_MS` read as one lost message; everything else as recorded."""
    medians = _medians(rows)
    out: list[Row] = []
    together_ms = -math.inf
    for row in rows:
        arrival_ms = row.at_ms + row.rtt_ms
        if row.at_ms < together_ms and arrival_ms <= together_ms + TOGETHER_MS:
            out.append(replace(row, rtt_ms=medians[row.segment]))
        elif row.rtt_ms > SAWTOOTH_MS:
            together_ms = arrival_ms
            out.append(replace(row, rtt_ms=math.inf))
        else:
            out.append(row)
    return tuple(out)


def _medians(rows: tuple[Row, ...]) -> dict[int, float]:
    groups: dict[int, list[float]] = {}
    for row in rows:
        groups.setdefault(row.segment, []).append(row.rtt_ms)
    whole = statistics.median(row.rtt_ms for row in rows)
    return {
        segment: statistics.median(values) if len(values) >= SHORT_SEGMENT_ROWS else whole
        for segment, values in groups.items()
    }


def _viewed(rows: tuple[Row, ...], view: View) -> tuple[Row, ...]:
    return datagram_view(rows) if view is View.DATAGRAM else rows


def read_single(folder: Path, name: str, view: View) -> Stream:
    """One file as a stream of its own."""
    rows = _viewed(read_run(folder / name), view)
    return Stream(rows, rows[-1].at_ms + REPLACED_PAUSE_MS, view)


def read_urban(folder: Path, view: View) -> dict[str, Stream]:
    """Bands n78 and n8 over the same road: runs 1 to 3 in turn, each pair cut to its shorter run.

    The two bands were not recorded at the same time: correlation between them is not in the data.
    """
    bands = ("n78", "n8")
    joined: dict[str, list[Row]] = {band: [] for band in bands}
    offset_ms = 0.0
    for run in (1, 2, 3):
        runs = {band: read_run(folder / f"urban_{band}_run{run}.csv") for band in bands}
        end_ms = min(rows[-1].at_ms for rows in runs.values())
        for band, rows in runs.items():
            kept = [row for row in _viewed(rows, view) if row.at_ms <= end_ms]
            joined[band] += [
                replace(row, at_ms=offset_ms + row.at_ms, segment=1000 * run + row.segment)
                for row in kept
            ]
        offset_ms += (math.floor(end_ms / GRID_MS) + 1) * GRID_MS
    return {band: Stream(tuple(joined[band]), offset_ms, view) for band in bands}
