"""`teleop console`: one session in the terminal, from joining to Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import uvloop

from haptics.bilateral.handle import HandleError
from haptics.errors import HapticsError
from safety.states import State
from teleop.audit.errors import AuditError
from teleop.console.errors import ConsoleError
from teleop.console.session import HandleSession, Options
from teleop.scripted.client import ClientError, Door
from teleop.scripted.persons import Phase
from transport.identity import decode

LINE_S = 0.25
GRACE_S = 45.0
"""Beyond the asked time: for a machine so busy that the set-up took long."""
LIFT_S = 4.0

Words = Callable[..., str]


def door_of(address: str) -> Door:
    """The door that a console address of `teleop demo` names; ConsoleError: none."""
    parts = urlsplit(address)
    named = parse_qs(parts.fragment)
    code, pin = named.get("code", [""])[0], decode(named.get("pin", [""])[0])
    if parts.scheme not in ("http", "https") or not parts.netloc or not code:
        raise ConsoleError(f"{address}: not a console address; copy it as `teleop demo` shows it")
    seal = decode(named.get("cert", [""])[0]) or None
    site = named.get("site", [""])[0]
    return Door(f"{parts.scheme}://{parts.netloc}", code, pin or None, seal, site)


def line_of(session: HandleSession, words: Words) -> str:
    """The status line."""
    s = session.status()

    def number(name: str, digits: int = 0) -> str:
        value = s[name]
        good = isinstance(value, float) and value >= -99.0 and (value >= 0.0 or digits > 0)
        return f"{value:.{digits}f}" if good else "-"

    return words(
        "handle.line",
        state=words(f"state.{State(int(str(s['state']))).name}"),
        coupling=words(f"handle.coupling.{s['coupling']}"),
        rtt=number("rtt_ms"), loop=number("loop_ms"), leg=number("haptic_ms"),
        force=number("force_n", 1), felt=number("felt_n", 1),
        block=words(f"handle.block.{s['block']}"),
    )  # fmt: skip


async def _session(options: Options, folder: Path, words: Words) -> None:
    session = HandleSession(options, folder)
    loop = asyncio.get_running_loop()
    leave = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave.set)
    try:
        await session.start()
        if session.window.url:
            sys.stdout.write(words("handle.window", url=session.window.url) + "\n")
        await _until_done(session, options, leave, words)
    finally:
        await session.close()


def _warn(session: HandleSession, words: Words) -> None:
    """The robot's log cannot be believed: the person must know."""
    if session.audit is not None and session.audit.problem:
        sys.stdout.write("\n" + words("audit.warning", problem=session.audit.problem) + "\n")
        session.audit.problem = ""  # said once


async def _until_done(
    session: HandleSession, options: Options, leave: asyncio.Event, words: Words
) -> None:
    terminal = sys.stdout.isatty()
    start_s = asyncio.get_running_loop().time()
    while not leave.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(leave.wait(), LINE_S)
        session.check()
        _warn(session, words)
        text = line_of(session, words)
        sys.stdout.write(f"\r\x1b[K{text}" if terminal else f"{text}\n")
        sys.stdout.flush()
        person = session.person
        elapsed_s = asyncio.get_running_loop().time() - start_s
        if person is None:
            continue
        person.finish = elapsed_s > options.auto_s - LIFT_S
        if person.expert.phase is Phase.DONE:
            return
        if elapsed_s > options.auto_s + GRACE_S:
            raise ConsoleError(f"the simulated person did not finish: {text}")


def run_console(options: Options, words: Words) -> tuple[int, str]:
    """Run a session; return the exit code and what to say on the error output."""
    try:
        with tempfile.TemporaryDirectory(prefix="teleop-console-") as folder:
            uvloop.run(_session(options, Path(folder), words))
    except (AuditError, ClientError, ConsoleError, HandleError, HapticsError) as error:
        return 1, str(error)
    return 0, ""
