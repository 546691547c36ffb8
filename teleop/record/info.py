"""`teleop info`: what is in a recording."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from teleop.record.decode import Decoder
from teleop.record.reader import Message, Progress, Recording

STATE = "outputs.report.state"
FIRST_OUT = "outputs.report.first_out"
MOST_EVENTS = 1000


@dataclass(slots=True)
class TopicInfo:
    """One topic."""

    messages: int = 0
    bytes: int = 0
    first_ns: int = 0
    last_ns: int = 0
    missing: int = 0
    """Sequence numbers that are not in the file."""
    last_sequence: dict[int, int] = field(default_factory=dict)

    def add(self, message: Message) -> None:
        """Count one message."""
        if self.messages == 0:
            self.first_ns = message.stamp_ns
        self.first_ns = min(self.first_ns, message.stamp_ns)
        self.last_ns = max(self.last_ns, message.stamp_ns)
        self.messages += 1
        self.bytes += len(message.data)
        if message.sequence == 0:  # not numbered: sampled values, the recorder's own notes
            return
        before = self.last_sequence.get(message.channel)
        if before is not None and message.sequence > before + 1:
            self.missing += message.sequence - before - 1
        self.last_sequence[message.channel] = message.sequence

    @property
    def rate_hz(self) -> float:
        """Mean rate."""
        span_s = (self.last_ns - self.first_ns) / 1e9
        return (self.messages - 1) / span_s if span_s > 0 else 0.0


@dataclass(slots=True)
class Info:
    """What `teleop info` shows."""

    topics: dict[str, TopicInfo] = field(default_factory=dict)
    state_s: dict[str, float] = field(default_factory=dict)
    events: list[tuple[float, str, str]] = field(default_factory=list)
    """(seconds from the start, state, first-out cause) at every change."""
    notes: Counter[str] = field(default_factory=Counter)
    dropped: dict[str, int] = field(default_factory=dict)
    """What the recorder could not write, by its own count."""
    _last: tuple[int, str, str] | None = None
    _start_ns: int = 0

    def step(self, stamp_ns: int, state: str, cause: str) -> None:
        """Follow the state of the safety machine."""
        if self._last is None:
            self._start_ns = stamp_ns
        else:
            before_ns, before, _ = self._last
            passed_s = max(0, stamp_ns - before_ns) / 1e9
            self.state_s[before] = self.state_s.get(before, 0.0) + passed_s
        changed = self._last is None or self._last[1:] != (state, cause)
        if changed and len(self.events) < MOST_EVENTS:
            self.events.append(((stamp_ns - self._start_ns) / 1e9, state, cause))
        self._last = (stamp_ns, state, cause)


def collect(recording: Recording, progress: Progress | None = None) -> Info:
    """Read the whole recording once."""
    info = Info()
    for message in recording.messages(progress):
        info.topics.setdefault(message.topic, TopicInfo()).add(message)
        try:
            if message.topic == "guard_step":
                _follow(info, recording.decoders["guard_step"], message)
            elif message.topic == "note":
                _note(info, message.data)
        except (ValueError, KeyError, RecursionError) as error:
            recording.damage.append(f"{message.topic} {message.sequence}: {error}")
    try:
        info.dropped |= _counts(json.loads(recording.metadata.get("end", {}).get("missing", "{}")))
    except (ValueError, RecursionError) as error:
        recording.damage.append(f"closing metadata: {error}")
    return info


def _follow(info: Info, decoder: Any, message: Message) -> None:
    if not isinstance(decoder, Decoder):
        raise ValueError("guard steps are not packed")
    values = decoder.values(message.data)
    state, cause = decoder.index[STATE], decoder.index[FIRST_OUT]
    columns = decoder.columns
    info.step(
        message.stamp_ns,
        columns[state].names.get(values[state], str(values[state])),
        columns[cause].names.get(values[cause], str(values[cause])),
    )


def _note(info: Info, data: bytes) -> None:
    note = json.loads(data)
    if not isinstance(note, dict):
        raise ValueError("a note is no object")
    what = note.get("kind") or note.get("event") or note.get("note") or "note"
    info.notes[f"{note.get('from', '?')}: {what}"] += 1
    if note.get("from") == "record" and note.get("kind") == "drops":
        info.dropped = _counts(note.get("topics"))


def _counts(value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        return {}
    return {str(k): v for k, v in value.items() if isinstance(v, int) and v}


def as_json(recording: Recording, info: Info) -> dict[str, Any]:
    """Everything as JSON-ready values."""
    topics = {
        name: {
            "messages": t.messages,
            "bytes": t.bytes,
            "rate_hz": round(t.rate_hz, 3),
            "missing": t.missing,
            "first_ns": t.first_ns,
            "last_ns": t.last_ns,
        }
        for name, t in info.topics.items()
    }
    return {
        "file": str(recording.path),
        "size_bytes": recording.size_bytes,
        "library": recording.library,
        "complete": recording.complete,
        "damage": recording.damage,
        "session": recording.metadata.get("session", {}),
        "duration_s": round(duration_s(info), 3),
        "topics": topics,
        "dropped": info.dropped,
        "state_s": {k: round(v, 3) for k, v in info.state_s.items()},
        "events": [{"at_s": round(t, 3), "state": s, "cause": c} for t, s, c in info.events],
        "notes": dict(info.notes),
    }


def duration_s(info: Info) -> float:
    """From the first to the last message."""
    used = [t for t in info.topics.values() if t.messages]
    if not used:
        return 0.0
    return (max(t.last_ns for t in used) - min(t.first_ns for t in used)) / 1e9
