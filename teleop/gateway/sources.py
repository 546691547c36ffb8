"""Reads what the other processes report, with the age each may have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from safety.limits import Limits
from safety.messages import ArmState, GuardReport, MediaStatus, ServoReport
from teleop import channels
from teleop.gateway.view import Facts
from transport.local.mailbox import Mailbox
from transport.local.timing import LoopTiming
from transport.multilink import LinkQuality
from transport.percentile import LatencyWindow

MIN_SILENCE_NS = 100_000_000
"""Display says "lost" after this or twice the safety limit, whichever is longer."""
MEDIA_SILENCE_NS = 500_000_000
RECORD_FILE = "record.json"


class _RecordFile(msgspec.Struct):
    drops: int = 0


def _silence_ns(limit_ms: float) -> int:
    return max(MIN_SILENCE_NS, int(2e6 * limit_ms))


class Sources:
    """The mailboxes that telemetry is made of."""

    def __init__(self, run_dir: Path, limits: Limits) -> None:
        self._guard: Mailbox[GuardReport] = channels.box(run_dir, channels.GUARD_REPORT)
        self._servo: Mailbox[ServoReport] = channels.box(run_dir, channels.SERVO_REPORT)
        self._arm: Mailbox[ArmState] = channels.box(run_dir, channels.ARM_STATE)
        self._media: Mailbox[MediaStatus] = channels.box(run_dir, channels.MEDIA_STATUS)
        self._record = run_dir / RECORD_FILE
        self._record_drops = 0
        self._timing: list[Mailbox[LoopTiming]] = [
            channels.box(run_dir, channel) for channel in channels.TIMING.values()
        ]
        self._not_real_time = False
        self._guard_ns = _silence_ns(limits.own_gap_ms)
        self._servo_ns = _silence_ns(limits.servo_silent_ms)
        self._arm_ns = _silence_ns(limits.arm_silent_ms)
        self._media_ns = max(MEDIA_SILENCE_NS, int(1e6 * limits.media_silent_ms))
        self._loop = LatencyWindow()
        self._age = LatencyWindow()
        self._seq = 0
        self.report: GuardReport | None = None

    def poll_guard(self) -> bool:
        """Read guard's report; True when it has a new stamp (a heartbeat is due)."""
        newest = _value(self._guard)
        if newest is None or (self.report is not None and newest.stamp_ns == self.report.stamp_ns):
            return False
        self.report = newest
        return True

    def guard_alive(self, now_ns: int) -> bool:
        """True while guard reports."""
        return self.report is not None and now_ns - self.report.stamp_ns <= self._guard_ns

    def media(self, now_ns: int) -> MediaStatus | None:
        """Media's status while it is fresh."""
        status = _value(self._media)
        fresh = status is not None and now_ns - status.stamp_ns <= self._media_ns
        return status if fresh else None

    def arm(self) -> ArmState | None:
        """The newest arm sample, of any age."""
        state: ArmState | None = _value(self._arm)
        return state

    def servo(self) -> ServoReport | None:
        """The newest servo report, of any age."""
        report: ServoReport | None = _value(self._servo)
        return report

    def sample(self, now_ns: int) -> None:
        """Take the latencies of now into the percentiles."""
        if self.report is not None and self.guard_alive(now_ns):
            self._loop.add(now_ns, self.report.loop_ms)
            self._age.add(now_ns, self.report.age_ms)

    def facts(self, now_ns: int, links: tuple[LinkQuality, ...]) -> Facts:
        """Everything one telemetry message is made of."""
        arm, servo = _value(self._arm), _value(self._servo)
        servo_alive = servo is not None and now_ns - servo.stamp_ns <= self._servo_ns
        self._seq += 1
        return Facts(
            now_ns=now_ns,
            seq=self._seq,
            report=self.report,
            guard_alive=self.guard_alive(now_ns),
            servo=servo if servo_alive else None,
            arm=arm,
            arm_alive=arm is not None and now_ns - arm.stamp_ns <= self._arm_ns,
            media=self.media(now_ns),
            loop=self._loop.percentiles(now_ns),
            age=self._age.percentiles(now_ns),
            record_drops=self._record_drops,
            not_real_time=self._not_real_time,
            links=links,
        )

    def poll_timing(self) -> None:
        """Read whether every control loop has the rights that it asked for (each second)."""
        told = [t for t in map(_value, self._timing) if t is not None and t.asked]
        self._not_real_time = not all(t.fifo and t.locked and t.pinned for t in told)

    def poll_record(self) -> None:
        """Read how many records the recording lost (each second; absent: no recording)."""
        try:
            content = msgspec.json.decode(self._record.read_bytes(), type=_RecordFile)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError):
            self._record_drops = -1  # shown as "unknown"
            return
        self._record_drops = content.drops


def _value(box: Mailbox[Any]) -> Any:
    item = box.read()
    return None if item is None else item[1]
