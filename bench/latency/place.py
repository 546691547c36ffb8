"""Where the two ends of a case run: on this machine directly, or behind an emulated network."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.kit.bench import SkipCase
from bench.kit.model import Figure
from bench.links.emulator import EmulatorError
from bench.links.namespaces import Side, why_not
from bench.links.network import Network
from bench.links.profiles import TRACES, ProfileError, Scenario, TraceOptions, scenario, streams
from bench.links.report import EmulatorReport
from bench.links.windows import with_interruptions
from transport.impair import LinkProfile, PathProfile

LOOPBACK = "loopback"
"""No emulation at all: both ends on 127.0.0.1."""


@dataclass(slots=True)
class Place:
    """Interpreters and addresses of both sides; what the network says afterwards."""

    robot_python: str = sys.executable
    console_python: str = sys.executable
    robot: tuple[str, ...] = ("127.0.0.1",)
    """Addresses of the robot's side, one per link."""
    console: tuple[str, ...] = ("127.0.0.1",)
    console_wrapper: Callable[[str], str] = field(default=lambda executable: executable)
    """Path that runs an executable on the console's side."""
    begin: Callable[[], None] = field(default=lambda: None)
    """Start the profile anew: its time 0 is the start of the measurement."""
    cut: Callable[[bool], None] = field(default=lambda gone: None)
    """Pull the cables of all links (True), or put them back."""
    break_link: Callable[[LinkProfile, LinkProfile], None] = field(default=lambda up, down: None)
    """Give every link other profiles: (console to robot, robot to console)."""
    note: str = ""
    in_time_share: float | None = None
    """% of a trace's packets that are themselves in time, in the window used."""
    report: EmulatorReport | None = None

    def figures(self) -> tuple[Figure, ...]:
        """Losses of the network and how late the emulator itself was."""
        out: list[Figure] = []
        if self.in_time_share is not None:
            out.append(Figure("trace packets in time", "%", round(self.in_time_share, 3)))
        for lane in self.report.lanes if self.report is not None else ():
            name = f"link {lane.link} {lane.direction}"
            lost = 100.0 * sum(lane.drops.values()) / max(1, lane.sent)
            out.append(Figure(f"{name} packets lost", "%", round(lost, 3), lane.sent))
            out.append(Figure(f"{name} emulator late p99.9", "ms",
                              round(lane.late_p999_us / 1e3, 3), lane.sent))  # fmt: skip
        return tuple(out)


def _scenario(name: str, seconds: float, seed: int) -> tuple[Scenario, str, float | None]:
    """The scenario, which part of a trace it replays, and the best share that allows."""
    row = next((row for row in TRACES if row.name == name), None)
    if row is None:
        return scenario(name), "", None
    length_ms = 1e3 * seconds
    windows = with_interruptions(streams(row, TraceOptions(seed=seed)), length_ms)
    if not windows:
        return scenario(name, TraceOptions(seed=seed)), "the trace has no interruption", None
    window = windows[0]
    found = scenario(name, TraceOptions(None, window.start_ms, window.length_ms, seed))
    text = (f"{found.data or found.what}: window from {window.start_ms / 1e3:.1f} s, "
            f"{seconds:g} s, {window.interruptions} interruptions")  # fmt: skip
    return found, text, 100.0 * (1.0 - window.late)


@contextlib.contextmanager
def place(profile: str, seconds: float, seed: int) -> Iterator[Place]:
    """Make the place of a case; SkipCase when this machine cannot emulate networks."""
    if profile == LOOPBACK:
        yield Place()
        return
    if lack := why_not():
        raise SkipCase(f"profile {profile}: {lack}")
    try:
        chosen, note, share = _scenario(profile, seconds, seed)
        network = Network(chosen, seed)
    except (ProfileError, EmulatorError) as error:
        raise SkipCase(f"profile {profile}: {error}") from error
    python = {side: str(network.wrapper(side, sys.executable)) for side in Side}

    def begin() -> None:
        network.emulator.restart()

    def cut(gone: bool) -> None:
        for link in range(len(chosen.links)):
            network.emulator.cut(link, up=gone, down=gone)

    def break_link(up: LinkProfile, down: LinkProfile) -> None:
        network.emulator.restart((PathProfile(up, down),) * len(chosen.links))

    def wrapper(executable: str) -> str:
        return str(network.wrapper(Side.CONSOLE, executable))

    made = Place(
        python[Side.ROBOT], python[Side.CONSOLE], tuple(network.addresses(Side.ROBOT)),
        tuple(network.addresses(Side.CONSOLE)), wrapper, begin, cut, break_link,
        note, share,
    )  # fmt: skip
    try:
        yield made
    finally:
        made.report = network.close()
