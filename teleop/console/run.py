"""`teleop console`: one session in the terminal, from joining to Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import uvloop

from haptics.bilateral.handle import HandleError
from haptics.errors import HapticsError
from safety.states import State
from teleop.audit.errors import AuditError
from teleop.console.errors import ConsoleError, KeyRefusedError
from teleop.console.session import HandleSession, Options
from teleop.scripted.client import ClientError, Door, RefusedError
from teleop.scripted.persons import Phase
from transport.identity import decode

LINE_S = 0.25
GRACE_S = 45.0
"""Beyond the asked time: for a machine so busy that the set-up took long."""
LIFT_S = 4.0
HOLD_S = 5.0
"""The robot says within this time that it holds after the hand let go."""

Words = Callable[..., str]
Result = dict[str, object]
"""As `--result` of the scripted scan: success, criteria, measured."""


class Show(Protocol):
    """Where a session's words go: a terminal, or JSON lines."""

    def status(self, text: str, status: dict[str, object]) -> None:
        """The status line, every 250 ms."""

    def notice(self, text: str) -> None:
        """Something that must be read."""


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


async def _session(options: Options, folder: Path, words: Words, show: Show) -> Result:
    session = HandleSession(options, folder)
    loop = asyncio.get_running_loop()
    leave = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave.set)
    try:
        await session.start()
        if session.window.url:
            show.notice(words("handle.window", url=session.window.url))
        problem = await _until_done(session, options, leave, words, show)
        return _result(session, problem)
    finally:
        await session.close()


def _tell(session: HandleSession, words: Words, show: Show) -> None:
    """What the person must know: lost links, refusals, a log that cannot be believed."""
    for notice in session.notices.take():
        show.notice(words(notice.key, **dict(notice.values)))
    if session.audit is not None and session.audit.problem:
        show.notice(words("audit.warning", problem=session.audit.problem))
        session.audit.problem = ""  # said once


async def _until_done(
    session: HandleSession, options: Options, leave: asyncio.Event, words: Words, show: Show
) -> str:
    """Watch the session until it is done; return what went wrong, if anything."""
    start_s = asyncio.get_running_loop().time()
    while not leave.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINE_S):
                await leave.wait()
        session.check()
        _tell(session, words, show)
        show.status(line_of(session, words), session.status())
        elapsed_s = asyncio.get_running_loop().time() - start_s
        if session.person is not None and _done(session, options.auto_s, elapsed_s):
            return ""
        if session.person is not None and elapsed_s > options.auto_s + GRACE_S:
            return words("handle.unfinished", line=line_of(session, words))
    return "" if session.person is None else words("handle.left_early")


def _done(session: HandleSession, auto_s: float, elapsed_s: float) -> bool:
    """Tell the simulated person when to lift off; True once it let go and the robot holds."""
    person = session.person
    assert person is not None
    person.finish = elapsed_s > auto_s - LIFT_S and (
        session.felt.enough or elapsed_s > auto_s + GRACE_S - LIFT_S
    )
    if person.expert.phase is not Phase.DONE:
        person.done_s = elapsed_s
        return False
    return session.felt.released or elapsed_s - person.done_s > HOLD_S


def _result(session: HandleSession, problem: str) -> Result:
    """Verdict (of the simulated person only) and figures."""
    measured = session.felt.measured(session.traffic())
    if session.person is None:
        return {"success": True, "criteria": [], "measured": measured}
    criteria = [asdict(row) for row in session.felt.criteria()]
    success = not problem and all(row["ok"] for row in criteria)
    if problem:
        measured = {"error": problem} | measured
    return {"success": success, "criteria": criteria, "measured": measured}


def run_console(options: Options, words: Words, show: Show) -> tuple[Result | None, str]:
    """Run a session; return what it measured, or None and what to say on the error output."""
    try:
        with tempfile.TemporaryDirectory(prefix="teleop-console-") as folder:
            return uvloop.run(_session(options, Path(folder), words, show)), ""
    except RefusedError as error:
        return None, words(f"refused.{error.reason}", detail=error.detail)
    except KeyRefusedError as error:
        return None, words("handle.no_key", problem=str(error))
    except (AuditError, ClientError, ConsoleError, HandleError, HapticsError) as error:
        return None, str(error)
