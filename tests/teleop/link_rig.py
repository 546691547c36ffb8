"""Console and gateway of one process over real WebRTC on loopback, with links that can be cut."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiortc import RTCPeerConnection

from bench.site import nothing
from safety import messages as m
from safety.frame import SafetyFrame, pack, unpack
from teleop import channels
from teleop.config import Link
from teleop.gateway.command import CommandPeers
from teleop.scripted.lane import Hearing, Lane
from teleop.scripted.repeat import RepeatTimer
from teleop.tasks import end_tasks
from transport.local.clock import now_ns
from transport.multilink import LinkQuality
from transport.schema import HEARTBEAT, Answer, Offer

SESSION = 1
EPOCH = 7
ADDRESSES = ("127.0.0.1", "127.0.0.2")
WAIT_S = 120.0
REPEAT_MS = 2.0


def cut_connection(connection: RTCPeerConnection, is_cut: Any) -> None:
    """Drop every packet that `connection` sends while `is_cut()`, below DTLS and SCTP."""
    assert connection.sctp is not None
    transport = connection.sctp.transport.transport
    send = transport._send

    async def gated(data: bytes) -> None:
        if not is_cut():
            await send(data)

    transport._send = gated


class Rig:
    """A console that sends 200 Hz over all links; the gateway's half beside it."""

    def __init__(self, run_dir: Path, links: int) -> None:
        channels.create_all(run_dir)
        self.cut = [False] * links
        names = tuple(Link(f"link{i}", ADDRESSES[i]) for i in range(links))
        self.told: list[tuple[int, str, int]] = []
        self.peers = CommandPeers(run_dir, names, lambda _: True, self._gone, REPEAT_MS)
        self.repeat = RepeatTimer(REPEAT_MS, self._send_again)
        self.box = channels.raw_box(run_dir, channels.COMMAND_FRAME)
        self.log = channels.ring_reader(run_dir, channels.COMMAND_LOG, from_oldest=True)
        self.stamp_ns = 0
        hearing = Hearing(self._beat, lambda _: None, None)
        self.lanes = [Lane(i, self, hearing, "") for i in range(links)]  # type: ignore[arg-type]
        self.seq = 0
        self.signalling = True
        self.arrived: list[tuple[int, SafetyFrame]] = []
        """(when, frame) that reached guard's mailbox."""
        self.raw: list[tuple[int, bytes]] = []
        """The same as bytes."""
        self.sampled: dict[int, tuple[int, bytes]] = {}
        """Sequence -> (when, frame) that the console made."""
        self.issued: list[int] = []
        """Stamps of all heartbeats."""
        self._tasks: list[asyncio.Task[None]] = []

    def _gone(self, session: int, reason: str, link: int) -> None:
        self.told.append((session, reason, link))
        self.lanes[link].rebuild_data = True

    def _is_cut(self, link: int) -> bool:
        return self.cut[link]

    async def exchange(self, offer: Offer) -> Answer:
        """Stands for signalling, which is on a cut link as much as everything else."""
        while not self.signalling:
            await asyncio.sleep(0.01)
        number = offer.link
        answer = await self.peers.answer(SESSION, offer.sdp, number)
        console = self.peers._consoles[SESSION]
        coming = console.coming[number] or console.current[number]
        assert coming is not None
        cut_connection(coming.server._connection, functools.partial(self._is_cut, number))
        return Answer("command", answer, number)

    def _beat(self, beat: bytes) -> None:
        _, _, stamp_ns, _, _ = HEARTBEAT.unpack(beat)
        self.stamp_ns = max(self.stamp_ns, stamp_ns)

    def _send_again(self, copy: bytes) -> None:
        for lane in self.lanes:
            lane.send_again(copy)

    async def start(self) -> None:
        """Run everything until `stop`."""
        parts = [self._heartbeats(), self._frames(), *(self._keep(lane) for lane in self.lanes)]
        self._tasks = [asyncio.create_task(part) for part in parts]
        await self.until(lambda: all(lane.opened_data for lane in self.lanes))
        await self.until(lambda: len(self.arrived) > 60)

    async def stop(self) -> None:
        """End everything; an error of a part shows here."""
        self.repeat.cancel()
        await end_tasks(self._tasks)
        for task in self._tasks:
            assert task.cancelled(), task
        for lane in self.lanes:
            await lane.close()
        await self.peers.close()

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                await asyncio.sleep(0.005)

    def quality(self) -> tuple[LinkQuality, ...]:
        return self.peers.quality(SESSION, now_ns())

    async def _keep(self, lane: Lane) -> None:
        while True:
            await lane.repair_data()
            if lane.data is not None and not getattr(lane.data, "gated", False):
                cut_connection(lane.data._connection, functools.partial(self._is_cut, lane.number))
                lane.data.gated = True  # type: ignore[attr-defined]
            await asyncio.sleep(0.05)

    async def _heartbeats(self) -> None:
        report = replace(nothing(m.GUARD_REPORT), epoch=EPOCH)
        while True:
            self.issued.append(now_ns())
            self.peers.down.heartbeat(replace(report, stamp_ns=self.issued[-1]))
            self.peers.check(now_ns())
            await asyncio.sleep(0.002)
            self.peers.down.repeat(now_ns())
            await asyncio.sleep(0.002)

    async def _frames(self) -> None:
        while True:
            self.seq += 1
            if self.stamp_ns:
                frame = pack(frame_of(self.seq, self.stamp_ns))
                self.sampled[self.seq] = (now_ns(), frame)
                self.repeat.sent(frame, again=len(self.lanes) == 1)
                for lane in self.lanes:
                    lane.send(frame)
                    if self.seq % 10 == 0:
                        lane.send(lane.counter.report(now_ns()))
            for _, raw in self.log.read():
                at_ns = int.from_bytes(raw[:8], "little", signed=True)
                self.raw.append((at_ns, raw[8:]))
                self.arrived.append((at_ns, unpack(raw[8:])))
            await asyncio.sleep(0.005)


def frame_of(seq: int, echo_ns: int) -> SafetyFrame:
    """A frame of a console that holds still."""
    return SafetyFrame(
        session=SESSION, epoch=EPOCH, seq=seq, echo_ns=echo_ns, echo_nonce=0, frame_id=0,
        dwell_us=0, haptic_echo_us=0, haptic_dwell_us=0, flags=0, mode=0, deadman_edges=0,
        hand_p_m=(0.0,) * 3, hand_r_rad=(0.0,) * 3, hand_v_m_s=(0.0,) * 3,
        hand_w_rad_s=(0.0,) * 3, force_ref_n=0.0, needle_v_m_s=0.0, limits_hash=0,
    )  # fmt: skip
