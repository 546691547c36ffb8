"""The shell of the keys process: the gateway's socket on one side, guard's pipe on the other."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
from pathlib import Path

import msgspec

from safety.authentic import KEY_MAGIC, KEY_RECORD
from teleop import channels
from teleop.keys.master import Install, KeyMaster, Outcome
from teleop.keys.messages import MAX_LINE, Begin, End, Failed, FromGateway, Line, Reply, Sign
from transport.local.clock import now_ns
from transport.local.life import Life

SOCKET = "keys.control"
"""Unix stream socket of keys in the run folder: one gateway at a time."""
LOOK_S = 0.05
MAX_WAITING = 1 << 18
"""Bytes that wait for a gateway that does not read; it is dropped then and comes back."""

_decoder = msgspec.json.Decoder(FromGateway)
_encode = msgspec.json.Encoder().encode


class Client:
    """The connected gateway."""

    def __init__(self, link: socket.socket) -> None:
        link.setblocking(False)
        self._link = link
        self._in = b""
        self._out = b""

    def fileno(self) -> int:
        """For select."""
        return self._link.fileno()

    def wants_to_write(self) -> bool:
        """True while something waits."""
        return bool(self._out)

    def read(self) -> list[bytes] | None:
        """Whole lines that came; None: it is gone, or sends no lines."""
        try:
            data = self._link.recv(1 << 16)
        except BlockingIOError:
            return []
        except OSError:
            return None
        *lines, self._in = (self._in + data).split(b"\n")
        broken = not data or len(self._in) > MAX_LINE or any(len(x) > MAX_LINE for x in lines)
        return None if broken else lines

    def send(self, message: Line) -> None:
        """Queue a line."""
        self._out += _encode(message) + b"\n"

    def flush(self) -> bool:
        """Send what can be sent; False: it is gone."""
        try:
            if self._out:
                self._out = self._out[self._link.send(self._out) :]
        except BlockingIOError:
            return len(self._out) < MAX_WAITING
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Hang up."""
        self._link.close()


class KeysService:
    """Carries out what the key master decides."""

    def __init__(self, run_dir: Path, master: KeyMaster, guard_pipe: int) -> None:
        self._master = master
        self._pipe = guard_pipe
        os.set_blocking(guard_pipe, False)
        path = run_dir / SOCKET
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(1)
        self._listener.setblocking(False)
        self._client: Client | None = None
        self._reports = channels.box(run_dir, channels.GUARD_REPORT)
        self._notes = channels.ring_writer(run_dir, channels.NOTES["keys"])
        self._guard = 0
        """Incarnation of the guard that has the keys."""

    def run(self, life: Life) -> None:
        """Serve until told to leave."""
        while not life.leaving():
            self.turn()
        self.close()

    def turn(self) -> None:
        """Wait a moment for the gateway, then do what is due."""
        client = self._client
        readers: list[socket.socket | Client] = [self._listener] if client is None else [client]
        writers = [client] if client is not None and client.wants_to_write() else []
        readable, _, _ = select.select(readers, writers, [], LOOK_S)
        if self._listener in readable:
            with contextlib.suppress(BlockingIOError):
                self._client = Client(self._listener.accept()[0])
        elif client is not None and readable:
            self._read(client)
        self._do(self._master.tick(now_ns()))
        self._look_at_guard()
        if self._client is not None and not self._client.flush():
            self._hang_up()

    def _read(self, client: Client) -> None:
        lines = client.read()
        if lines is None:
            self._hang_up()
            return
        for line in lines:
            try:
                message = _decoder.decode(line)
            except (ValueError, RecursionError) as error:
                self._note(event="bad_line", detail=str(error))
                continue
            self._take(message)

    def _take(self, message: FromGateway) -> None:
        now = now_ns()
        if isinstance(message, Begin):
            self._do(self._master.begin(message.session, now))
        elif isinstance(message, Reply):
            self._do(self._master.reply(message.session, message.data, now))
        elif isinstance(message, Sign):
            self._do([self._master.sign(message)])
        elif isinstance(message, End):
            self._master.end(message.session)

    def _do(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Install):
                self._install(outcome)
                self._note(event="key_installed", session=outcome.session)
                continue
            if isinstance(outcome, Failed):
                self._note(event="key_refused", session=outcome.session, detail=outcome.detail)
            if self._client is not None:
                self._client.send(outcome)

    def _install(self, install: Install) -> None:
        record = KEY_RECORD.pack(KEY_MAGIC, install.session, install.key)
        try:
            os.write(self._pipe, record)  # shorter than PIPE_BUF: whole or not at all
        except OSError as error:
            self._note(event="guard_pipe", detail=str(error))

    def _look_at_guard(self) -> None:
        """A guard that was started anew has no keys: give it all of them."""
        item = self._reports.read()
        incarnation = item[1].incarnation if item else 0
        if incarnation and incarnation != self._guard:
            for install in self._master.installed() if self._guard else []:
                self._install(install)
            self._guard = incarnation

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _note(self, **content: object) -> None:
        """Tell the recording: who has a key, never which."""
        text = json.dumps(content).encode()[: channels.LOG_BYTES - 8]
        self._notes.write(now_ns().to_bytes(8, "little", signed=True) + text)

    def close(self) -> None:
        """Hang up and stop listening."""
        self._hang_up()
        self._listener.close()
        os.close(self._pipe)
