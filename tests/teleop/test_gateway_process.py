"""The real gateway process with real clients."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import aiohttp
import pytest
from gateway_harness import Client, running, start, until, world_in

from safety.messages import FRAME_BYTES
from safety.states import Cause, EventKind, Source, State
from transport import schema as s

pytestmark = pytest.mark.process


def test_console_joins_and_commands_arrive_byte_for_byte(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world_in(tmp_path) as world:
            async with running(world) as process, aiohttp.ClientSession() as http:
                console = Client(http, process)
                welcome = await console.join("CNSL-2345")
                assert welcome.role is s.Role.CONSOLE
                assert welcome.lease
                data = await console.open_data()
                frame = os.urandom(FRAME_BYTES)
                await until(lambda: world.status().console_open)
                data.client.send_command(frame)
                await until(lambda: (world.frame_box.read() or (0, b""))[1] == frame)
                await until(lambda: len(data.heartbeats) > 20 and len(data.telemetry) > 20)
                stamps = [beat[2] for beat in data.heartbeats]
                assert len(set(stamps)) == len(stamps)
                assert all(beat[0] == s.HEARTBEAT_MAGIC for beat in data.heartbeats)
                assert data.telemetry[-1].force_n == 4.5
                assert world.status().console_session == welcome.session
                await data.client.close()

    asyncio.run(scenario())


def test_token_works_after_sigkill_and_keeps_session_and_lease(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world_in(tmp_path) as world:
            async with aiohttp.ClientSession() as http:
                async with running(world) as process:
                    console = Client(http, process)
                    first = await console.join("CNSL-2345")
                async with running(world) as process:
                    again = Client(http, process)
                    again.key = console.key
                    second = await again.join(token=first.token)
                    assert (second.session, second.lease) == (first.session, True)
                    spent = Client(http, process)
                    await spent.connect()
                    await spent.hello(code="CNSL-2345")
                    await spent.next(s.Refused, reason="code_used")

    asyncio.run(scenario())


def test_bedside_events_reach_guard_and_status_comes_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world_in(tmp_path) as world:
            async with running(world) as process, aiohttp.ClientSession() as http:
                bedside = Client(http, process)
                welcome = await bedside.join("BEDS-2345")
                await bedside.next(s.Status)
                await bedside.send(s.Beat(seq=1, visible=True, sound=True))
                await bedside.send(s.Event(name="STOP", arg=1))
                event = (await until(world.events_now))[0]
                assert (event.kind, event.source, event.arg) == (
                    EventKind.STOP,
                    Source.BEDSIDE_PAGE,
                    1,
                )
                assert event.session == welcome.session
                await until(lambda: world.status().bedside_sound)
                world.changes = {"state": State.SAFE_STOP, "first_out": Cause.BEDSIDE_STOP,
                                 "causes": 1 << Cause.BEDSIDE_STOP}  # fmt: skip
                while bedside.status is None or bedside.status.state != State.SAFE_STOP:
                    await bedside.receive()
                assert bedside.status.first_out == Cause.BEDSIDE_STOP
                await bedside.ws.close()
                await until(lambda: world.status().bedside_session == 0)
                assert not world.status().bedside_sound

    asyncio.run(scenario())


def test_leaves_on_sigterm_and_when_the_supervisor_is_gone(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world_in(tmp_path) as world:
            process = await start(world)
            assert process.terminate() == 0
            assert process.popen.stderr is not None
            assert process.popen.stderr.read() == b""
            process.popen.stderr.close()
            process = await start(world)
            os.close(process.life)
            assert process.popen.wait(20) == 0
            assert process.popen.stderr is not None
            process.popen.stderr.close()

    asyncio.run(scenario())
