"""The scripted nurse as a client: bedside page, its heartbeat, and the key at the bedside."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

from safety.states import ContactState, EventKind, State, Step
from teleop.scripted.client import GatewayError, PageClient
from teleop.scripted.persons import Act, Nurse, Seen
from teleop.tasks import end_tasks
from transport.local.clock import now_ns
from transport.schema import Beat, Role, Signal, Status, Telemetry

BEDSIDE_SOCKET = "bedside.sock"
"""Where guard listens when the demo was started with `--bedside-input RUN_DIR/bedside.sock`."""
BEAT_S = 0.1
LOOK_S = 0.05
KEY_TRIES = 50
REJOIN_S = 0.5


def seen_of(telemetry: Telemetry) -> Seen:
    """What a page shows of a telemetry message."""
    return Seen(
        State(telemetry.state),
        Step(telemetry.step),
        ContactState(telemetry.contact_state),
        telemetry.force_n,
    )


class Key(Protocol):
    """The key at the bedside."""

    async def open(self) -> bool:
        """Connect; False: nobody listens."""

    async def press(self, key: bytes) -> None:
        """Press a key once."""

    def close(self) -> None:
        """Let go of the input."""


class BedsideKey:
    """The key in the terminal, pressed through guard's Unix socket. Open as long as she stays."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> bool:
        """Connect; False when guard does not listen there (the demo uses another input)."""
        for _ in range(KEY_TRIES):
            try:
                _, self._writer = await asyncio.open_unix_connection(str(self._path))
                return True
            except OSError:
                await asyncio.sleep(0.1)  # guard may be starting; the caller reports a failure
        return False

    async def press(self, key: bytes) -> None:
        """Press a key once."""
        if self._writer is None:
            return
        try:
            self._writer.write(key)
            await self._writer.drain()
        except OSError:
            await self.open()  # guard was restarted: the need to press comes again by itself

    def close(self) -> None:
        """Let go of the input; guard holds when the arm moves."""
        if self._writer is not None:
            self._writer.close()


class ScriptedNurse:
    """Joins, beats, follows the next step."""

    def __init__(self, run_dir: Path, key: Key | None = None) -> None:
        """`key`: None: through guard's socket in the run folder."""
        self._page = PageClient(run_dir, Role.BEDSIDE, self._take)
        self._key: Key = key or BedsideKey(run_dir / BEDSIDE_SOCKET)
        self._nurse = Nurse()
        self._telemetry: Telemetry | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.key_open = False
        self.problem = ""
        """What her last attempt to join again met."""
        self.allowed = 0
        """How often she allowed motion."""

    async def start(self) -> None:
        """Join and begin to look after the patient."""
        await self._page.join()
        self.key_open = await self._key.open()
        self._tasks = [asyncio.create_task(self._beat()), asyncio.create_task(self._look())]

    async def close(self) -> None:
        """Leave the bedside."""
        await end_tasks(self._tasks)
        await self._page.close()
        self._key.close()

    def failure(self) -> BaseException | None:
        """What ended one of her tasks, if anything did."""
        ended = (task for task in self._tasks if task.done() and not task.cancelled())
        return next((task.exception() for task in ended), None)

    def _take(self, message: Signal) -> None:
        if isinstance(message, Status):
            self._telemetry = message.telemetry

    async def _beat(self) -> None:
        beats = 0
        while True:
            if self._page.closed.is_set():
                await self._rejoin()
            beats += 1
            await self._page.send(Beat(beats, visible=True, sound=True))
            await asyncio.sleep(BEAT_S)

    async def _rejoin(self) -> None:
        """The gateway went away: try until it is back, as a page does."""
        try:
            await self._page.join()
        except GatewayError as error:
            self.problem = str(error)  # shown when the scan does not end in time
            await asyncio.sleep(REJOIN_S)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if self._telemetry is None:
                continue
            for act in self._nurse.decide(now_ns(), seen_of(self._telemetry)):
                await self._do(act)

    async def _do(self, act: Act) -> None:
        if act.key:
            await self._key.press(act.key)
            return
        self.allowed += act.kind == EventKind.ALLOW_MOTION
        await self._page.event(act.kind.name, act.arg)
