"""Processor, priority, memory and clock."""

from __future__ import annotations

import os
import resource
from array import array
from pathlib import Path
from typing import NoReturn

from teleop.doctor.finding import Finding, bad, ok, warn
from teleop.processes import spec
from transport.local.loop import Cycle
from transport.local.realtime import go_real_time

SCHEDULER = "real-time priority"
GOOD_CLOCKS = ("tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page")
LOCK_NEEDED = 512 << 20
"""arm, servo and guard together use about 400 MB."""
SHARED_NEEDED_MB = 64
"""The channels of a run take 15 MB."""


def check_cores(cores: int | None = None) -> Finding:
    """Two cores are enough for the demo at 500 Hz; more give 1 kHz."""
    count = cores if cores is not None else len(os.sched_getaffinity(0))
    if count >= 4:
        return ok("cores", f"{count}: control at 1 kHz")
    if count >= 2:
        rate = "500 Hz" if count == 2 else "1 kHz"
        return ok("cores", f"{count}: control at {rate}")
    return warn("cores", f"{count}", "use two or more: stops for late processes are likely")


def check_fifo() -> Finding:
    """SCHED_FIFO, tried in a child so that this process stays as it is."""
    pid = os.fork()
    if pid == 0:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        except OSError:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) == 0:
        return ok(SCHEDULER, "SCHED_FIFO is allowed")
    fix = (
        'echo "$USER - rtprio 80" | sudo tee /etc/security/limits.d/teleop.conf   '
        "then log in again (works without; loops are later under load)"
    )
    return warn(SCHEDULER, "SCHED_FIFO is refused", fix)


def check_mlock() -> Finding:
    """Locked memory: a loop that is paged out is late."""
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft == resource.RLIM_INFINITY or soft >= LOCK_NEEDED or os.geteuid() == 0:
        return ok("locked memory", "enough")
    fix = 'echo "$USER - memlock unlimited" | sudo tee -a /etc/security/limits.d/teleop.conf'
    return warn("locked memory", f"limit {soft >> 10} kB", fix)


def check_governor(root: Path = Path("/sys/devices/system/cpu")) -> Finding:
    """The processor does not sleep at half speed."""
    files = sorted(root.glob("cpu*/cpufreq/scaling_governor"))
    names = {file.read_text().strip() for file in files}
    if not names:
        return ok("CPU governor", "set by the host")
    if names <= {"performance", "schedutil"}:
        return ok("CPU governor", ", ".join(sorted(names)))
    return warn(
        "CPU governor", ", ".join(sorted(names)), "sudo cpupower frequency-set -g performance"
    )


def check_clock_source(
    file: Path = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
) -> Finding:
    """A clock that is cheap to read."""
    if not file.exists():
        return ok("clock source", "set by the host")
    name = file.read_text().strip()
    if name in GOOD_CLOCKS:
        return ok("clock source", name)
    fix = "boot with clocksource=tsc if the processor is stable; loops work, reading costs more"
    return warn("clock source", name, fix)


def check_shared_memory(folder: Path = Path("/dev/shm")) -> Finding:
    """The channels live there."""
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return warn(
            "shared memory", f"{folder} not usable", "mount it; the temporary folder is used"
        )
    stat = os.statvfs(folder)
    free_mb = stat.f_bavail * stat.f_frsize >> 20
    if free_mb < SHARED_NEEDED_MB:
        fix = f"free {SHARED_NEEDED_MB} MB there (docker: --shm-size=256m)"
        return bad("shared memory", f"{free_mb} MB free in {folder}", fix)
    return ok("shared memory", f"{free_mb} MB free")


def loop_lateness_us(seconds: float, rate_hz: int) -> list[float]:
    """Lateness of every cycle of an empty loop with the rights of servo, sorted (us).

    In a child: priority and locked memory must not stay with this process.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _late_child(writer, seconds, rate_hz)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        late = array("d", pipe.read())
    os.waitpid(pid, 0)
    if not late:
        raise OSError("the child that measures the loop ended without an answer")
    return sorted(late)


def _late_child(writer: int, seconds: float, rate_hz: int) -> NoReturn:
    late = array("d")
    try:
        go_real_time(spec("servo").fifo)
        cycle = Cycle(round(1e9 / rate_hz))
        for _ in range(round(seconds * rate_hz)):
            cycle.wait()
            late.append(cycle.lateness_ns / 1e3)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(late.tobytes())
    finally:
        os._exit(0)


def check_jitter(seconds: float, late_us: list[float] | None = None) -> Finding:
    """An empty loop at the control rate: how late does this machine wake us?"""
    rate = 500 if len(os.sched_getaffinity(0)) <= 2 else 1000
    late = late_us if late_us is not None else loop_lateness_us(seconds, rate)
    p50, p99, worst = late[len(late) // 2], late[int(len(late) * 0.99)], late[-1]
    name = f"loop jitter ({seconds:g} s at {rate} Hz)"
    detail = f"late by {p50:.0f} us p50, {p99:.0f} us p99, {worst:.0f} us worst"
    fix = "stop other programs; allow real-time priority (above); do not run in a busy VM"
    if p99 > 20000:
        return bad(name, detail + "; permits last 20 ms", fix)
    if p99 > 2000 or worst > 20000:
        return warn(name, detail + "; the arm will stop when a cycle is 20 ms late", fix)
    return ok(name, detail)
