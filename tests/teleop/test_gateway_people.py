"""Several people at one gateway: lease, observers, talk, video, and what breaks on the way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from gateway_harness import WAIT_S, Client, Process, World, running, until, world_in

from safety.messages import FRAME_BYTES
from safety.states import Cause, EventKind, State
from teleop import channels
from transport import schema as s
from transport.refusals import Reason

pytestmark = pytest.mark.process

IMAGE = {
    "gain_db": 0.0, "depth_m": 0.16, "dynamic_range_db": 60.0, "mm_per_px": 0.4,
    "apex_x_px": 320.0, "apex_y_px": -90.0, "live": True, "source": "sim",
}  # fmt: skip


class Place:
    """One world, one gateway, any number of pages."""

    def __init__(self, world: World, process: Process, http: aiohttp.ClientSession) -> None:
        self.world = world
        self.process = process
        self._http = http
        self._pages: list[Client] = []

    def page(self) -> Client:
        self._pages.append(Client(self._http, self.process))
        return self._pages[-1]

    async def joined(self, code: str) -> Client:
        page = self.page()
        await page.join(code)
        return page

    async def close(self) -> None:
        for page in self._pages:
            await page.ws.close()


@contextlib.asynccontextmanager
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    with world_in(tmp_path) as world:
        async with running(world) as process, aiohttp.ClientSession() as http:
            here = Place(world, process, http)
            try:
                yield here
            finally:
                await here.close()


def run(scenario: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(3 * WAIT_S):
            await scenario

    asyncio.run(bounded())


def test_the_lease_changes_hands_when_the_bedside_confirms(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            first, bedside = await here.joined("CNSL-2345"), await here.joined("BEDS-2345")
            second = await here.joined("CNSL-6789")
            assert first.welcome is not None
            assert second.welcome is not None
            assert (first.welcome.lease, second.welcome.lease) == (True, False)
            data = await second.open_data()
            data.client.send_command(b"2" * FRAME_BYTES)
            await until(lambda: here.world.status().frames_rejected == 1)
            assert here.world.frame_box.read() is None
            await second.send(s.Event(name="STOP", arg=1))
            await second.next(s.Refused, reason=Reason.NOT_DRIVER)
            await second.send(s.LeaseRequest(want=True))
            wanted = second.welcome.session
            await bedside.next(s.Peers, lease_wanted_by=wanted)
            here.world.changes = {"state": State.ACTIVE}
            while bedside.status is None or bedside.status.state != State.ACTIVE:
                await bedside.receive()
            await bedside.send(s.Event(name="HANDOVER_CONFIRM", arg=wanted))
            await bedside.next(s.Refused, reason=Reason.LEASE_NOT_NOW)
            here.world.changes = {"state": State.ARMED}
            while bedside.status.state != State.ARMED:
                await bedside.receive()
            await bedside.send(s.Event(name="HANDOVER_CONFIRM", arg=wanted))
            await first.next(s.Peers, lease_session=wanted, lease_wanted_by=0)
            event = (await until(here.world.events_now))[0]
            assert (event.kind, event.arg) == (EventKind.HANDOVER_CONFIRM, wanted)
            status = await until(lambda: here.world.status().console_open and here.world.status())
            assert (status.console_session, status.lease_changes) == (wanted, 2)
            data.client.send_command(b"3" * FRAME_BYTES)
            await until(here.world.frame_box.read)
            await data.client.close()

    run(scenario())


def test_an_observer_watches_and_nothing_more(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            observer = await here.joined("OBSV-2345")
            await observer.next(s.Status)
            await until(lambda: here.world.status().observers == 1)
            for forbidden in (
                s.Event(name="STOP"), s.Beat(seq=1, visible=True, sound=True),
                s.Offer(peer="command", sdp="v=0"), s.LeaseRequest(want=True),
                s.Talk(kind="offer"), s.ImageSettings(gain_db=3.0), s.Phrase(id="yes"),
            ):  # fmt: skip
                await observer.send(forbidden)
                await observer.next(s.Refused, reason=Reason.ROLE)
            assert here.world.events_now() == []

    run(scenario())


def test_talk_and_phrases_pass_between_driver_and_bedside(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            console = await here.joined("CNSL-2345")
            await console.send(s.Talk(kind="offer", data="sdp"))
            await console.next(s.Refused, reason=Reason.NOBODY_THERE)
            bedside = await here.joined("BEDS-2345")
            await console.send(s.Talk(kind="offer", data="opaque \u4f60\u597d"))
            assert (await bedside.next(s.Talk)).data == "opaque \u4f60\u597d"
            await bedside.send(s.Talk(kind="answer", data="yes"))
            await console.next(s.Talk, kind="answer")
            await until(lambda: here.world.status().talk)
            await console.send(s.Phrase(id="breathe_hold"))
            await bedside.next(s.Phrase, id="breathe_hold")
            await console.send(s.Phrase(id="<script>"))
            await console.next(s.Refused, reason=Reason.PHRASE_UNKNOWN)
            await bedside.ws.close()
            await until(lambda: not here.world.status().talk)

    run(scenario())


def test_a_page_that_comes_again_replaces_its_older_socket(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            older = await here.joined("BEDS-2345")
            assert older.welcome is not None
            newer = here.page()
            newer.key = older.key
            await newer.join(token=older.welcome.token)
            await older.next(s.Refused, reason=Reason.REPLACED, close=True)
            await older.ws.close()
            await newer.send(s.Ping(seq=5))
            await newer.next(s.Pong, seq=5)
            number = older.welcome.session
            await until(lambda: here.world.status().bedside_session == number)

    run(scenario())


def test_an_outage_rebuilds_the_command_connection(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            console = await here.joined("CNSL-2345")
            data = await console.open_data()
            for number in range(60):
                data.client.send_command(number.to_bytes(1, "big") * FRAME_BYTES)
                await asyncio.sleep(0.004)
            await console.next(s.Refused, reason=Reason.REBUILD)
            await until(lambda: not here.world.status().console_open)
            assert not data.client.closed, "the old connection serves until there is a new one"
            again = await console.open_data()
            await until(lambda: data.client.closed)
            again.client.send_command(b"n" * FRAME_BYTES)
            await until(lambda: (here.world.frame_box.read() or (0, b""))[1] == b"n" * FRAME_BYTES)
            await again.client.close()

    run(scenario())


def test_a_page_that_closes_its_connection_itself_is_not_told_to_rebuild(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            console = await here.joined("CNSL-2345")
            data = await console.open_data()
            await until(lambda: here.world.status().console_open)
            await data.client.close()
            await until(lambda: not here.world.status().console_open)
            await console.send(s.Ping(seq=1))
            await console.next(s.Pong)
            assert not [m for m in console.inbox if isinstance(m, s.Refused)]

    run(scenario())


def test_bad_bytes_on_the_channel_leave_the_session_working(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            console = await here.joined("CNSL-2345")
            data = await console.open_data()
            rng = random.Random("channel")
            sent = 0
            for number in range(1000):
                size = rng.choice([1, 123, 125, 1000, 3000, rng.randrange(1, FRAME_BYTES)])
                sent += data.client.send_command(rng.randbytes(size))
                await asyncio.sleep(0)
                if number % 50 == 0:  # bad bytes alone are silence, and silence of 10 s ends it
                    data.client.send_command(rng.randbytes(FRAME_BYTES))
            assert sent > 0
            await until(lambda: here.world.status().frames_rejected > 0)
            good = rng.randbytes(FRAME_BYTES)
            async with asyncio.timeout(WAIT_S):
                while (here.world.frame_box.read() or (0, b""))[1] != good:
                    data.client.send_command(good)
                    await asyncio.sleep(0.02)
            await data.client.close()

    run(scenario())


def test_a_silent_guard_gets_no_heartbeat_and_shows_as_a_fault(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            console = await here.joined("CNSL-2345")
            bedside = await here.joined("BEDS-2345")
            data = await console.open_data()
            await until(lambda: len(data.heartbeats) > 5)
            here.world.guard_silent = True
            while bedside.status is None or bedside.status.state != State.FAULT:
                await bedside.receive()
            assert bedside.status.first_out == Cause.GUARD_OVERRUN
            beats = len(data.heartbeats)
            told = len(data.telemetry)
            await until(lambda: len(data.telemetry) > told + 20)
            assert len(data.heartbeats) == beats
            assert data.telemetry[-1].state == State.FAULT
            here.world.guard_silent = False
            await until(lambda: len(data.heartbeats) > beats)
            await data.client.close()

    run(scenario())


def test_a_stop_that_guard_does_not_take_is_reported(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            bedside = await here.joined("BEDS-2345")
            (here.world.run_dir / channels.GUARD_EVENTS).unlink()
            await bedside.send(s.Event(name="STOP", arg=1))
            refused = await bedside.next(s.Refused, reason=Reason.GUARD_UNREACHABLE)
            assert refused.detail == "STOP"

    run(scenario())


class FakeMedia:
    """Media's control socket."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lines: list[dict[str, Any]] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self._path))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.say(writer, {"op": "image_state", **IMAGE})
        while line := await reader.readline():
            self.lines.append(json.loads(line))
            if self.lines[-1]["op"] == "offer":
                peer = self.lines[-1]["peer"]
                for noise in ("not json", '{"op":"answer"}', '{"op":"later"}', "[]"):
                    writer.write(noise.encode() + b"\n")
                if self.lines[-1]["sdp"].strip() == "bad":
                    self.say(writer, {"op": "error", "peer": peer, "detail": "no video in it"})
                else:
                    self.say(writer, {"op": "answer", "peer": peer, "sdp": "an answer"})

    def say(self, writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
        writer.write(json.dumps(message).encode() + b"\n")

    async def stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()
        self._path.unlink(missing_ok=True)


def test_video_is_answered_by_media_and_offered_again_after_its_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with place(tmp_path) as here:
            path = here.world.run_dir / channels.MEDIA_CONTROL
            console = await here.joined("CNSL-2345")
            await console.send(s.Offer(peer="video", sdp="v=0"))
            await console.next(s.Refused, reason=Reason.MEDIA_UNAVAILABLE)
            media = FakeMedia(path)
            await media.start()
            assert (await console.next(s.ImageState)).depth_m == IMAGE["depth_m"]
            await console.send(s.Offer(peer="video", sdp="bad"))
            refused = await console.next(s.Refused, reason=Reason.MEDIA_UNAVAILABLE)
            assert refused.detail == "no video in it"
            await console.send(s.Offer(peer="video", sdp="v=0\r\na=candidate:1 x.local 1\r\n"))
            assert (await console.next(s.Answer, peer="video")).sdp == "an answer"
            assert ".local" not in media.lines[-1]["sdp"]
            await until(lambda: here.world.status().video_open)
            await console.send(s.ImageSettings(gain_db=6.0))
            await until(lambda: media.lines[-1] == {"op": "image", "gain_db": 6.0})
            waited = {"refresh_ms": 16.7, "waits_ms": [1.0, 9.5], "skipped": 3}
            second = await here.joined("CNSL-6789")  # does not drive: its screen does not count
            await second.send(s.Presented(refresh_ms=8.0, waits_ms=(2.0,)))
            await second.send(s.Ping(seq=1))
            await second.next(s.Pong)
            await console.send(s.Presented(16.7, (1.0, 9.5), 3))
            await until(lambda: media.lines[-1] == {"op": "presented", **waited})
            assert sum(line["op"] == "presented" for line in media.lines) == 1
            late = await here.joined("OBSV-2345")
            assert (await late.next(s.ImageState)).source == "sim"
            await media.stop()
            await until(lambda: not here.world.status().video_open)
            again = FakeMedia(path)
            await again.start()
            await console.next(s.Refused, reason=Reason.MEDIA_RESTARTED)
            await console.send(s.Offer(peer="video", sdp="v=0"))
            await console.next(s.Answer, peer="video")
            await console.ws.close()
            await until(lambda: again.lines[-1]["op"] == "close")
            await again.stop()

    run(scenario())
