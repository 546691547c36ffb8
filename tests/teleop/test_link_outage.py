"""Outages of one link and of all: nothing stale gets through, and what is lost comes back."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import aioice.ice
import pytest
from gate_replay import LIFE_NS, GateReplay
from link_rig import SESSION, Rig

from safety.frame import unpack
from safety.gate import Rejection
from transport.local.clock import now_ns
from transport.multilink import Copy
from transport.schema import CHANNEL_COMMAND
from transport.webrtc import ice

RETURN_S = 10.0
"""Bound of the way back; it takes less than 0.1 s on a machine that has time."""
STALE_MS = 250.0
"""Older than any delay on loopback, also on a busy machine, and younger than the shortest cut."""


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", aioice.ice.get_host_addresses)
    ice.use_addresses(["127.0.0.1"])


def run(scenario: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(120):
            await scenario

    asyncio.run(bounded())


@pytest.mark.parametrize("cut_s", [0.3, 1.0, 3.0])
def test_after_an_outage_nothing_stale_arrives_and_the_association_is_new(
    tmp_path: Path, cut_s: float
) -> None:
    async def scenario() -> None:
        rig = Rig(tmp_path, 1)
        await rig.start()
        rig.cut[0], rig.signalling = True, False
        cut_ns = now_ns()
        await asyncio.sleep(cut_s)  # the outage itself
        lane = rig.lanes[0]
        assert lane.data is not None
        assert lane.data.waiting(CHANNEL_COMMAND) <= 2, "a frame and a report at most"
        before = rig.seq
        opened = lane.opened_data
        rig.cut[0], rig.signalling = False, True
        back_ns = now_ns()
        await rig.until(lambda: lane.opened_data > opened)
        await rig.until(lambda: rig.arrived and rig.arrived[-1][1].seq > before + 20)
        after = [(at, frame) for at, frame in rig.arrived if at >= back_ns]
        stale = [
            frame.seq
            for at, frame in after
            if frame.seq <= before and (at - frame.echo_ns) / 1e6 > STALE_MS
        ]
        assert len(stale) <= 2, "what SCTP had numbered: guard refuses it by its age"
        numbers = [frame.seq for _, frame in rig.arrived]
        assert all(a < b for a, b in itertools.pairwise(numbers)), "each frame once, in order"
        assert any(reason == "silent" for _, reason, _ in rig.told)
        assert not [at for at, _ in rig.arrived if cut_ns + 100_000_000 < at < back_ns]
        await rig.stop()

    run(scenario())


@pytest.mark.parametrize("cut_s", [0.3, 1.0, 3.0])
def test_guard_accepts_nothing_old_after_an_outage(tmp_path: Path, cut_s: float) -> None:
    """The worst case: everything that was sampled during the outage is delivered after it."""

    async def scenario() -> None:
        rig = Rig(tmp_path, 1)
        await rig.start()
        gate = GateReplay(rig)
        rig.cut[0], rig.signalling = True, False
        cut_ns = now_ns()
        await asyncio.sleep(cut_s)  # the outage itself
        back_ns = now_ns()
        late = [
            frame for at_ns, frame in rig.sampled.values() if cut_ns < at_ns < back_ns - 2 * LIFE_NS
        ]
        assert len(late) > 10
        before = len(rig.raw)
        for frame in late:
            rig.peers._consoles[SESSION].intake.take(0, frame, now_ns(), drives=True)
        rig.cut[0], rig.signalling = False, True

        def returned() -> bool:
            gate.follow()
            return sum(at_ns > back_ns for at_ns, _ in gate.accepted) > 20

        async with asyncio.timeout(RETURN_S):
            await rig.until(returned)
        assert len(rig.raw) >= before + len(late), "the gateway passed them on: guard must judge"
        assert set(gate.refused.values()) <= {Rejection.TOO_OLD, Rejection.ECHO_DECREASING}
        assert {unpack(frame).seq for frame in late} <= set(gate.refused)
        ages_ns = [at_ns - rig.sampled[seq][0] for at_ns, seq in gate.accepted]
        assert max(ages_ns) <= LIFE_NS, "by the console's own sampling time, not by the echo"
        await rig.stop()

    run(scenario())


def test_a_single_link_carries_each_frame_twice_and_guard_sees_it_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        rig = Rig(tmp_path, 1)
        await rig.start()
        copies = rig.peers._consoles[SESSION].intake.copies
        await rig.until(lambda: copies[Copy.DUPLICATE] > 50)
        numbers = [frame.seq for _, frame in rig.arrived]
        assert all(a < b for a, b in itertools.pairwise(numbers)), "each frame once, in order"
        assert rig.peers.rejected == 0
        await rig.until(lambda: rig.quality()[0].loss_down >= 0.0)
        await rig.stop()

    run(scenario())


def test_one_of_two_links_is_killed_and_commands_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        rig = Rig(tmp_path, 2)
        await rig.start()
        await rig.until(lambda: all(q.rtt_ms >= 0.0 for q in rig.quality()))
        rig.cut[1] = True
        cut_seq = rig.seq
        await rig.until(lambda: rig.quality()[1].silent_ms > 1000.0)
        first, second = rig.quality()
        assert first.open
        assert not second.open
        assert first.silent_ms < 1000.0
        assert rig.peers.is_open(1), "the console is not lost"
        numbers = [frame.seq for _, frame in rig.arrived if frame.seq > cut_seq]
        assert len(numbers) > 50
        missing = numbers[-1] - numbers[0] + 1 - len(numbers)
        assert missing <= 0.02 * len(numbers), "the other link carried on"
        rig.cut[1] = False
        await rig.until(lambda: rig.quality()[1].silent_ms < 500.0 and rig.quality()[1].open)
        assert rig.lanes[0].opened_data == 1, "the good link was left alone"
        await rig.stop()

    run(scenario())


def test_a_handover_of_150_ms_on_one_link_loses_no_command(tmp_path: Path) -> None:
    async def scenario() -> None:
        rig = Rig(tmp_path, 2)
        await rig.start()
        start = rig.seq
        for _ in range(3):
            rig.cut[0] = True
            await asyncio.sleep(0.15)  # the handover itself
            rig.cut[0] = False
            seq = rig.seq
            await rig.until(lambda: rig.seq > seq + 60)  # noqa: B023
        await rig.until(lambda: rig.arrived[-1][1].seq >= start + 200)
        numbers = {frame.seq for _, frame in rig.arrived}
        missing = set(range(start + 1, start + 200)) - numbers
        assert len(missing) <= 2, missing
        await rig.stop()

    run(scenario())
