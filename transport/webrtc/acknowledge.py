"""Acknowledges every second packet of a data channel, or after 10 ms (RFC 9260 section 6.2).

aiortc answers each packet that carries a message with a packet of its own. At 200 commands and 350
heartbeats and telemetry messages a second that doubles the packets that both ends and the radio
link carry. Nothing of ours waits for an acknowledgement (no message is sent twice by SCTP).
A gap or a duplicate is answered at once, so that the sender learns of a loss without delay.
"""

from __future__ import annotations

import asyncio

from aiortc.rtcsctptransport import RTCSctpTransport

DELAY_S = 0.01
"""Far below the 500 ms that the RFC allows, and below a round trip on most links."""
EVERY = 2
PLACES = (
    "_send_sack", "_sack_needed", "_sack_misordered", "_sack_duplicates", "_association_state",
)  # fmt: skip


class AcknowledgeError(RuntimeError):
    """aiortc acknowledges in another way now: adapt this module."""


class _Delayed:
    """Takes the place of `_send_sack` of one association."""

    def __init__(self, sctp: RTCSctpTransport) -> None:
        self._sctp = sctp
        self._send = sctp._send_sack
        self._packets = 0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Future[None] | None = None

    async def __call__(self) -> None:
        """A packet with a message was received."""
        sctp = self._sctp
        self._packets += 1
        settled = sctp._association_state == sctp.State.ESTABLISHED
        whole = not sctp._sack_misordered and not sctp._sack_duplicates
        if settled and whole and self._packets < EVERY:
            sctp._sack_needed = False
            if self._timer is None:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(DELAY_S, self._expired)
            return
        await self._now()

    async def _now(self) -> None:
        self._packets = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._send()

    def _expired(self) -> None:
        self._timer = None
        if self._packets and self._sctp._association_state == self._sctp.State.ESTABLISHED:
            self._task = asyncio.ensure_future(self._late())

    async def _late(self) -> None:
        try:
            await self._now()
        except ConnectionError:
            return  # the connection ended meanwhile: nobody waits for an answer


def delay(sctp: RTCSctpTransport) -> None:
    """Install it, once. Raises AcknowledgeError when aiortc has no such place."""
    if not all(hasattr(sctp, name) for name in PLACES):
        raise AcknowledgeError("aiortc has no RTCSctpTransport._send_sack of the known kind")
    if isinstance(sctp._send_sack, _Delayed):
        return
    sctp._send_sack = _Delayed(sctp)  # type: ignore[method-assign]
