"""Run a program behind an emulated network: `python -m bench.links --profile NAME -- COMMAND`.

The command runs on the console's side; `--robot "COMMAND"` starts another one on the robot's side
first. `{robot}` and `{console}` in either stand for the address of that side on the first link
(`{robot1}` on the second, and so on). Without root: `--relay HOST:PORT` relays UDP datagrams to
that address through the same profile; `{port}` in the command is the relay's port.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from bench.links import report as reports
from bench.links.control import Begin
from bench.links.emulator import Emulator, EmulatorError
from bench.links.namespaces import Side, why_not
from bench.links.network import Network
from bench.links.profiles import (
    FIXED,
    TRACES,
    ProfileError,
    Scenario,
    TraceOptions,
    scenario,
    streams,
)
from bench.links.windows import with_interruptions

WINDOW_S = 28.0


def main(arguments: list[str] | None = None) -> int:
    """Parse, run, report. Exit code: that of the command; 2: the network could not be made."""
    options = _parser().parse_args(arguments)
    try:
        if options.list:
            return _list()
        if options.windows:
            return _windows(options)
        chosen = scenario(options.profile, _trace_options(options))
        return _relayed(chosen, options) if options.relay else _bridged(chosen, options)
    except ProfileError as error:
        sys.stderr.write(f"{error}\n")
    except EmulatorError as error:
        hint = "" if options.relay else "; without rights use --relay HOST:PORT (UDP only)"
        sys.stderr.write(f"{error}{hint}\n")
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.links",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--list", action="store_true", help="show all profiles")
    parser.add_argument(
        "--windows",
        action="store_true",
        help="show the windows of a trace profile that hold its interruptions",
    )
    parser.add_argument("--profile", default="5g", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--traces", type=Path, help="folder of the recordings (or TELEOP_TRACES)")
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="of the trace window")
    parser.add_argument("--length", type=float, metavar="S", help="of the trace window")
    parser.add_argument("--robot", default="", metavar="COMMAND", help="runs on the robot's side")
    parser.add_argument(
        "--relay", default="", metavar="HOST:PORT", help="UDP relay, no root needed"
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="fate of each packet (binary)")
    parser.add_argument("command", nargs="*", help="runs on the console's side")
    return parser  # fmt: skip


def _trace_options(options: argparse.Namespace) -> TraceOptions:
    length_ms = None if options.length is None else 1e3 * options.length
    return TraceOptions(options.traces, 1e3 * options.start, length_ms, options.seed)


def _list() -> int:
    rows = [(row.name, row.what) for row in FIXED] + [(row.name, row.what) for row in TRACES]
    sys.stdout.writelines(f"{name:20} {what}\n" for name, what in rows)
    return 0


def _windows(options: argparse.Namespace) -> int:
    row = next((row for row in TRACES if row.name == options.profile), None)
    if row is None:
        raise ProfileError(f"{options.profile} replays no trace")
    length_s = options.length or WINDOW_S
    for window in with_interruptions(streams(row, _trace_options(options)), 1e3 * length_s):
        sys.stdout.write(
            f"--start {window.start_ms / 1e3:.2f} --length {length_s:g}   "
            f"{window.interruptions} interruptions above 100 ms, "
            f"{100 * window.late:.2f} % of the time on the best link\n"
        )
    return 0


def _filled(words: list[str], values: dict[str, str]) -> list[str]:
    """Put addresses in place of `{robot}` and the like; other braces stay as they are."""
    for name, value in values.items():
        words = [word.replace("{" + name + "}", value) for word in words]
    return words


def _names(network: Network) -> dict[str, str]:
    values = {}
    for side in Side:
        for link, address in enumerate(network.addresses(side)):
            values[f"{side}{link or ''}"] = address
    return values


def _bridged(chosen: Scenario, options: argparse.Namespace) -> int:
    lack = why_not()
    if lack:
        raise EmulatorError(lack)
    _say(chosen)
    with Network(chosen, options.seed, options.log) as network:
        values = _names(network)
        if options.robot:
            network.start(Side.ROBOT, _filled(shlex.split(options.robot), values))
        for side in Side:
            addresses = ", ".join(network.addresses(side))
            sys.stderr.write(f"{side}: {addresses}; {shlex.join(network.prefix(side))} COMMAND\n")
        command = _filled(options.command, values) or ["sleep", "infinity"]
        code = _wait(network.start(Side.CONSOLE, command))
    _show(network.emulator)
    return code


def _relayed(chosen: Scenario, options: argparse.Namespace) -> int:
    host, _, port = options.relay.rpartition(":")
    if not host or not port.isdigit():
        raise ProfileError(f"--relay {options.relay}: HOST:PORT")
    _say(chosen)
    targets = tuple((host, int(port)) for _ in chosen.links)
    begin = Begin(chosen.name, chosen.links, options.seed, str(options.log or ""), targets)
    with Emulator("bench.links.relay", [], begin) as emulator:
        ports = emulator.ready.ports
        sys.stdout.write(f"relay ports {', '.join(map(str, ports))} to {options.relay}\n")
        sys.stdout.flush()
        values = {f"port{link or ''}": str(number) for link, number in enumerate(ports)}
        command = _filled(options.command, values) or ["sleep", "infinity"]
        code = _wait(subprocess.Popen(command))
    _show(emulator)
    return code


def _leave(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM takes the programs and namespaces away too."""
    raise SystemExit(128 + signal.SIGTERM)


def _wait(program: subprocess.Popen[bytes]) -> int:
    """Wait for the command; Ctrl-C ends it and is no error of ours."""
    try:
        return program.wait()
    except KeyboardInterrupt:
        program.terminate()
        return program.wait()


def _say(chosen: Scenario) -> None:
    data = f" ({chosen.data})" if chosen.data else ""
    sys.stderr.write(f"{chosen.name}: {chosen.what}{data}; source: {chosen.source}\n")


def _show(emulator: Emulator) -> None:
    if emulator.report is None:
        raise EmulatorError("the emulator died while the command ran; its last words are above")
    sys.stderr.write(reports.text(emulator.report))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)
    raise SystemExit(main())
