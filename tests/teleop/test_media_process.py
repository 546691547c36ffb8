"""The real media process with real viewers."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import aioice.ice
import pytest
from media_harness import (
    HEIGHT,
    WAIT_S,
    WIDTH,
    Media,
    control_of,
    media_in,
    next_picture,
    pictures,
    until,
    viewer_of,
)

from teleop.media import mark as marks
from teleop.processes import spec
from transport.genlock import ENOUGH, MARGIN_MS
from transport.webrtc import ice

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", aioice.ice.get_host_addresses)
    ice.use_addresses(["127.0.0.1"])


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Media]:
    with media_in(tmp_path_factory.mktemp("media") / "run") as running:
        yield running


def test_every_picture_on_screen_is_in_the_ring_under_its_wire_timestamp(media: Media) -> None:
    async def scenario() -> None:
        async with control_of(media) as control, viewer_of(control, "console") as viewer:
            seen = await pictures(viewer, 12)
            ring = media.drain()  # written before the packet left: no need to wait
            stamps = [ring[picture.rtp_timestamp] for picture in seen]
            assert all(stamp.live for stamp in stamps)
            assert {stamp.acquired_ns for stamp in stamps} <= media.arm_stamps
            acquired = [stamp.acquired_ns for stamp in stamps]
            assert acquired == sorted(set(acquired))
            ids = [picture.rtp_timestamp for picture in seen]
            steps = [(b - a) & 0xFFFFFFFF for a, b in itertools.pairwise(ids)]
            assert all(0 < step < 1 << 31 for step in steps), "ids rise"
            ticks = [(b - a) * 9 // 100_000 for a, b in itertools.pairwise(acquired)]
            assert all(abs(a - b) <= 1 for a, b in zip(steps, ticks, strict=True)), "90 kHz"
            assert len({stamp.content_hash for stamp in stamps}) == len(stamps)
            assert seen[-1].luma().shape == (HEIGHT, WIDTH)
            assert seen[-1].luma()[HEIGHT // 2, WIDTH // 2 - 20 : WIDTH // 2 + 20].mean() > 30

    asyncio.run(scenario())


def test_the_mark_of_guard_is_in_the_picture_and_in_its_stamp(media: Media) -> None:
    async def scenario() -> None:
        async with control_of(media) as control, viewer_of(control, "console") as viewer:
            count = 0
            for mark in (4711, 8, -1):
                media.mark = mark
                for _ in range(1000):
                    picture = await next_picture(viewer, count)
                    count = picture.count
                    drawn = media.drain()[picture.rtp_timestamp].mark
                    read = marks.read(picture.luma())
                    assert read in (None, drawn), "a wrong number is never read"
                    if drawn == mark and (read == mark or (read is None and mark == -1)):
                        break
                else:
                    raise AssertionError(f"mark {mark} was never readable")

    asyncio.run(scenario())


def test_a_second_viewer_sees_the_same_and_losing_one_harms_nothing(media: Media) -> None:
    async def scenario() -> None:
        async with control_of(media) as control, viewer_of(control, "a") as first:
            await pictures(first, 2)
            async with viewer_of(control, "b") as second, viewer_of(control, "c") as third:
                last = [await pictures(viewer, 3) for viewer in (first, second, third)]
                assert {p.rtp_timestamp for some in last for p in some} <= set(media.drain())
                await until(lambda: (status := media.status()) and status.peers == 3)
                control.send(op="close", peer="b")  # one by the gateway, one by itself
                await third.close()
                await until(lambda: (status := media.status()) and status.peers == 1)
            before = first.newest()
            assert before is not None
            await next_picture(first, before.count + 10)
            assert first.decoder.errors == 0
            async with viewer_of(control, "b") as again:
                await pictures(again, 2)

    asyncio.run(scenario())


def test_it_follows_the_screen_of_the_expert_and_no_further(media: Media) -> None:
    async def scenario() -> None:
        async with control_of(media) as control:
            slower = {"refresh_ms": 16.8, "waits_ms": [4.5] * ENOUGH}
            control.send(op="presented", **slower)
            (note,) = await until(lambda: media.notes("genlock"))
            assert note["period_ms"] == 33.6
            assert note["later_ms"] == pytest.approx(4.5 - MARGIN_MS)
            control.send(op="presented", **slower)  # from before the correction: left out
            control.send(op="presented", refresh_ms=25.0, waits_ms=[0.0] * ENOUGH)
            _, note = await until(lambda: media.notes("genlock")[1:] and media.notes("genlock"))
            assert note["period_ms"] == pytest.approx(1000 / 30)
            control.send(op="presented", refresh_ms=1.0, waits_ms=[])
            await control.next("error")

    asyncio.run(scenario())


def test_nothing_but_the_loops_delays_it_where_that_is_allowed(media: Media) -> None:
    asyncio.run(until_told(media))
    granted = [note["fifo"] for note in media.notes("priority")]
    tasks = [int(name) for name in os.listdir(f"/proc/{media.process.pid}/task")]
    real = [task for task in tasks if os.sched_getscheduler(task) == os.SCHED_FIFO]
    if not all(granted):
        assert real == []  # refused: it goes on at normal priority
        return
    assert len(real) >= 2
    assert media.process.pid in real
    priorities = {os.sched_getparam(task).sched_priority for task in real}
    assert priorities == {spec("media").fifo}
    loops = ("arm", "guard", "servo", "uplink")
    assert max(priorities) < min(spec(name).fifo for name in loops)


async def until_told(media: Media) -> None:
    """Until both of its threads have asked."""
    await until(lambda: len(media.notes("priority")) == 2)


def test_bad_requests_are_answered_and_the_process_goes_on(media: Media) -> None:
    async def scenario() -> None:
        async with control_of(media) as control:
            assert (await control.next("image_state"))["live"] is True
            control.send(op="offer", peer="x", sdp="v=0\r\nnonsense")
            await control.next("error", peer="x")
            control.send(op="dance")
            await control.next("error")
            control.send(op="image", depth_m=99.0)
            await control.next("error")
            control.send(op="image", depth_m=0.08, gain_db=3.0)
            state = await control.next("image_state", depth_m=0.08)
            assert state["gain_db"] == 3.0
            assert 0 < state["mm_per_px"] < 1
            control.send(op="image", depth_m=0.16, gain_db=0.0)
            await control.next("image_state", depth_m=0.16)
            async with viewer_of(control, "y") as viewer:
                await pictures(viewer, 2)

    asyncio.run(scenario())


def test_without_the_arms_pose_there_is_no_picture_to_drive_by(media: Media) -> None:
    async def scenario() -> None:
        await until(media.has_frames)
        media.arm_silent = True
        try:
            await until(lambda: (s := media.status()) and s.fps == 0.0 and s.observe_only)
            status = media.status()
            assert status is not None
            frames = status.frames
            again = await until(lambda: _later(media, status.stamp_ns))
            assert again == frames, "no picture is made up or repeated"
        finally:
            media.arm_silent = False
        await until(lambda: media.has_frames(frames + 5))

    asyncio.run(scenario())


def _later(media: Media, after_ns: int) -> int:
    """Number of pictures in a status 200 ms younger, 0 before."""
    status = media.status()
    return status.frames if status and status.stamp_ns > after_ns + 200_000_000 else 0


def test_it_leaves_at_once_on_sigterm_with_a_viewer_connected(tmp_path: Path) -> None:
    async def scenario() -> None:
        with media_in(tmp_path / "run") as media:
            async with control_of(media) as control, viewer_of(control, "console") as viewer:
                await pictures(viewer, 2)
                code, seconds = await asyncio.to_thread(media.terminate)
                assert code == 0
                assert seconds < 2.0
                assert media.process.stderr is not None
                assert media.process.stderr.read() == b""

    asyncio.run(scenario())


def test_a_replay_says_so_and_ends_with_its_supervisor(tmp_path: Path) -> None:
    async def scenario() -> None:
        with media_in(tmp_path / "run", "sample", simulated=False) as media:
            async with control_of(media) as control:
                await control.next("image_state", live=False)
                async with viewer_of(control, "console") as viewer:
                    seen = await pictures(viewer, 5)
                assert not any(media.drain()[p.rtp_timestamp].live for p in seen)
                corner = seen[-1].luma()[: HEIGHT // 10, WIDTH // 2 :]
                assert corner.max() > 180, "NOT LIVE is burnt in"
                status = media.status()
                assert status is not None
                assert status.observe_only
                assert not status.live
            os.close(media.life)
            assert media.process.wait(WAIT_S) == 0

    asyncio.run(scenario())


def test_a_source_that_is_missing_ends_it_with_a_message(tmp_path: Path) -> None:
    with media_in(tmp_path / "run", str(tmp_path / "no.mp4")) as media:
        assert media.process.wait(WAIT_S) == 2
        assert media.process.stderr is not None
        message = media.process.stderr.read().decode()
        assert message.startswith("media: ")
        assert "no.mp4" in message
        assert "Traceback" not in message
