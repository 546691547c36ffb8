"""The steady beat of the gateway: heartbeats, telemetry, status, and its own sign of life.

One task on absolute time. What is late is skipped, never caught up.
"""

from __future__ import annotations

import asyncio

import msgspec

from safety.messages import GatewayStatus
from teleop.gateway.actions import Actions
from teleop.gateway.command import CommandPeers
from teleop.gateway.haptic import HapticLeg
from teleop.gateway.hub import Hub, encode_status
from teleop.gateway.sources import Sources
from teleop.gateway.video import VideoPeers
from teleop.gateway.view import change_key, compose
from transport.local.clock import now_ns
from transport.local.mailbox import Mailbox
from transport.multilink import LinkQuality
from transport.schema import Role, Telemetry

MS = 1_000_000
TICK_NS = 4 * MS
FINE_TICK_NS = 2 * MS
"""For second copies of heartbeats, and force for haptic handles."""
HEARTBEAT_NS = 4 * MS  # 250 Hz nominal, so that 200 Hz remain when timers are late
TELEMETRY_NS = 10 * MS
STATUS_NS = 5 * MS
BEDSIDE_NS = 50 * MS
OBSERVER_NS = 100 * MS
CHECK_NS = 20 * MS
SLOW_NS = 1000 * MS


EARLY = 4
"""Due a quarter of a period early: a period of one tick must not become one of two because a
timer was late once."""


class Due:
    """True once per period; periods that were missed are skipped."""

    def __init__(self, period_ns: int) -> None:
        self._period_ns = period_ns
        self._early_ns = period_ns // EARLY
        self._next_ns = 0

    def __call__(self, at_ns: int) -> bool:
        """True when the next period has begun."""
        if at_ns < self._next_ns - self._early_ns:
            return False
        missed = max(0, at_ns - self._next_ns) // self._period_ns
        self._next_ns = at_ns + self._period_ns if missed else self._next_ns + self._period_ns
        return True


class Pump:
    """Sends what is due."""

    def __init__(
        self,
        hub: Hub,
        sources: Sources,
        actions: Actions,
        command: CommandPeers,
        video: VideoPeers,
        status_box: Mailbox[GatewayStatus],
    ) -> None:
        self._hub = hub
        self._sources = sources
        self._actions = actions
        self._command = command
        self._video = video
        self._box = status_box
        self._haptic = HapticLeg(sources.arm, sources.servo, command.down.force, command.down.feels)
        self.incarnation = now_ns()
        self._heartbeat = Due(HEARTBEAT_NS)
        self._telemetry = Due(TELEMETRY_NS)
        self._status = Due(STATUS_NS)
        self._bedside = Due(BEDSIDE_NS)
        self._observer = Due(OBSERVER_NS)
        self._check = Due(CHECK_NS)
        self._slow = Due(SLOW_NS)
        self._pack = msgspec.msgpack.Encoder().encode
        self._key: tuple[object, ...] = ()
        self._guard_key: tuple[object, ...] = ()
        self._beat_sent_ns = 0

    def newest_status(self) -> str:
        """Status for a page that has just joined."""
        return encode_status(compose(self._sources.facts(now_ns(), self._links(now_ns()))))

    async def run(self) -> None:
        """Tick until cancelled."""
        due_ns = now_ns()
        while True:
            self.tick(now_ns())
            period_ns = FINE_TICK_NS if self._command.down.is_fine() else TICK_NS
            due_ns = max(due_ns + period_ns, now_ns())
            await asyncio.sleep((due_ns - now_ns()) / 1e9)

    def tick(self, at_ns: int) -> None:
        """Do everything that is due."""
        self._command.datagrams.follow(self._hub.registry.lease, at_ns)
        self._sources.poll_guard()
        self._beat(at_ns)
        self._command.down.repeat(at_ns)
        self._haptic.tick()
        self._show(at_ns)
        if self._status(at_ns):
            self._box.write(self.own_status(at_ns))
        if self._check(at_ns):
            self._command.check(at_ns)
        if self._slow(at_ns):
            self._sources.poll_record()
            self._sources.poll_timing()

    def _beat(self, at_ns: int) -> None:
        """A heartbeat carries a stamp once: a silent guard is not covered up."""
        report = self._sources.report
        if report is None or report.stamp_ns == self._beat_sent_ns:
            return
        if self._heartbeat(at_ns):
            self._beat_sent_ns = report.stamp_ns
            self._command.down.heartbeat(report)

    def _show(self, at_ns: int) -> None:
        due, moved = self._telemetry(at_ns), self._guard_moved()
        if due:
            self._sources.sample(at_ns)
            self._actions.needle.follow(at_ns)
        elif not moved:
            return
        telemetry = compose(self._sources.facts(at_ns, self._links(at_ns)))
        key = change_key(telemetry)
        changed = key != self._key
        self._key = key
        if self._command.any_open():
            self._command.down.telemetry(self._pack(telemetry))
        self._send_status(telemetry, at_ns, changed)

    def _guard_moved(self) -> bool:
        """True when guard's state or causes changed since the last look (cheap, each tick)."""
        report = self._sources.report
        key = (report.state, report.causes, report.alarm, report.step) if report else ()
        moved, self._guard_key = key != self._guard_key, key
        return moved

    def _send_status(self, telemetry: Telemetry, at_ns: int, changed: bool) -> None:
        roles: list[Role] = [Role.CONSOLE] if changed else []
        if self._bedside(at_ns) or changed:
            roles.append(Role.BEDSIDE)
        if self._observer(at_ns) or changed:
            roles.append(Role.OBSERVER)
        pages = self._hub.with_role(*roles) if roles else []
        if pages:
            text = encode_status(telemetry)
            for page in pages:
                page.send_status(text)

    def _links(self, at_ns: int) -> tuple[LinkQuality, ...]:
        """The links of the console that drives."""
        return self._command.quality(self._hub.registry.lease, at_ns)

    def own_status(self, at_ns: int) -> GatewayStatus:
        """What guard is told about people and connections."""
        lease = self._hub.registry.lease
        bedside = self._hub.bedside
        beat = self._actions.bedside
        return GatewayStatus(
            incarnation=self.incarnation,
            stamp_ns=at_ns,
            console_session=lease,
            console_open=self._command.is_open(lease),
            video_open=self._video.is_open(lease),
            bedside_session=bedside.session.number if bedside and bedside.session else 0,
            bedside_beat=beat.beat,
            bedside_visible=beat.visible,
            bedside_sound=beat.sound,
            observers=len(self._hub.with_role(Role.OBSERVER)),
            talk=self._hub.talking,
            lease_changes=self._hub.registry.lease_changes,
            frames_rejected=self._command.rejected,
            links=self._command.links,
            link_silent_ms=max((q.silent_ms for q in self._links(at_ns)), default=0.0),
        )
