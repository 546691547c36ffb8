"""One session from the first check to the last process: what `teleop demo` does."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from safety.limits import widened
from teleop.config import Config
from teleop.drivers.arm import entry
from teleop.keys.files import IDENTITY_FILE, copy_devices, load_identity, read_pins
from teleop.pinning import shown
from teleop.processes import TABLE, ProcessSpec
from teleop.supervisor import auto, consenting, preflight, rundir
from teleop.supervisor.certificate import seal_of, secured
from teleop.supervisor.errors import ProcessError, SupervisorError, UsageError
from teleop.supervisor.invite import address_of, remember, write_site_key
from teleop.supervisor.keypipe import KeyPipe
from teleop.supervisor.ready import await_ready
from teleop.supervisor.rundir import read_json
from teleop.supervisor.signals import StopSignals
from teleop.supervisor.status import Status, StatusReader
from teleop.supervisor.stop import Stopped, stop_all
from teleop.supervisor.watch import Ended, Supervisor
from transport.identity import encode
from transport.local.clock import now_ns
from transport.local.notify import of_this_process
from transport.schema import Role
from transport.sessions import Invitation

READ_S = 0.05
SHOW_NS = 200_000_000
VOUCHED = frozenset({"arm", "guard", "servo", "gateway"})
"""While one of these is silent, the watchdog of a service manager is not renewed."""


class View(Protocol):
    """How a session is shown."""

    def say(self, key: str, **values: object) -> None:
        """Show one sentence of the text table."""

    def joined(self, urls: dict[str, str], facts: dict[str, object]) -> None:
        """Show the addresses of the pages; everything is running."""

    def status(self, status: Status) -> None:
        """Show the present state (about five times a second)."""

    def ended(self, event: Ended) -> None:
        """Show that a process ended by itself."""

    def stopped(self, stopped: Stopped, recording: dict[str, object] | None) -> None:
        """Show how the session ended."""

    def result(self, result: dict[str, object]) -> None:
        """Show what a scripted session measured."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is not configuration."""

    state_folder: Path
    bedside_input: str = "key"
    auto_s: float = 0.0
    """Length of the scripted scan; 0: people work."""
    trajectory: Path | None = None
    table: tuple[ProcessSpec, ...] = TABLE
    consent: Path | None = None
    """Consent of the patient (docs/audit.md); None: a simulated one, for simulated arms only."""


def expert_folder(state: Path) -> Path:
    """Where the scripted expert, who stands for the other site, keeps its audit log."""
    return state.with_name(f"{state.name}-expert")


class Session:
    """Runs one session."""

    def __init__(self, config: Config, options: Options, view: View) -> None:
        self._config = config
        self._options = options
        self._view = view
        self._table = tuple(row for row in options.table if self._wanted(row))
        self._shown_ns = 0
        self._pipe = KeyPipe()
        self._service = of_this_process()

    def _wanted(self, row: ProcessSpec) -> bool:
        """No recorder when not recording; no simulated box beside another arm."""
        if row.name == "record":
            return self._config.record.enabled
        return row.name != "arm" or bool(entry(self._config.arm.driver).box)

    def run(self) -> int:
        """Start, work, stop. Returns the exit code; SupervisorError: it could not start."""
        self._check()
        site = rundir.open_site(self._options.state_folder)
        try:
            simulated = preflight.is_simulated(self._config)
            self._config = secured(self._config, self._options.state_folder)
            consent = consenting.session_consent(
                self._options.state_folder, simulated, self._options.consent
            )
            run = rundir.create(self._config, site.boot, simulated)
            try:
                self._prepare(run.path)
                consenting.keep(run.path, consent)
                if consent.simulated:
                    self._view.say("cli.consent_simulated", number=consent.number)
                with StopSignals() as signals:
                    return self._run(run.path, signals)
            finally:
                run.remove()
        finally:
            site.release()

    def _prepare(self, run_dir: Path) -> None:
        """Who the site is, and how long its first codes may be used."""
        identity = load_identity(self._options.state_folder / IDENTITY_FILE)
        write_site_key(run_dir, identity)
        copy_devices(self._options.state_folder, run_dir)
        until_ns = now_ns() + round(self._config.security.invitation_s * 1e9)
        codes = read_json(run_dir / "join.json") or {}
        for role in Role:
            remember(run_dir, str(codes[role]), Invitation(role, until_ns))

    def _check(self) -> None:
        problems = preflight.check_all(self._config, self._table, self._options.trajectory)
        if problems:
            worst: type[SupervisorError] = type(problems[0])
            raise worst("\n".join(str(p) for p in problems))
        if self._options.auto_s > 0:
            preflight.check_modules((auto.SPEC,))

    def _extra(self, run_dir: Path) -> dict[str, tuple[str, ...]]:
        """Arguments of single processes."""
        bedside = self._options.bedside_input
        if self._options.auto_s > 0:
            bedside = str(run_dir / auto.BEDSIDE_SOCKET)
        state = ("--state", str(self._options.state_folder))
        return {
            "guard": ("--bedside-input", bedside, *state, *self._pipe.guard_arguments()),
            "keys": (*state, *self._pipe.keys_arguments()),
            "audit": state,
        }

    def _run(self, run_dir: Path, signals: StopSignals) -> int:
        extra, fds = self._extra(run_dir), self._pipe.fds()
        supervisor = Supervisor(run_dir, self._table, extra, self._view.ended, fds)
        reader = StatusReader(run_dir, self._config.video.display_lag_ms, self._config.limits)
        try:
            self._view.say("cli.starting", names=" ".join(row.name for row in self._table))
            supervisor.start_all()
            if await_ready(supervisor, reader, signals, self._view.say):
                self._announce(run_dir, supervisor)
                self._service.ready()
                return self._work(run_dir, supervisor, reader, signals)
            return 1
        finally:
            self._service.stopping()
            self._view.say("cli.stopping")
            asked = signals.count
            stopped = stop_all(supervisor, lambda: signals.count > max(1, asked))
            supervisor.close()
            self._pipe.close()
            self._service.close()
            self._view.stopped(stopped, read_json(run_dir / "record.json"))

    def _announce(self, run_dir: Path, supervisor: Supervisor) -> None:
        codes = read_json(run_dir / "join.json")
        if codes is None:
            raise ProcessError(f"{run_dir}: join.json cannot be read")
        pins = read_pins(run_dir)
        pin = encode(pins[0]) if pins else ""
        invited = {role: address_of(run_dir, role, str(codes[role]), pin) for role in Role}
        urls = {str(role): addresses.page for role, addresses in invited.items()}
        urls["native"] = invited[Role.CONSOLE].native
        pids = {name: child.pid for name, child in supervisor.children.items()}
        facts: dict[str, object] = {
            "run_dir": str(run_dir),
            "pids": pids,
            "simulated": preflight.is_simulated(self._config),
            "widened": widened(self._config.limits),
            "fingerprint": shown(seal_of(self._config)),
        }
        self._view.joined(urls, facts)

    def _show(self, supervisor: Supervisor, reader: StatusReader) -> None:
        """Look after the processes and show the state."""
        supervisor.look()
        now = now_ns()
        status = reader.read(now)
        if VOUCHED.isdisjoint(status.missing):
            self._service.alive(now)
        if now - self._shown_ns >= SHOW_NS:
            self._shown_ns = now
            self._view.status(status)

    def _work(
        self, run_dir: Path, supervisor: Supervisor, reader: StatusReader, signals: StopSignals
    ) -> int:
        """Until somebody ends the session, or the scripted scan is over."""
        script = None
        if self._options.auto_s > 0:
            self._view.say("cli.auto_running", seconds=f"{self._options.auto_s:.0f}")
            script = auto.Script(
                run_dir, supervisor, self._options.auto_s, self._options.trajectory,
                expert_folder(self._options.state_folder),
            )  # fmt: skip
        while signals.count == 0 and (script is None or script.running()):
            supervisor.wait((signals.fd,), READ_S)
            self._show(supervisor, reader)
        if script is None:
            return 1 if supervisor.down else 0
        return self._finish_script(run_dir, script)

    def _finish_script(self, run_dir: Path, script: auto.Script) -> int:
        how, tail = script.end()
        result = read_json(run_dir / auto.RESULT)
        if result is None:
            text = f"The scripted session ended without a result ({how}):\n{tail}"
            raise UsageError(text) if script.refused else ProcessError(text)
        recording = read_json(run_dir / "record.json")
        if recording is not None:
            file = Path(str(recording["file"])).name.removesuffix(".part").removesuffix(".mcap")
            target = Path(self._config.record.folder) / f"{file}.result.json"
            shutil.copyfile(run_dir / auto.RESULT, target)
        self._view.result(result)
        return 0 if result.get("success") is True else 1
