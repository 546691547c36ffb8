"""What the supervisor tells the recording, and the order to stop that it gives to guard."""

from __future__ import annotations

import json
from pathlib import Path

from safety.messages import GUARD_EVENT, GuardEvent
from safety.states import EventKind, Source
from teleop import channels
from transport.local.datagram import DatagramSender


class Notes:
    """Writer of one notes ring: `now_ns i64` and a JSON object."""

    def __init__(self, run_dir: Path, name: str = "supervisor") -> None:
        self._ring = channels.ring_writer(run_dir, channels.NOTES[name])

    def write(self, now_ns: int, **content: object) -> None:
        """Append a note; text that is too long is cut, the note never fails."""
        stamp = now_ns.to_bytes(8, "little", signed=True)
        for limit in (2000, 200):
            cut = {k: v[-limit:] if isinstance(v, str) else v for k, v in content.items()}
            payload = stamp + json.dumps(cut, ensure_ascii=False).encode()
            if len(payload) <= channels.LOG_BYTES:
                self._ring.write(payload)
                return
        self._ring.write(stamp + b'{"kind":"note too long"}')

    def close(self) -> None:
        """Unmap the ring."""
        self._ring.close()


def order_shutdown(run_dir: Path, now_ns: int) -> bool:
    """Tell guard to stop all motion because the session ends; False: guard did not take it."""
    sender = DatagramSender(run_dir / channels.GUARD_EVENTS)
    event = GuardEvent(EventKind.SHUTDOWN, Source.SUPERVISOR, 0, 0, now_ns, 1)
    try:
        return sender.send(GUARD_EVENT.pack(event))
    finally:
        sender.close()
