"""A process of a fake table: reports on its channel, notes how it was asked to leave.

Run as `python -m supervisor_fake --run DIR --life FD --role NAME [--crash FILE]`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import select
import signal
import sys
from pathlib import Path
from typing import Any

from safety.messages import GUARD_EVENT
from safety.states import EventKind
from teleop import channels
from transport.local.clock import now_ns
from transport.local.datagram import DatagramReceiver

CHANNELS = {
    "arm": channels.ARM_STATE,
    "servo": channels.SERVO_REPORT,
    "guard": channels.GUARD_REPORT,
    "gateway": channels.GATEWAY_STATUS,
    "media": channels.MEDIA_STATUS,
}


class Fake:
    def __init__(self, run: Path, role: str) -> None:
        self.run, self.role, self.terminated = run, role, False
        channel = CHANNELS.get(role)
        self.box = channels.box(run, channel) if channel else None
        self.message: Any = None
        if channel is not None and channel.layout is not None:
            self.message = channel.layout.unpack(bytes(channel.size))
        self.events = DatagramReceiver(run / channels.GUARD_EVENTS) if role == "guard" else None
        self.start_ns = now_ns()
        if role == "gateway":
            (run / "gateway.json").write_text('{"host": "127.0.0.1", "port": 1234}')
        if role == "record":
            facts = {"file": "none.mcap", "drops": 0, "bytes": 0, "error": ""}
            (run / "record.json").write_text(json.dumps(facts))

    def log(self, what: str) -> None:
        with (self.run / "order.log").open("a") as file:
            file.write(f"{what} {self.role}\n")

    def step(self) -> None:
        if self.events is not None:
            for data in self.events.receive():
                if GUARD_EVENT.unpack(data).kind == EventKind.SHUTDOWN:
                    (self.run / "shutdown").write_text(str(now_ns()))
                    self.log("shutdown")
        if self.box is None:
            return
        changes: dict[str, Any] = {"stamp_ns": now_ns(), "incarnation": self.start_ns}
        if self.role == "arm":
            changes |= self.arm()
        self.box.write(dataclasses.replace(self.message, **changes))

    def arm(self) -> dict[str, Any]:
        """Moves until 50 ms after the order to stop."""
        order = self.run / "shutdown"
        rest = order.exists() and now_ns() - int(order.read_text() or now_ns()) > 50_000_000
        if rest and not (self.run / "rest").exists():
            (self.run / "rest").touch()
            self.log("rest")
        return {"base_v_probe_m_s": (0.0 if rest else 0.1, 0.0, 0.0), "braked": rest}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path)
    parser.add_argument("--life", type=int)
    parser.add_argument("--role")
    parser.add_argument("--crash", type=Path)
    parser.add_argument("--deaf", action="store_true")
    args, _ = parser.parse_known_args()
    fake = Fake(args.run, args.role)
    signal.signal(signal.SIGTERM, lambda *_: setattr(fake, "terminated", True))
    with (args.run / "pids.log").open("a") as file:
        import os

        file.write(f"{os.getpid()}\n")
    while True:
        ready, _, _ = select.select([args.life], [], [], 0.005)
        if ready:
            fake.log("orphaned")
            return 0
        if fake.terminated and not args.deaf:
            fake.log("left")
            return 0
        if args.crash is not None and args.crash.exists():
            args.crash.unlink()
            sys.stderr.write("the gears are jammed\n")
            return 7
        fake.step()


if __name__ == "__main__":
    sys.exit(main())
