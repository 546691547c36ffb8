"""Two ways to show a session to people: a live line on a terminal, or plain lines."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.text import Text

from safety.states import Cause
from teleop.cli.jsonview import JsonView
from teleop.cli.tables import number, result_table
from teleop.cli.text import Texts
from teleop.supervisor.status import Status
from teleop.supervisor.stop import Stopped
from teleop.supervisor.watch import Ended
from transport.local.clock import now_ns

_COLOURS = {
    "ACTIVE": "bold green", "DEGRADED": "bold yellow", "HOLD": "bold yellow",
    "SAFE_STOP": "bold red", "ESTOP": "bold red", "FAULT": "bold red",
}  # fmt: skip
PLAIN_EVERY_NS = 5_000_000_000
LATE = (
    Cause.COMMAND_AGE, Cause.LOOP_LATENCY, Cause.MISSED_SLOTS, Cause.PICTURE_STALE,
    Cause.GUARD_OVERRUN,
)  # fmt: skip
"""On one machine, without a network in between and without a crash, these say it is too busy."""


@dataclass(frozen=True, slots=True)
class Bedside:
    """Where the bedside stop is that does not pass through the network."""

    path: str = ""
    """A device or socket; empty: the key of this terminal."""
    terminal: bool = True
    """There is a terminal whose keys guard can read."""
    scripted: bool = False
    """A scripted nurse holds it."""


class TextView(ABC):
    """Sentences and tables; the base of the two views for people."""

    def __init__(self, texts: Texts, bedside: Bedside, console: Console | None = None) -> None:
        self._texts = texts
        self._bedside = bedside
        self.console = console or Console(highlight=False, markup=False, emoji=False)

    def say(self, key: str, **values: object) -> None:
        """Print one sentence."""
        self.console.print(self._texts(key, **values))

    def joined(self, urls: dict[str, str], facts: dict[str, object]) -> None:
        """Print the addresses."""
        if facts.get("simulated"):
            self.say("cli.simulated")
        if facts.get("widened"):
            self.console.print(self._texts("cli.widened"), style="bold red")
        if self._bedside.scripted:
            self.console.print(self._texts("cli.auto_watch", url=urls["observer"]), soft_wrap=True)
            return
        self.console.print()
        self.console.print(self._texts("cli.open"), style="bold")
        for role in ("bedside", "console", "observer"):
            label = self._texts(f"cli.{role}")
            self.console.print(f"  {label:<10} {urls[role]}", soft_wrap=True)
        native = self._texts("cli.native")
        self.console.print(f"  {native:<10} {urls['native']}", soft_wrap=True, style="dim")
        self.console.print(self._texts("cli.codes"))
        if facts.get("fingerprint"):
            self.say("cli.fingerprint", fingerprint=facts["fingerprint"])
        if self._bedside.path:
            self.say("cli.input", path=self._bedside.path)
        else:
            self.say("cli.key" if self._bedside.terminal else "cli.no_key")
        self.console.print()

    def line(self, status: Status) -> str:
        """The status line."""
        cause = "" if status.first_out == "NONE" else self._texts(f"cause.{status.first_out}")
        state = status.state if status.guard_alive else "LOST"
        text = self._texts(
            "cli.line",
            state=self._texts(f"state.{state}"),
            cause=cause,
            loop=f"{number(status.loop_p50_ms)}/{number(status.loop_p99_ms)}",
            age=f"{number(status.age_p50_ms)}/{number(status.age_p99_ms)}",
            force=number(max(0.0, status.force_n), 1),
            fps=number(status.fps),
            late=f"{number(status.servo_late_p99_us)}/{number(status.guard_late_p99_us)}",
            drops=status.record_drops,
        )
        if status.display_lag_ms > 0.0:
            text += "  " + self._texts("cli.screen", lag=f"{status.display_lag_ms:g}")
        if status.links > 1:
            silent = f"{status.link_silent_ms / 1e3:.1f}"
            text += "  " + self._texts("cli.links", count=status.links, silent=silent)
        if status.not_real_time:
            text += "  " + self._texts("cli.not_real_time", names=" ".join(status.not_real_time))
        if status.missing:
            text += "  " + self._texts("cli.missing", names=" ".join(status.missing))
        return text

    def step(self, status: Status) -> str:
        """The next thing to do, in words; empty when nothing is missing."""
        if status.step == "NONE":
            return ""
        words = self._texts(f"step.{status.step}")
        if status.step == "WAIT_FOR_LINK":
            words = self._too_slow(status) or words
        return f"{self._texts('cli.next')} {words}"

    def _too_slow(self, status: Status) -> str:
        """Why the link's test cannot end as things are; empty: it needs time only."""
        seconds = f"{status.qualify_s:g}"
        if status.age_p99_ms > status.qualify_age_ms > 0.0:
            age, limit = math.ceil(status.age_p99_ms), f"{status.qualify_age_ms:g}"
            return self._texts("step.link_slow", age=age, limit=limit, s=seconds)
        if status.loop_p99_ms > status.loop_limit_ms > 0.0:
            loop, limit = math.ceil(status.loop_p99_ms), f"{status.loop_limit_ms:g}"
            return self._texts("step.loop_slow", loop=loop, limit=limit, s=seconds)
        return ""

    @abstractmethod
    def status(self, status: Status) -> None:
        """Show the present state."""

    def ended(self, event: Ended) -> None:
        """Print why a process ended."""
        if event.restart_s < 0:
            key = "cli.ended_down"
        else:
            key = "cli.ended_safety" if event.safety else "cli.ended_restart"
        self.say(key, name=event.name, how=event.how, seconds=f"{max(0.0, event.restart_s):.1f}")
        self.console.print(event.tail, markup=False)

    def stopped(self, stopped: Stopped, recording: dict[str, object] | None) -> None:
        """Print how the session ended and where the recording is."""
        if stopped.killed:
            self.say("cli.killed", names=" ".join(stopped.killed))
        key = "cli.stopped" if stopped.rest else "cli.stopped_unsure"
        self.say(key, seconds=f"{stopped.whole_s:.1f}")
        if recording is None:
            self.say("cli.not_recording")
            return
        if recording["error"]:
            self.say("cli.record_failed", error=recording["error"])
        megabytes = f"{float(str(recording['bytes'])) / 1e6:.1f}"
        self.say("cli.recorded", file=recording["file"], mb=megabytes, drops=recording["drops"])

    def result(self, result: dict[str, object]) -> None:
        """Print what a scripted session measured."""
        self.console.print(result_table(result))
        good = result.get("success") is True
        self.say("cli.auto_ok" if good else "cli.auto_failed")
        late = late_stops(result)
        if late and not good:
            self.say("cli.auto_late", count=late)


def late_stops(result: dict[str, object]) -> int:
    """How often something stopped the arm of a scripted session because it came too late."""
    measured = result.get("measured")
    causes = measured.get("hold_causes") if isinstance(measured, dict) else None
    return sum(causes.get(cause.name, 0) for cause in LATE) if isinstance(causes, dict) else 0


class LiveView(TextView):
    """One line at the bottom of a terminal that is rewritten in place."""

    def __init__(self, texts: Texts, bedside: Bedside) -> None:
        super().__init__(texts, bedside)
        self._live = Live(console=self.console, auto_refresh=False, transient=True)

    def __enter__(self) -> LiveView:
        """Start the live line."""
        self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove the live line."""
        self._live.stop()

    def status(self, status: Status) -> None:
        """Rewrite the line."""
        text = Text(self.line(status), style=_COLOURS.get(status.state, ""))
        if step := self.step(status):
            text.append(f"\n{step}", style="bold cyan")
        if status.widened:
            text.append(f"\n{self._texts('cli.widened')}", style="bold red")
        if status.record_error:
            text.append(f"\n{self._texts('cli.record_failed', error=status.record_error)}")
        if status.audit_error:
            text.append(f"\n{self._texts('cli.audit_failed', error=status.audit_error)}", "red")
        self._live.update(text, refresh=True)


class PlainView(TextView):
    """A line every few seconds and with every change of state (no terminal)."""

    def __init__(self, texts: Texts, bedside: Bedside) -> None:
        super().__init__(
            texts, bedside, Console(highlight=False, markup=False, emoji=False, width=200)
        )
        self._last = ("", "", "")
        self._printed_ns = 0

    def __enter__(self) -> PlainView:
        """Nothing to prepare."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing to clean up."""

    def status(self, status: Status) -> None:
        """Print when something changed or time passed."""
        what, now = (status.state, status.first_out, status.step), now_ns()
        if what == self._last and now - self._printed_ns < PLAIN_EVERY_NS:
            return
        self._last, self._printed_ns = what, now
        self.console.print(f"{self.line(status)}  {self.step(status)}", soft_wrap=True)
        sys.stdout.flush()


def pick(json_lines: bool, texts: Texts, bedside: Bedside) -> LiveView | PlainView | JsonView:
    """The view for this output."""
    if json_lines:
        return JsonView()
    return LiveView(texts, bedside) if sys.stdout.isatty() else PlainView(texts, bedside)
