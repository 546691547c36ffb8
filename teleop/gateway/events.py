"""What people did, on to guard: a datagram that is tried again while guard is busy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from safety.messages import GUARD_EVENT, GuardEvent
from safety.states import EventKind, Source
from teleop import channels
from transport.local.clock import now_ns
from transport.local.datagram import DatagramSender

TRIES = 20
RETRY_S = 0.01
MAX_RETRYING = 32


class EventSender:
    """Numbers and sends events."""

    def __init__(self, run_dir: Path) -> None:
        self._sender = DatagramSender(run_dir / channels.GUARD_EVENTS)
        self._serial = 0
        self._retrying: set[asyncio.Task[None]] = set()

    def send(
        self,
        kind: EventKind,
        source: Source,
        arg: int,
        session: int,
        on_lost: Callable[[], None],
    ) -> None:
        """Send now; while guard does not take it try again for 0.2 s, then call `on_lost`."""
        self._serial += 1
        event = GuardEvent(kind, source, arg, session, now_ns(), self._serial)
        payload = GUARD_EVENT.pack(event)
        if self._sender.send(payload):
            return
        if len(self._retrying) >= MAX_RETRYING:
            on_lost()
            return
        task = asyncio.create_task(self._retry(payload, on_lost))
        self._retrying.add(task)
        task.add_done_callback(self._retrying.discard)

    async def _retry(self, payload: bytes, on_lost: Callable[[], None]) -> None:
        for _ in range(TRIES):
            await asyncio.sleep(RETRY_S)
            if self._sender.send(payload):
                return
        on_lost()
