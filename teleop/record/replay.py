"""`teleop replay`: the recorded inputs through the same pure cores; every decision is compared.

A core starts fresh where the recording has the first step of its process, and is restored from a
snapshot after each gap: a snapshot is the state *after* the step with the same stamp. Bytes are
compared, so NaN equals NaN and nothing is rounded.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from safety import limits as limits_module
from safety.layout import LayoutError
from safety.limits import LimitsError
from safety.states import ArmInterface
from teleop.drivers.arm import ARMS
from teleop.record.decode import Decoder
from teleop.record.errors import ForeignFileError, RecordingError
from teleop.record.lanes import Core, Lane, SessionFacts
from teleop.record.reader import Message, Progress, Recording
from teleop.record.topics import TOPICS


@dataclass(frozen=True, slots=True)
class Difference:
    """One decision that came out differently."""

    sequence: int
    stamp_ns: int
    fields: tuple[tuple[str, str, str], ...]
    """(field, recorded, replayed)."""


@dataclass(slots=True)
class Span:
    """Steps that could not be replayed."""

    reason: str
    from_ns: int
    to_ns: int
    steps: int = 0


@dataclass(slots=True)
class LaneReport:
    """What replaying one process found."""

    steps: int = 0
    identical: int = 0
    differences: list[Difference] = field(default_factory=list)
    """The first ones; `different` counts all."""
    different: int = 0
    spans: list[Span] = field(default_factory=list)

    @property
    def compared(self) -> int:
        """Steps whose decision was compared."""
        return self.identical + self.different


MOST_DIFFERENCES = 20


class LaneReplay:
    """Replays one process."""

    def __init__(self, lane: Lane, facts: SessionFacts, snapshots: dict[int, bytes]) -> None:
        self.report = LaneReport()
        self._lane, self._facts, self._snapshots = lane, facts, snapshots
        self._columns = Decoder(_topic_schema(lane.topic))
        self._measured = [self._columns.index[name] for name in lane.measured]
        self._core: Core | None = None
        self._reason = "the recording begins in the middle"
        self._sequence = 0
        self._incarnation: int | None = None
        self._span_open = False

    def feed(self, message: Message) -> None:
        """Replay the next recorded step."""
        self.report.steps += 1
        gap = message.sequence - self._sequence - 1
        if self._sequence and gap:
            self._leave(f"{gap} steps are missing in the recording" if gap > 0 else "out of order")
        self._sequence = message.sequence
        try:
            step = self._lane.layout.unpack(message.data)
        except LayoutError as error:
            self._leave(f"damaged step: {error}")
            self._uncovered(message.stamp_ns)
            return
        self._follow_process(step.outputs.report)
        if self._core is None:
            self._uncovered(message.stamp_ns)
        else:
            self._compare(self._core, step, message)
        self._resume(step.inputs.now_ns)

    def _follow_process(self, report: Any) -> None:
        """A new incarnation is a new process: fresh when its first step is here."""
        if report.incarnation == self._incarnation:
            return
        if self._incarnation is not None:
            self._leave("the process was restarted and its first steps are not recorded")
        self._incarnation = report.incarnation
        if report.cycle <= 1:
            self._core = self._lane.make(self._facts, report.incarnation)

    def _leave(self, reason: str) -> None:
        self._core, self._reason = None, reason

    def _uncovered(self, stamp_ns: int) -> None:
        spans = self.report.spans
        if not self._span_open or spans[-1].reason != self._reason:
            spans.append(Span(self._reason, stamp_ns, stamp_ns))
        self._span_open = True
        spans[-1].to_ns = stamp_ns
        spans[-1].steps += 1

    def _resume(self, now_ns: int) -> None:
        """Restore the state after this step, when it was recorded and is needed."""
        state = self._snapshots.get(now_ns)
        if self._core is not None or state is None:
            return
        core = self._lane.make(self._facts, self._incarnation or 0)
        try:
            core.restore(state)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._reason = f"a snapshot cannot be restored: {type(error).__name__} {error}"
            return
        self._core = core
        self._reason = ""

    def _compare(self, core: Core, step: Any, message: Message) -> None:
        self._span_open = False
        outputs = core.step(step.inputs)
        replayed = self._lane.layout.pack(self._lane.pair(step.inputs, outputs))
        fields = self._unequal(message.data, replayed) if replayed != message.data else ()
        if not fields:
            self.report.identical += 1
            return
        self.report.different += 1
        if len(self.report.differences) < MOST_DIFFERENCES:
            found = Difference(message.sequence, message.stamp_ns, fields)
            self.report.differences.append(found)
        self._leave("after a difference, until the next snapshot")

    def _unequal(self, recorded: bytes, replayed: bytes) -> tuple[tuple[str, str, str], ...]:
        before, after = self._columns.values(recorded), self._columns.values(replayed)
        rows = []
        for i, (a, b) in enumerate(zip(before, after, strict=True)):
            if i not in self._measured and not _same(a, b):
                column = self._columns.columns[i]
                rows.append((column.name, _shown(a, column.names), _shown(b, column.names)))
        return tuple(rows)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return struct.pack("<d", a) == struct.pack("<d", b)
    return bool(a == b)


def _shown(value: Any, names: dict[int, str]) -> str:
    return names.get(value, repr(value)) if isinstance(value, int) else repr(value)


def _topic_schema(name: str) -> bytes:
    return next(t for t in TOPICS if t.name == name).schema_data()


def session_facts(recording: Recording) -> SessionFacts:
    """The limits and facts that the session ran with."""
    metadata = recording.metadata
    try:
        limits = limits_module.from_json(json.loads(metadata["limits"]["json"]))
        simulated = json.loads(metadata["session"]["simulated"])
        config = json.loads(metadata["config"]["json"])
        lag_ms = float(config["video"]["display_lag_ms"])
        arm = config.get("arm")
    except (KeyError, TypeError) as error:
        raise RecordingError(
            f"{recording.path}: the session's facts are not recorded ({error}); cannot replay."
        ) from error
    except (ValueError, LimitsError, RecursionError) as error:
        raise RecordingError(f"{recording.path}: recorded facts: {error}") from error
    arm = arm if isinstance(arm, dict) else {}
    row = ARMS.get(str(arm.get("driver")))
    interface = row.interface if row else ArmInterface.VELOCITY
    return SessionFacts(limits, simulated is True, lag_ms, interface, arm.get("align") is True)


def _check_layout(recording: Recording, lane: Lane) -> None:
    """The messages have the layout of this version, else their meaning is not ours to guess."""
    recorded = recording.decoders.get(lane.topic)
    if recorded is None:
        return
    ours = Decoder(_topic_schema(lane.topic))
    if not isinstance(recorded, Decoder) or (recorded.format, list(recorded.index)) != (
        ours.format,
        list(ours.index),
    ):
        raise ForeignFileError(
            f"{recording.path}: {lane.topic} has another layout. It was recorded by "
            f"{recording.library!r}; replay it with that version."
        )


def replay(
    recording: Recording, lanes: Iterable[Lane], progress: Progress | None = None
) -> dict[str, LaneReport]:
    """Replay every lane; RecordingError: the file cannot be used for that."""
    lanes = tuple(lanes)
    snapshots = _read_snapshots(recording, lanes)
    facts = session_facts(recording)
    for lane in lanes:
        _check_layout(recording, lane)
    runs = {lane.topic: LaneReplay(lane, facts, snapshots[lane.snapshots]) for lane in lanes}
    for message in recording.messages(progress):
        run = runs.get(message.topic)
        if run is not None:
            run.feed(message)
    return {lane.name: runs[lane.topic].report for lane in lanes}


def _read_snapshots(recording: Recording, lanes: tuple[Lane, ...]) -> dict[str, dict[int, bytes]]:
    """First pass: all snapshots by stamp (one per second, a few kB each)."""
    found: dict[str, dict[int, bytes]] = {lane.snapshots: {} for lane in lanes}
    for message in recording.messages():
        if message.topic in found:
            found[message.topic][message.stamp_ns] = message.data
    return found
