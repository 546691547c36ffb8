"""What the status line shows: one reading of every mailbox, and percentiles of the latencies."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from safety.limits import Limits
from safety.messages import GuardReport
from teleop import channels
from teleop.audit.messages import ERROR_FILE
from teleop.supervisor.timing import LoopTimes, TimingReader

FRESH_NS = 500_000_000
"""A reading older than this is shown as lost."""
WINDOW = 200
"""Samples of the percentiles: 10 s at 20 readings per second."""


class _Stamped(Protocol):
    @property
    def stamp_ns(self) -> int: ...


T = TypeVar("T", bound=_Stamped)


@dataclass(frozen=True, slots=True)
class Status:
    """One reading. Latencies are -1 where nothing was measured."""

    state: str = "INIT"
    step: str = "WAIT_FOR_ARM"
    first_out: str = "NONE"
    alarm: str = "NONE"
    guard_alive: bool = False
    loop_p50_ms: float = -1.0
    loop_p99_ms: float = -1.0
    age_p50_ms: float = -1.0
    age_p99_ms: float = -1.0
    force_n: float = -1.0
    fps: float = -1.0
    servo_lateness_us: float = -1.0
    guard_lateness_us: float = -1.0
    servo_late_p99_us: float = -1.0
    """Over the last 10 s, as the next three."""
    servo_late_p999_us: float = -1.0
    guard_late_p99_us: float = -1.0
    guard_late_p999_us: float = -1.0
    uplink_late_p999_us: float = -1.0
    """From the kernel's receipt of a datagram to the process; -1: none came."""
    late_max_us: float = -1.0
    """Worst wake-up of servo or guard since they started."""
    not_real_time: tuple[str, ...] = ()
    """Rights that a control loop asked for and did not get: fifo, memory, processors."""
    display_lag_ms: float = 0.0
    """Of the expert's screen, as configured; contained in image and loop."""
    overruns: int = 0
    record_drops: int = 0
    record_mb: float = 0.0
    record_error: str = ""
    audit_error: str = ""
    """What is wrong with the audit log or with a console's; empty: nothing is known."""
    widened: bool = False
    simulated: bool = True
    live: bool = True
    bedside_input: bool = False
    qualify_age_ms: float = 0.0
    """Oldest command with which the link's test goes on, as configured."""
    qualify_s: float = 0.0
    """How long the link's test takes, as configured."""
    loop_limit_ms: float = 0.0
    """Longest loop from picture to motion, as configured; 0: not known."""
    links: int = 1
    """Network links configured."""
    link_silent_ms: float = 0.0
    """Silence of the link that is silent longest; 0: no console is connected."""
    missing: tuple[str, ...] = ()
    """Processes that do not report."""


class Percentiles:
    """Nearest-rank percentiles of the last `WINDOW` samples (pure)."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=WINDOW)

    def add(self, value: float) -> None:
        """Take a sample; negative or NaN means not measured and is left out."""
        if value >= 0.0:
            self._samples.append(value)

    def at(self, share: float) -> float:
        """The percentile at `share` (0..1), -1 without samples."""
        if not self._samples:
            return -1.0
        ordered = sorted(self._samples)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class StatusReader:
    """Opens the mailboxes of a run and reads them."""

    def __init__(
        self, run_dir: Path, display_lag_ms: float = 0.0, limits: Limits | None = None
    ) -> None:
        limits = limits or Limits()
        self._run_dir = run_dir
        self._blank = Status(
            display_lag_ms=display_lag_ms,
            qualify_age_ms=limits.qualify_age_ms,
            qualify_s=limits.qualify_s,
            loop_limit_ms=limits.loop_ms,
        )
        self._timing = TimingReader(run_dir)
        self._guard = channels.box(run_dir, channels.GUARD_REPORT)
        self._servo = channels.box(run_dir, channels.SERVO_REPORT)
        self._arm = channels.box(run_dir, channels.ARM_STATE)
        self._media = channels.box(run_dir, channels.MEDIA_STATUS)
        self._gateway = channels.box(run_dir, channels.GATEWAY_STATUS)
        self._loop = Percentiles()
        self._age = Percentiles()

    def read(self, now_ns: int) -> Status:
        """One reading of everything."""
        guard = _fresh(self._guard.read(), now_ns)
        servo = _fresh(self._servo.read(), now_ns)
        media = _fresh(self._media.read(), now_ns)
        arm = _fresh(self._arm.read(), now_ns)
        gateway = _fresh(self._gateway.read(), now_ns)
        found = {"arm": arm, "guard": guard, "servo": servo, "gateway": gateway, "media": media}
        silent = tuple(name for name, value in found.items() if value is None)
        status = _with_timing(replace(self._blank, missing=silent), self._timing.read(now_ns))
        if guard is not None:
            status = self._with_guard(status, guard)
        if servo is not None:
            status = replace(status, servo_lateness_us=servo.lateness_us, overruns=servo.overruns)
        if media is not None:
            status = replace(status, fps=media.fps, live=media.live)
        if gateway is not None:
            status = replace(status, links=gateway.links, link_silent_ms=gateway.link_silent_ms)
        return self._with_record(self._with_audit(status))

    def _with_guard(self, status: Status, guard: GuardReport) -> Status:
        self._loop.add(guard.loop_ms)
        self._age.add(guard.age_ms)
        return replace(
            status,
            state=guard.state.name,
            step=guard.step.name,
            first_out=guard.first_out.name,
            alarm=guard.alarm.name,
            guard_alive=True,
            loop_p50_ms=self._loop.at(0.5),
            loop_p99_ms=self._loop.at(0.99),
            age_p50_ms=self._age.at(0.5),
            age_p99_ms=self._age.at(0.99),
            force_n=guard.force_n,
            guard_lateness_us=guard.lateness_us,
            widened=guard.limits_widened,
            simulated=guard.simulated,
            bedside_input=guard.bedside_input,
        )

    def _with_audit(self, status: Status) -> Status:
        try:
            problem = (self._run_dir / ERROR_FILE).read_text("utf-8")
        except FileNotFoundError:
            return status
        except (OSError, ValueError) as error:
            problem = f"{ERROR_FILE}: {error}"
        return replace(status, audit_error=problem)

    def _with_record(self, status: Status) -> Status:
        try:
            record = json.loads((self._run_dir / "record.json").read_bytes())
            return replace(
                status,
                record_drops=int(record["drops"]),
                record_mb=float(record["bytes"]) / 1e6,
                record_error=str(record["error"]),
            )
        except FileNotFoundError:  # not recording, or not yet
            return status
        except (OSError, ValueError, KeyError, TypeError) as error:
            return replace(status, record_error=f"record.json: {error}")


def _with_timing(status: Status, loops: dict[str, LoopTimes]) -> Status:
    servo, guard, uplink = (loops.get(n, LoopTimes()) for n in ("servo", "guard", "uplink"))
    return replace(
        status,
        servo_late_p99_us=servo.p99_us,
        servo_late_p999_us=servo.p999_us,
        uplink_late_p999_us=uplink.p999_us,
        guard_late_p99_us=guard.p99_us,
        guard_late_p999_us=guard.p999_us,
        late_max_us=max(servo.max_us, guard.max_us),
        not_real_time=tuple(sorted({name for loop in loops.values() for name in loop.refused})),
    )


def as_json(status: Status) -> dict[str, object]:
    """The reading as JSON-ready values."""
    return asdict(status)


def _fresh(item: tuple[int, T] | None, now_ns: int) -> T | None:
    """The message when it is younger than `FRESH_NS`."""
    return item[1] if item is not None and now_ns - item[1].stamp_ns <= FRESH_NS else None
