"""One case in a process of its own: `python -m bench.kit.child MODULE CASE_FILE RESULT_FILE`."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import cast

import msgspec

from bench.kit.bench import Bench, SkipCase
from bench.kit.cpu import ForeignMeter
from bench.kit.model import Case, CaseResult, Measured
from bench.kit.store import write_atomic
from transport.local.clock import now_ns

HERE = f"{Path(__file__).resolve().parents[2]}{os.sep}"
"""Folder of the project, as tracebacks name it."""


def measure(bench: Bench, case: Case, root_pid: int) -> CaseResult:
    """Run one case; what goes wrong becomes part of the result."""
    error = skipped = ""
    measured = Measured()
    start_ns = now_ns()
    with ForeignMeter(root_pid) as meter:
        try:
            measured = bench.run(case)
        except SkipCase as reason:
            skipped = str(reason)
        except Exception:
            error = traceback.format_exc(limit=12).replace(HERE, "")  # no path of this machine
    wall_s = (now_ns() - start_ns) / 1e9
    return CaseResult(case, measured, error, skipped, round(wall_s, 3), meter.percent,
                      round(os.getloadavg()[0], 2))  # fmt: skip


def _leave(number: int, _frame: FrameType | None) -> None:
    """SIGTERM takes along what the case has started: its `finally` clauses run."""
    raise SystemExit(128 + number)


def main() -> int:
    """Measure the case and store its result."""
    module, case_file, result_file = sys.argv[1:]
    signal.signal(signal.SIGTERM, _leave)
    bench = cast(Bench, import_module(module).BENCH)
    case = msgspec.json.decode(Path(case_file).read_bytes(), type=Case)
    # Cases of one run may go on side by side: the whole family of the runner is not foreign.
    result = measure(bench, case, os.getppid())
    write_atomic(Path(result_file), msgspec.json.encode(result))
    return 0


if __name__ == "__main__":
    try:
        status = main()
    except SystemExit as left:
        status = int(left.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # threads of codecs and compilers have nothing left to do
