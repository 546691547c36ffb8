"""Facts about the machine a bench ran on."""

from __future__ import annotations

import os
import platform
import resource
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.kit.model import Machine, Param
from teleop.version import git_revision, package_version

PACKAGES = ("aiortc", "aioice", "av", "numpy", "numba", "uvloop", "pybullet", "playwright")


def describe() -> Machine:
    """The machine, its kernel and the versions of what matters here."""
    return Machine(
        cpu=_cpu(), cores=os.cpu_count() or 1, memory_gb=round(_memory_gb(), 1),
        kernel=f"{platform.system()} {platform.release()} {_preemption()}".strip(),
        python=platform.python_version(),
        software=(*(Param(name, _version(name)) for name in PACKAGES),
                  Param("teleop", package_version())),
        revision=git_revision(), real_time=_may_fifo(),
    )  # fmt: skip


def _cpu() -> str:
    for line in _text("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _preemption() -> str:
    build = platform.version()
    return next(
        (word for word in ("PREEMPT_RT", "PREEMPT_DYNAMIC", "PREEMPT") if word in build), ""
    )


def _may_fifo() -> bool:
    """The right to SCHED_FIFO: superuser, or a limit on real-time priority above 0."""
    return os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_RTPRIO)[0] != 0


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except OSError:
        return ""
