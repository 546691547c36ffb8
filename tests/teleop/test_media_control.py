"""The control socket of media: whatever arrives is answered, and the next good line still works."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from teleop.media.control import MAX_LINE, ControlServer, Image, Presented
from transport.schema import ImageState

STATE = ImageState(
    gain_db=0.0, depth_m=0.12, dynamic_range_db=60.0, mm_per_px=0.3, apex_x_px=320.0,
    apex_y_px=-60.0, live=True, source="sim",
)  # fmt: skip
GOOD = (
    {"op": "offer", "peer": "p", "sdp": "v=0"},
    {"op": "close", "peer": "p"},
    {"op": "image", "gain_db": 3.0},
    {"op": "presented", "refresh_ms": 16.7, "waits_ms": [1.0, 9.5]},
)
SEEDS = range(1200)


class RefusedError(Exception):
    """What the handler refuses."""


@dataclass
class Recorder:
    """Handler that notes what got through."""

    offers: list[str] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    presentations: list[Presented] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    left: int = 0

    async def offer(self, owner: int, peer: str, sdp: str) -> str:
        if sdp != "v=0":
            raise RefusedError("unusable")
        self.offers.append(peer)
        return "answer"

    async def close(self, peer: str) -> None:
        self.closed.append(peer)

    def image(self, request: Image) -> None:
        self.images.append(request)

    def presented(self, request: Presented) -> None:
        self.presentations.append(request)

    def image_state(self) -> ImageState:
        return STATE

    def gone(self, owner: int) -> None:
        self.left += 1


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Recorder], Awaitable[Any]]


def talk(folder: Path, talker: Talk) -> Any:
    """Run `talker` on one connection, after the greeting."""

    async def run() -> Any:
        handler = Recorder()
        server = ControlServer(folder / "media.control", handler, (RefusedError,))
        await server.start()
        reader, writer = await asyncio.open_unix_connection(str(folder / "media.control"))
        assert json.loads(await reader.readline())["op"] == "image_state"
        try:
            return await talker(reader, writer, handler)
        finally:
            writer.close()
            await server.stop()

    async def bounded() -> Any:
        async with asyncio.timeout(60):
            return await run()

    return asyncio.run(bounded())


def damaged(seed: int) -> bytes:
    """A good line, then cut, flipped, wrongly typed or swapped for rubbish; never valid."""
    noise = random.Random(seed)
    line = bytearray(json.dumps(noise.choice(GOOD)).encode())
    kind = seed % 4
    if kind == 0:
        line = line[: noise.randrange(1, len(line) - 1)]
    elif kind == 1:
        line[0] = noise.choice(b"[x0\"'\xff")
    elif kind == 2:
        key = noise.choice([("op", 7), ("op", "fly"), ("peer", 3), ("gain_db", "loud"),
                            ("gain_db", 1e9), ("depth_m", -1.0), ("peer", "p" * 65)])  # fmt: skip
        bad: dict[str, object] = {"op": "image" if "_" in key[0] else "close"}
        bad[key[0]] = key[1]
        line = bytearray(json.dumps(bad).encode())
    else:
        line = bytearray(noise.randbytes(noise.randrange(1, 200)))
        line[0] = 0xFE  # no JSON text begins with it
    return bytes(line).replace(b"\n", b" ").replace(b"\r", b" ")


def test_each_of_1200_bad_lines_is_answered_and_the_connection_lives(tmp_path: Path) -> None:
    async def talker(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Recorder
    ) -> None:
        for seed in SEEDS:
            writer.write(damaged(seed) + b"\n")
            answer = json.loads(await reader.readline())
            assert answer["op"] == "error", (seed, damaged(seed))
            assert answer["detail"], "it says what is wrong"
        writer.write(json.dumps(GOOD[0]).encode() + b"\n")
        answer = json.loads(await reader.readline())
        assert answer == {"op": "answer", "peer": "p", "sdp": "answer"}
        assert (handler.offers, handler.images, handler.closed) == (["p"], [], [])

    talk(tmp_path, talker)


def test_a_refused_offer_names_its_viewer(tmp_path: Path) -> None:
    async def talker(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Recorder
    ) -> Any:
        writer.write(b'{"op": "offer", "peer": "q", "sdp": "v=1"}\n')
        return json.loads(await reader.readline())

    assert talk(tmp_path, talker) == {"op": "error", "peer": "q", "detail": "unusable"}


@pytest.mark.parametrize("length", [MAX_LINE + 1, 4 * MAX_LINE])
def test_an_endless_line_is_refused_and_ends_its_connection_only(
    tmp_path: Path, length: int
) -> None:
    async def talker(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Recorder
    ) -> None:
        writer.write(b"x" * length)
        answer = json.loads(await reader.readline())
        assert answer["op"] == "error"
        assert str(MAX_LINE) in answer["detail"]
        with contextlib.suppress(ConnectionResetError):  # the kernel's word when we sent more
            assert await reader.read() == b""
        again, other = await asyncio.open_unix_connection(str(tmp_path / "media.control"))
        assert json.loads(await again.readline())["op"] == "image_state"
        other.close()

    talk(tmp_path, talker)
