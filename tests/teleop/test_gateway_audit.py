"""The gateway relays what the audit logs say, unread, for consoles only."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from gateway_harness import WAIT_S, Client, running, world_in

from teleop.audit.messages import SOCKET, Begin, End, FromGateway, Passed
from transport import schema as s

pytestmark = pytest.mark.process


class FakeAudit:
    """Stands for the audit process: what came in, and a way to say something."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[FromGateway] = asyncio.Queue()
        self.writer: asyncio.StreamWriter | None = None
        self.ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        try:
            while line := await reader.readline():
                self.lines.put_nowait(msgspec.json.decode(line, type=FromGateway))
        except ConnectionError:
            pass  # the gateway was killed: the end of the test
        finally:
            writer.close()
            self.ended.set()

    async def leave(self, server: asyncio.Server) -> None:
        """The gateway was killed: nothing of the line may stay open."""
        server.close()
        async with asyncio.timeout(WAIT_S):
            await self.ended.wait()
        await asyncio.sleep(0)  # the loop closes the sockets in its next round

    async def next(self) -> Any:
        async with asyncio.timeout(WAIT_S):
            return await self.lines.get()

    def say(self, session: int, data: str) -> None:
        assert self.writer is not None
        self.writer.write(msgspec.json.encode(Passed(session, data)) + b"\n")


async def _talk(tmp_path: Path) -> None:
    with world_in(tmp_path) as world:
        audit = FakeAudit()
        server = await asyncio.start_unix_server(audit.serve, str(world.run_dir / SOCKET))
        async with running(world) as process, aiohttp.ClientSession() as http:
            console, bedside = Client(http, process), Client(http, process)
            number = (await console.join("CNSL-2345")).session
            assert await audit.next() == Begin(number)
            await console.send(s.Audit(data="not even JSON"))
            assert await audit.next() == Passed(number, "not even JSON"), "unread"
            audit.say(number, "an answer")
            audit.say(99, "for nobody")
            assert (await console.next(s.Audit)).data == "an answer"
            await bedside.join("BEDS-2345")
            await bedside.send(s.Audit(data="{}"))
            assert (await bedside.next(s.Refused)).reason == "role"
            await console.ws.close()
            assert await audit.next() == End(number), "the bedside's words went nowhere"
            await bedside.ws.close()
        await audit.leave(server)


def test_consoles_talk_with_the_audit_process_through_the_gateway(tmp_path: Path) -> None:
    asyncio.run(_talk(tmp_path))


async def _late(tmp_path: Path) -> None:
    with world_in(tmp_path) as world:
        async with running(world) as process, aiohttp.ClientSession() as http:
            console = Client(http, process)
            number = (await console.join("CNSL-2345")).session
            await console.send(s.Audit(data="lost: nobody listens yet"))
            audit = FakeAudit()
            server = await asyncio.start_unix_server(audit.serve, str(world.run_dir / SOCKET))
            assert await audit.next() == Begin(number), "who is here is told to who comes late"
            await console.ws.close()
        await audit.leave(server)


def test_an_audit_process_that_comes_late_hears_who_is_here(tmp_path: Path) -> None:
    asyncio.run(_late(tmp_path))
