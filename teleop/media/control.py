"""The control socket of media: signalling and image settings, one JSON object per line.

Requests and answers: see `Request` and `reply_*`. A line that cannot be read is answered with an
error and the connection goes on; a line over the limit ends the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from transport.schema import ImageState, Sdp, Text64, Wait
from transport.webrtc.ice import on_addresses

MAX_LINE = 131_072


class Offer(msgspec.Struct, frozen=True, tag_field="op", tag="offer"):
    """A viewer offers a connection."""

    peer: Text64
    sdp: Sdp
    address: Text64 = ""
    """Our address on the viewer's link; empty: any of the site's."""


class Close(msgspec.Struct, frozen=True, tag_field="op", tag="close"):
    """A viewer left."""

    peer: Text64


class Image(msgspec.Struct, frozen=True, tag_field="op", tag="image"):
    """New image settings; absent ones stay (bounds as in `transport.schema.ImageSettings`)."""

    gain_db: Annotated[float, Meta(ge=-30, le=30)] | None = None
    depth_m: Annotated[float, Meta(ge=0.04, le=0.24)] | None = None
    dynamic_range_db: Annotated[float, Meta(ge=30, le=90)] | None = None


class Presented(msgspec.Struct, frozen=True, tag_field="op", tag="presented"):
    """How long pictures waited for the expert's screen (bounds as in `transport.schema`)."""

    refresh_ms: Annotated[float, Meta(ge=2.0, le=50.0)]
    waits_ms: Annotated[tuple[Wait, ...], Meta(max_length=128)]
    skipped: Annotated[int, Meta(ge=0, le=1000)] = 0


Request = Offer | Close | Image | Presented
_decoder = msgspec.json.Decoder(Request)


class Handler(Protocol):
    """What the media process does with requests."""

    async def offer(self, owner: int, peer: str, sdp: str) -> str:
        """Connect a viewer, return the answer."""

    async def close(self, peer: str) -> None:
        """Disconnect a viewer."""

    def image(self, request: Image) -> None:
        """Change the image settings."""

    def presented(self, request: Presented) -> None:
        """Keep in step with the expert's screen."""

    def image_state(self) -> ImageState:
        """Settings and geometry in force."""

    def gone(self, owner: int) -> None:
        """A connection ended; its viewers are orphans."""


class ControlServer:
    """Serves gateway (and tests) on a Unix stream socket of mode 0600."""

    def __init__(self, path: Path, handler: Handler, refusals: tuple[type[Exception], ...]) -> None:
        self._path = path
        self._handler = handler
        self._refusals = refusals
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._server: asyncio.Server | None = None
        self._next_owner = 1
        self.bad_lines = 0

    async def start(self) -> None:
        """Listen."""
        with contextlib.suppress(FileNotFoundError):  # left over by a killed predecessor
            self._path.unlink()
        self._server = await asyncio.start_unix_server(self._serve, str(self._path), limit=MAX_LINE)
        self._path.chmod(0o600)

    async def stop(self) -> None:
        """Close all connections and stop listening."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers.values()):
            writer.close()

    def broadcast_image_state(self) -> None:
        """Tell every connection which settings and geometry are in force."""
        for writer in self._writers.values():
            _send(writer, _state_line(self._handler))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        owner, self._next_owner = self._next_owner, self._next_owner + 1
        self._writers[owner] = writer
        _send(writer, _state_line(self._handler))
        try:
            while line := await reader.readline():
                await self._handle(owner, line, writer)
        except ValueError:  # asyncio's word for a line over the limit
            self.bad_lines += 1
            _send(writer, _error("", f"a line is longer than {MAX_LINE} bytes"))
        except (ConnectionError, asyncio.CancelledError):
            pass  # the other side ended, or we do: both are the normal end of a connection
        finally:
            del self._writers[owner]
            self._handler.gone(owner)
            writer.close()

    async def _handle(self, owner: int, line: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            request = _decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            self.bad_lines += 1
            _send(writer, _error("", str(error)))
            return
        if isinstance(request, Offer):
            await self._offer(owner, request, writer)
        elif isinstance(request, Close):
            await self._handler.close(request.peer)
        elif isinstance(request, Presented):
            self._handler.presented(request)
        else:
            self._handler.image(request)

    async def _offer(self, owner: int, request: Offer, writer: asyncio.StreamWriter) -> None:
        try:
            with on_addresses([request.address] if request.address else []):
                sdp = await self._handler.offer(owner, request.peer, request.sdp)
        except self._refusals as error:
            _send(writer, _error(request.peer, str(error)))
            return
        _send(writer, {"op": "answer", "peer": request.peer, "sdp": sdp})


def _state_line(handler: Handler) -> dict[str, object]:
    state = msgspec.to_builtins(handler.image_state())
    return {**state, "op": "image_state"}


def _error(peer: str, detail: str) -> dict[str, object]:
    return {"op": "error", "peer": peer, "detail": detail[:500]}


def _send(writer: asyncio.StreamWriter, message: dict[str, object]) -> None:
    if not writer.is_closing():
        writer.write(msgspec.json.encode(message) + b"\n")
