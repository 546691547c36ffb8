"""Waiting until every process reports; a process that ends meanwhile ends the start."""

from __future__ import annotations

from typing import Protocol

from teleop.supervisor.errors import ProcessError
from teleop.supervisor.signals import StopSignals
from teleop.supervisor.status import StatusReader
from teleop.supervisor.watch import Supervisor
from transport.local.clock import now_ns

READY_NS = 90_000_000_000
"""The first start of all compiles the image formation (tens of seconds on a slow machine)."""
WAITING_NS = 3_000_000_000
"""After this time the person is told who is missing."""
LOOK_S = 0.05
FILES = (("gateway", "gateway.json"), ("record", "record.json"), ("keys", "keys.control"),
         ("audit", "audit.control"), ("uplink", "uplink.control"))  # fmt: skip
"""What a process writes when it is ready, beside its channel."""


class Say(Protocol):
    """Shows one sentence of the text table."""

    def __call__(self, key: str, **values: object) -> None:
        """Show the sentence of `key` with its values."""


def await_ready(
    supervisor: Supervisor, reader: StatusReader, signals: StopSignals, say: Say
) -> bool:
    """True when all report; False: asked to stop. ProcessError: one ended, or takes too long."""
    start_ns, told = now_ns(), False
    while signals.count == 0:
        supervisor.wait((signals.fd,), LOOK_S)
        for ended in supervisor.look():
            raise ProcessError(f"{ended.name} did not start ({ended.how}):\n{ended.tail}")
        missing = _missing(supervisor, reader)
        if not missing:
            return True
        waited_ns = now_ns() - start_ns
        if waited_ns > READY_NS:
            tails = "\n".join(supervisor.children[name].tail() for name in missing)
            raise ProcessError(f"Not ready after {READY_NS // 10**9} s: {missing}\n{tails}")
        if waited_ns > WAITING_NS and not told:
            told = True
            say("cli.waiting", names=" ".join(missing))
    return False


def _missing(supervisor: Supervisor, reader: StatusReader) -> list[str]:
    """Processes that are not ready yet."""
    missing = [n for n in reader.read(now_ns()).missing if n in supervisor.children]
    for name, file in FILES:
        waiting = name in supervisor.children and not (supervisor.run_dir / file).exists()
        if waiting and name not in missing:
            missing.append(name)
    return missing
