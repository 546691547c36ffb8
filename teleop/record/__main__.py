"""The record process: reads every log ring, writes MCAP, never blocks anybody."""

from __future__ import annotations

import argparse
import dataclasses
import json
import select
import signal
import sys
from pathlib import Path

import msgspec

from teleop.audit import consent
from teleop.audit.errors import ConsentError
from teleop.config import Config, read_run
from teleop.record.mcapfile import McapFile, free_name
from teleop.record.private import Private
from teleop.record.sink import Sink
from teleop.record.sources import Source, open_all
from teleop.version import version_text
from transport.local.clock import now_ns, utc_text

READ_S = 0.02
"""20 ms: a fraction of the 4 s that the log rings hold."""
STATUS_NS = 1_000_000_000
CLOSE_S = 0.9
"""Longest time for the rest of the queue and the index at the end."""
ORPHAN_NS = 1_500_000_000
"""After the supervisor is gone: time in which the others brake and leave."""


def session_metadata(run_dir: Path, config: Config) -> dict[str, dict[str, str]]:
    """What a reader needs to know about the session, as MCAP metadata records."""
    site = json.loads((run_dir / "site.json").read_bytes())
    return {
        "session": {
            "version": version_text(),
            "python": sys.version.split()[0],
            "started_utc": utc_text(),
            "clock": "CLOCK_MONOTONIC of the robot, ns",
            "site": config.site,
            "boot": str(site.get("boot", "")),
            "simulated": json.dumps(site.get("simulated")),
            "seed": str(config.seed),
            "consent": _consent_number(run_dir),
        },
        "config": {"json": Private(config).config_json(config)},
        "limits": {"json": msgspec.json.encode(config.limits).decode()},
    }


def _consent_number(run_dir: Path) -> str:
    """Number of the session's consent: an export asks the audit log for it. Names nobody."""
    try:
        return consent.read(run_dir / consent.CONSENT_FILE).number
    except ConsentError:
        return ""  # a run without one: its recording cannot be exported


class Recorder:
    """Reads the channels into the sink until it is told to leave."""

    def __init__(self, run_dir: Path, config: Config) -> None:
        self._run_dir = run_dir
        folder = Path(config.record.folder)
        folder.mkdir(parents=True, exist_ok=True)
        metadata = session_metadata(run_dir, config)

        def open_file() -> McapFile:
            path = free_name(folder, f"{utc_text()}_demo")
            return McapFile(path, version_text(), metadata)

        # Last: reading begins at once, before a ring that is already running overtakes us.
        self._sources: list[Source] = open_all(run_dir, Private(config))
        self.sink = Sink(folder, open_file, config.record.min_free_mb)
        self._status_ns = 0
        self.leave = False

    def read_all(self) -> int:
        """Move everything new into the sink; return how many messages."""
        count = 0
        for source in self._sources:
            for item in source.read():
                self.sink.offer(item)
                count += 1
        lost: dict[str, int] = {}
        for source in self._sources:
            lost[source.topic.name] = lost.get(source.topic.name, 0) + source.lost
        self.sink.set_lost(lost)
        return count

    def write_status(self, now: int, force: bool = False) -> None:
        """Replace `record.json` once per second."""
        if not force and now - self._status_ns < STATUS_NS:
            return
        self._status_ns = now
        part = self._run_dir / "record.json.part"
        try:
            part.write_text(json.dumps(dataclasses.asdict(self.sink.status())))
            part.replace(self._run_dir / "record.json")
        except FileNotFoundError:
            return  # the run folder is gone and with it everybody who would read this

    def run(self, life_fd: int) -> None:
        """Work until SIGTERM, or until the supervisor is gone and the others have left."""
        self.sink.start()
        end_ns = 0
        while not self.leave and not (end_ns and now_ns() > end_ns):
            ready, _, _ = select.select([life_fd] if not end_ns else [], [], [], READ_S)
            if ready:
                end_ns = now_ns() + ORPHAN_NS
            self.read_all()
            self.write_status(now_ns())
        while self.read_all():
            pass
        if not self.sink.close(CLOSE_S):  # the writer is a daemon thread: it ends with us
            sys.stderr.write("The disk is too slow: the recording stays as .part\n")
        self.write_status(now_ns(), force=True)


def main() -> int:
    """Run the process."""
    parser = argparse.ArgumentParser(prog="teleop.record")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--life", type=int, required=True)
    args = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    recorder = Recorder(args.run, read_run(args.run))
    signal.signal(signal.SIGTERM, lambda *_: setattr(recorder, "leave", True))
    recorder.run(args.life)
    return 0


if __name__ == "__main__":
    sys.exit(main())
