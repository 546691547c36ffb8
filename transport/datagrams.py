"""Authenticated datagrams of native consoles, beside the data channel (pure framing).

A datagram carries the same bytes as a data channel message, without SCTP in between: after an
outage there is no association to rebuild. It is signed (HMAC-SHA-256 truncated to 16 bytes,
RFC 2104 section 5), numbered against replay (window of 1,024), and says how long it is of use.
It is not encrypted: it carries motion and force, never a picture or a name.

Keys come from what both sides share after joining: the session's token and the nonce of this
socket, one key per direction, so that nothing can be reflected and no key is used twice.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum, auto

from transport.multilink import Copy, FirstCopy, Variation

MAGIC = 0x4744  # "DG" on the wire
VERSION = 1
HEADER = struct.Struct("<HBBIQQQH")
"""magic, version, kind, session, epoch, number, sent_us (sender's clock), life_ms."""
TAG_BYTES = 16
MAX_BODY_BYTES = 1100
"""As a telemetry message: one packet on every network."""
OVERHEAD_BYTES = HEADER.size + TAG_BYTES
MAX_BYTES = OVERHEAD_BYTES + MAX_BODY_BYTES
LIFE_MS = 50
"""Older than this no command, heartbeat or force sample is of use."""


class DatagramError(ValueError):
    """Our own message cannot be sent as a datagram."""


class Kind(IntEnum):
    """What a datagram carries."""

    COMMAND = 1
    """Safety frame or link report, console to robot."""
    HEARTBEAT = 2
    TELEMETRY = 3


class Refusal(Enum):
    """Why a datagram was refused; nothing of it is used."""

    SIZE = auto()
    FORMAT = auto()
    SESSION = auto()
    TAG = auto()
    REPLAY = auto()
    LATE = auto()


class Direction(Enum):
    """Who sends."""

    UP = b"console"
    DOWN = b"robot"


@dataclass(frozen=True, slots=True)
class Opened:
    """A datagram that passed every check."""

    kind: Kind
    body: bytes
    number: int
    sent_us: int
    epoch: int


def derive_key(token: str, nonce: str, direction: Direction) -> bytes:
    """Key of one direction, for as long as the socket that `nonce` belongs to is the newest."""
    text = b"teleop datagram 1|" + direction.value + b"|" + nonce.encode()
    return hmac.new(token.encode(), text, hashlib.sha256).digest()


def session_of(data: bytes) -> int:
    """The session a datagram claims to belong to (unchecked); 0: it is no datagram of ours."""
    if not OVERHEAD_BYTES <= len(data) <= MAX_BYTES:
        return 0
    magic, version, _, session, _, _, _, _ = HEADER.unpack_from(data)
    return int(session) if (magic, version) == (MAGIC, VERSION) else 0


def heads_of(sessions: Iterable[int]) -> tuple[int, list[int]]:
    """How datagrams of `sessions` begin: 16 bits at byte 0, 32 bits at byte 4, big-endian."""
    heads = [HEADER.pack(MAGIC, VERSION, 0, session, 0, 0, 0, 0) for session in sessions]
    names = [int.from_bytes(head[4:8], "big") for head in heads]
    return int.from_bytes(MAGIC.to_bytes(2, "little"), "big"), names


def _tag(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")[:TAG_BYTES]


class Sealer:
    """Makes the datagrams of one direction. The epoch rises with each start of the sender."""

    def __init__(self, key: bytes, session: int, epoch: int) -> None:
        self._key = key
        self._session = session
        self._epoch = epoch
        self._number = 0

    def seal(self, kind: Kind, body: bytes, now_ns: int, life_ms: int = LIFE_MS) -> bytes:
        """One datagram; DatagramError: the body is too long."""
        if len(body) > MAX_BODY_BYTES:
            raise DatagramError(f"{len(body)} bytes, a datagram holds {MAX_BODY_BYTES}")
        self._number += 1
        head = HEADER.pack(
            MAGIC, VERSION, kind, self._session, self._epoch, self._number, now_ns // 1000, life_ms
        )
        return head + body + _tag(self._key, head + body)


class Opener:
    """Checks the datagrams of one direction of one session on one link."""

    def __init__(self, key: bytes, session: int, newest: tuple[int, int] | None = None) -> None:
        """`newest`: epoch and number up to which an earlier opener of this key took them."""
        self._key = key
        self._session = session
        self._seen = FirstCopy(newest)
        self._variation = Variation()
        self.refused = dict.fromkeys(Refusal, 0)

    def open(self, data: bytes, now_ns: int) -> Opened | Refusal:
        """The content, or why it is refused (counted)."""
        result = self._judge(data, now_ns)
        if isinstance(result, Refusal):
            self.refused[result] += 1
        return result

    def _judge(self, data: bytes, now_ns: int) -> Opened | Refusal:
        if not OVERHEAD_BYTES <= len(data) <= MAX_BYTES:
            return Refusal.SIZE
        magic, version, kind, session, epoch, number, sent_us, life_ms = HEADER.unpack_from(data)
        if (magic, version) != (MAGIC, VERSION) or kind not in _KINDS:
            return Refusal.FORMAT
        if session != self._session:
            return Refusal.SESSION
        signed, tag = data[:-TAG_BYTES], data[-TAG_BYTES:]
        if not hmac.compare_digest(_tag(self._key, signed), tag):
            return Refusal.TAG
        if self._seen.take(epoch, number) in (Copy.DUPLICATE, Copy.STALE):
            return Refusal.REPLAY
        if self._is_late(sent_us, life_ms, now_ns):
            return Refusal.LATE
        return Opened(Kind(kind), signed[HEADER.size :], number, sent_us, epoch)

    def _is_late(self, sent_us: int, life_ms: int, now_ns: int) -> bool:
        """Beyond its life, counted from the fastest of the last seconds: no common clock is needed.

        Guard judges the true age by its own stamps; this only spares it what is surely too late.
        """
        return self._variation.saw(sent_us * 1000, now_ns) > life_ms * 1_000_000


_KINDS = frozenset(Kind)
