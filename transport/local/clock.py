"""The only module that reads the clock: CLOCK_MONOTONIC, shared by all processes of a machine."""

import time


def now_ns() -> int:
    """Monotonic time in ns; comparable between processes of one machine, never a wall clock."""
    return time.monotonic_ns()


def sleep_until(due_ns: int) -> None:
    """Sleep until `due_ns` (loops use the absolute sleep of `transport.local.loop`)."""
    rest = due_ns - time.monotonic_ns()
    if rest > 0:
        time.sleep(rest / 1e9)


def utc_text() -> str:
    """Wall-clock time for file names and logs only (ISO 8601, UTC, no colons)."""
    return time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())


def utc_seconds() -> float:
    """Wall-clock time (s since 1970) for certificates and the life of invitations only."""
    return time.time()


def wall_ns() -> int:
    """Wall-clock time in ns, only to compare with a stamp that the kernel has just made."""
    return time.time_ns()
