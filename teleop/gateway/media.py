"""The control socket of media: video offers there, answers and image settings back.

One JSON object per line. Media may come and go; the link connects again by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from teleop import channels
from teleop.gateway.errors import MediaError
from transport import schema as s

MAX_LINE = 131072
RECONNECT_S = 0.2
ANSWER_TIMEOUT_S = 8.0
MAX_PENDING = 16


class _FromMedia(msgspec.Struct):
    """Any line of media."""

    op: Literal["answer", "error", "image_state", "closed"]
    peer: str = ""
    sdp: str = ""
    detail: str = ""


_line = msgspec.json.Decoder(_FromMedia)
_image = msgspec.json.Decoder(dict[str, msgspec.Raw])


def image_state(raw: bytes) -> s.ImageState:
    """The image state in a line of media; MsgspecError: not one."""
    fields = _image.decode(raw)
    fields.pop("op", None)
    body = {name: msgspec.json.decode(value) for name, value in fields.items()}
    return msgspec.convert({"type": "image_state", **body}, s.ImageState)


class MediaLink:
    """One connection to media, and who waits for an answer on it."""

    def __init__(
        self,
        run_dir: Path,
        on_image: Callable[[s.ImageState], None],
        on_up: Callable[[bool], None],
        on_error: Callable[[str], None],
    ) -> None:
        self._path = run_dir / channels.MEDIA_CONTROL
        self._on_image = on_image
        self._on_up = on_up
        self._on_error = on_error
        self._writer: asyncio.StreamWriter | None = None
        self._pending: dict[str, asyncio.Future[str]] = {}
        self._connections = 0

    @property
    def is_up(self) -> bool:
        """True while connected."""
        return self._writer is not None

    async def run(self) -> None:
        """Keep the connection up until cancelled."""
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self._path), limit=MAX_LINE)
            except OSError:
                await asyncio.sleep(RECONNECT_S)  # media is starting, or was restarted
                continue
            self._writer = writer
            self._connections += 1
            self._on_up(self._connections > 1)
            try:
                await self._read(reader)
            finally:
                self._down(writer)
            await asyncio.sleep(RECONNECT_S)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await reader.readline()
            except (ConnectionError, ValueError) as error:
                self._on_error(f"media control: {error}")
                return
            if not line:
                return
            try:
                self._take(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                self._on_error(f"media control: {error}")

    def _take(self, line: bytes) -> None:
        message = _line.decode(line)
        if message.op == "image_state":
            self._on_image(image_state(line))
            return
        waiting = self._pending.pop(message.peer, None)
        if waiting is None or waiting.done():
            return
        if message.op == "answer":
            waiting.set_result(message.sdp)
        else:
            waiting.set_exception(MediaError(message.detail or message.op))

    def _down(self, writer: asyncio.StreamWriter) -> None:
        self._writer = None
        writer.close()
        pending, self._pending = self._pending, {}
        for waiting in pending.values():
            if not waiting.done():
                waiting.set_exception(MediaError("media was restarted"))

    async def offer(self, peer: str, sdp: str, address: str = "") -> str:
        """Media's answer to a video offer, from its `address` (empty: any of the site's).

        MediaError: none.
        """
        if self._writer is None or len(self._pending) >= MAX_PENDING:
            raise MediaError("media is not connected")
        waiting: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._pending[peer] = waiting
        self._write({"op": "offer", "peer": peer, "sdp": sdp, "address": address})
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await waiting
        except TimeoutError:
            raise MediaError("media did not answer") from None
        finally:
            self._pending.pop(peer, None)

    def close_peer(self, peer: str) -> None:
        """The page is gone: media may drop its connection."""
        self._write({"op": "close", "peer": peer})

    def image(self, settings: s.ImageSettings) -> bool:
        """Pass on image settings; False: media is not there."""
        fields = {
            "gain_db": settings.gain_db,
            "depth_m": settings.depth_m,
            "dynamic_range_db": settings.dynamic_range_db,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        return self._write({"op": "image", **given})

    def presented(self, presented: s.Presented) -> bool:
        """Pass on how long pictures waited for the screen; False: media is not there."""
        line: dict[str, str | float | tuple[float, ...]] = {"op": "presented"}
        line |= {"refresh_ms": presented.refresh_ms, "skipped": presented.skipped}
        return self._write(line | {"waits_ms": presented.waits_ms})

    def _write(self, message: Mapping[str, str | float | tuple[float, ...]]) -> bool:
        if self._writer is None:
            return False
        self._writer.write(msgspec.json.encode(message) + b"\n")
        return True
