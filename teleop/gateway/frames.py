"""What a console sends over its links: frames once into guard's mailbox, reports into the meters.

What came by datagram has been given to guard by `uplink` already; here it is logged and counted.
A frame that guard can use is passed on byte for byte, the first copy only: a duplicate would count
as a refused command, and one that was overtaken would hide a newer one in the mailbox. A frame that
cannot be read is passed on, too: guard refuses and counts it.
"""

from __future__ import annotations

from pathlib import Path

from safety.frame import FrameError, SafetyFrame, unpack
from safety.messages import FRAME_BYTES
from teleop import channels
from teleop.uplink.beside import Beside
from transport.multilink import Copy, FirstCopy, LinkMeter, LinkQuality, LinkReport
from transport.repeat import unmarked
from transport.schema import LINK_REPORT, LINK_REPORT_MAGIC


class FrameSink:
    """Writes accepted frames to the mailbox and every one of them to the log."""

    def __init__(self, run_dir: Path) -> None:
        self._mailbox = channels.raw_box(run_dir, channels.COMMAND_FRAME)
        self._log = channels.ring_writer(run_dir, channels.COMMAND_LOG)
        self._beside = Beside(run_dir, channels.DATAGRAM_FRAME)

    def given(self, session: int, stream: FirstCopy) -> None:
        """Tell the stream of a session what uplink gave guard."""
        self._beside.tell(session, stream)

    def accept(self, frame: bytes, at_ns: int) -> None:
        """Pass one frame on to guard."""
        self._mailbox.write(frame)
        self.log(frame, at_ns)

    def log(self, frame: bytes, at_ns: int) -> None:
        """Note a frame that guard was given."""
        self._log.write(at_ns.to_bytes(8, "little", signed=True) + frame)


def read_report(data: bytes) -> LinkReport | None:
    """A link report; None: it is none."""
    if len(data) != LINK_REPORT.size:
        return None
    magic, seq, stamp_ns, sent_us, kept_us, expected, received, variation_us = LINK_REPORT.unpack(
        data
    )
    if magic != LINK_REPORT_MAGIC:
        return None
    return LinkReport(seq, stamp_ns, kept_us, sent_us, expected, received, variation_us)


class Intake:
    """Everything that one console sends, over all its links."""

    def __init__(self, sink: FrameSink, links: int, now_ns: int) -> None:
        self._sink = sink
        self._stream = FirstCopy()
        self._meters = [LinkMeter(now_ns) for _ in range(links)]
        self.copies = dict.fromkeys(Copy, 0)
        """How often a frame was what."""

    def take(self, link: int, data: bytes | str, at_ns: int, *, drives: bool) -> bool:
        """Take one message of a data channel; False: it is nothing that a console may send."""
        if not isinstance(data, bytes):
            return False
        if self._reported(link, data, at_ns):
            return True
        message, again = unmarked(data, FRAME_BYTES)
        if len(message) != FRAME_BYTES or not drives:
            return False
        frame = self._counted(link, message, at_ns, again=again)
        if frame is None:
            if not again:
                self._sink.accept(message, at_ns)
            return True
        self._sink.given(frame.session, self._stream)
        if self._copy(frame) is Copy.NEWEST:
            self._sink.accept(message, at_ns)
        return True

    def took(self, link: int, data: bytes, at_ns: int, *, drives: bool, given: bool) -> bool:
        """Count what came by datagram; `given`: guard has its frame. False: as with `take`."""
        if self._reported(link, data, at_ns):
            return True
        message, again = unmarked(data, FRAME_BYTES)
        if len(message) != FRAME_BYTES or not (drives or given):
            return False
        frame = self._counted(link, message, at_ns, again=again)
        if frame is not None:
            self._copy(frame)
        if given:
            self._sink.log(message, at_ns)
        return True

    def _reported(self, link: int, data: bytes, at_ns: int) -> bool:
        report = read_report(data)
        if report is not None:
            self._meters[link].report(report, at_ns)
        return report is not None

    def _counted(self, link: int, data: bytes, at_ns: int, *, again: bool) -> SafetyFrame | None:
        """The frame, counted on its link; None: it cannot be read."""
        try:
            frame = unpack(data)
        except FrameError:
            return None
        if again:
            self._meters[link].repeated(at_ns)
        else:
            self._meters[link].frame(frame.seq, at_ns)
        return frame

    def _copy(self, frame: SafetyFrame) -> Copy:
        copy = self._stream.take(frame.epoch, frame.seq)
        self.copies[copy] += 1
        return copy

    def quality(self, link: int, now_ns: int, *, is_open: bool) -> LinkQuality:
        """How good a link is now."""
        return self._meters[link].quality(now_ns, is_open=is_open)
