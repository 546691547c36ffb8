"""From RTP packets to encoded frames, without waiting for the next frame (pure).

A frame is complete when its packets are there up to the one with the marker bit (RFC 6184 section
5.1), or, for senders that set no marker, when a packet with another timestamp follows. A gap may
be filled until its deadline; then what is missing is given up and the next whole frame goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from transport.sequence import unwrap

GAP_NS = 50_000_000
"""Deadline of a gap: a picture that waits longer is no use for driving."""
CAPACITY = 2048
"""Packets that may wait behind a gap; a jump beyond that is a new stream."""
MISORDER = 128
"""How far behind the first packet of a stream an earlier one may still arrive."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet of the stream, its payload as Annex B bytes."""

    sequence: int
    """16 bits."""
    timestamp: int
    """32 bits, 90 kHz."""
    marker: bool
    data: bytes
    arrived_ns: int


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One frame, complete."""

    timestamp: int
    data: bytes
    first_ns: int
    """Arrival of its earliest packet (monotonic)."""
    last_ns: int
    """Arrival of the packet that completed it."""
    after_loss: bool
    """Frames before it were given up: its references may be missing."""


class Reassembly:
    """Puts one stream's packets in order and releases frames."""

    def __init__(self, gap_ns: int = GAP_NS) -> None:
        self.gap_ns = gap_ns
        """May be raised for a link whose round trip is longer."""
        self.given_up = 0
        """Gaps that were not filled before their deadline."""
        self.late = 0
        """Packets that arrived twice or after their frame was done."""
        self._packets: dict[int, Packet] = {}
        self._next: int | None = None
        self._highest = 0
        self._released = False
        self._gap_since_ns: int | None = None
        self._loss = False
        self._damaged: int | None = None
        """Timestamp of a frame whose beginning was given up and whose rest may still come."""

    @property
    def position(self) -> int:
        """First sequence number (unwrapped) that is not released yet."""
        return self._next or 0

    @property
    def highest(self) -> int:
        """Highest sequence number (unwrapped) that has arrived."""
        return self._highest

    def due_ns(self) -> int | None:
        """When `expire` has something to do."""
        return None if self._gap_since_ns is None else self._gap_since_ns + self.gap_ns

    def add(self, packet: Packet) -> list[EncodedFrame]:
        """Take a packet; the frames that it completes, oldest first."""
        sequence = self._place(packet.sequence)
        if self._next is None or sequence < self._next or sequence in self._packets:
            self.late += 1
            return []
        self._packets[sequence] = packet
        self._highest = max(self._highest, sequence)
        frames = self._release()
        self._watch_gap(packet.arrived_ns, progress=bool(frames))
        return frames

    def expire(self, now_ns: int) -> list[EncodedFrame]:
        """Give up a gap whose deadline has passed; the frames that can go on then."""
        due_ns = self.due_ns()
        if due_ns is None or now_ns < due_ns:
            return []
        self._skip()
        frames = self._release()
        self._gap_since_ns = None
        self._watch_gap(now_ns, progress=True)
        return frames

    def _place(self, sequence: int) -> int:
        """Unwrap; begin anew at the first packet and after a jump."""
        place = unwrap(sequence, self._highest)
        if self._next is None or abs(place - self._highest) > CAPACITY:
            self._loss = self._next is not None
            self._packets.clear()
            self._next = self._highest = place
            self._released, self._gap_since_ns, self._damaged = False, None, None
        elif place < self._next and not self._released and self._next - place <= MISORDER:
            self._next = place
        return place

    def _release(self) -> list[EncodedFrame]:
        self._drop_damaged()
        frames = []
        while (end := self._end()) is not None:
            frames.append(self._take(end))
        return frames

    def _drop_damaged(self) -> None:
        """Throw the rest of a given up frame away."""
        while self._damaged is not None:
            packet = self._packets.get(self.position)
            if packet is None:
                return
            if packet.timestamp == self._damaged:
                del self._packets[self.position]
                self._next = self.position + 1
            if packet.marker or packet.timestamp != self._damaged:
                self._damaged = None

    def _end(self) -> int | None:
        """The sequence number after the oldest frame, when that is complete."""
        at = self.position
        first = self._packets.get(at)
        if first is None:
            return None
        while (packet := self._packets.get(at)) is not None:
            if packet.timestamp != first.timestamp:
                return at
            at += 1
            if packet.marker:
                return at
        return None

    def _take(self, end: int) -> EncodedFrame:
        parts = [self._packets.pop(at) for at in range(self.position, end)]
        arrivals = [part.arrived_ns for part in parts]
        loss, self._loss = self._loss, False
        self._next, self._released = end, True
        data = b"".join(part.data for part in parts)
        return EncodedFrame(parts[0].timestamp, data, min(arrivals), max(arrivals), loss)

    def _watch_gap(self, now_ns: int, progress: bool) -> None:
        waiting = self._highest - self.position + 1
        if len(self._packets) == waiting:
            self._gap_since_ns = None
        elif progress or self._gap_since_ns is None:
            self._gap_since_ns = now_ns

    def _skip(self) -> None:
        """Move on to the first packet that certainly starts a frame."""
        self.given_up += 1
        self._loss = True
        self._damaged = None
        starts, timestamp = False, None
        for at in range(self.position, self._highest + 1):
            packet = self._packets.get(at)
            if packet is None:
                starts, timestamp = False, None
            elif starts or (timestamp is not None and packet.timestamp != timestamp):
                self._next = at
                return
            else:
                timestamp, starts = packet.timestamp, packet.marker
                del self._packets[at]
        self._next = self._highest + 1
        self._damaged = None if starts else timestamp
