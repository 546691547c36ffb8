"""Authenticity of safety frames: HMAC-SHA-256, cut to the 16 bytes of the tag (RFC 2104, FIPS 198).

The tag covers all bytes before it. Keys come from the key agreement (`transport/keyagreement.py`)
through a pipe that only guard reads; they are never recorded: what guard found is (`Authenticity`).
A truncated tag of 128 bits leaves a forger one chance in 2^128 a try (NIST SP 800-107, 5.3.3).
"""

from __future__ import annotations

import hmac
import struct
from collections import OrderedDict
from dataclasses import dataclass

from safety.messages import FRAME_BYTES
from safety.states import Authenticity

TAG_BYTES = 16
KEY_BYTES = 32
_TAG_AT = FRAME_BYTES - TAG_BYTES
_SESSION = struct.Struct("<I")
_SESSION_AT = 4
"""Offset of the session number in a frame."""
MAX_SESSIONS = 64
KEY_RECORD = struct.Struct("<II32s")
"""What the `keys` process writes into guard's pipe: magic, session, key (one atomic write)."""
KEY_MAGIC = 0x59454B46  # "FKEY"


def tag_of(data: bytes, key: bytes) -> bytes:
    """The tag that belongs to a frame (whatever its tag holds now)."""
    return hmac.digest(key, data[:_TAG_AT], "sha256")[:TAG_BYTES]


def sign(data: bytes, key: bytes) -> bytes:
    """The frame with its tag."""
    return data[:_TAG_AT] + tag_of(data, key)


@dataclass(slots=True)
class _Keys:
    """Keys of one session; `coming` takes over with the first frame that it signs."""

    current: bytes
    coming: bytes | None = None


class KeyRing:
    """Keys by session. The old key of a session is valid until the first frame under the new."""

    def __init__(self) -> None:
        self._keys: OrderedDict[int, _Keys] = OrderedDict()
        self.refused = 0
        """Records that were no key."""

    def put(self, record: bytes) -> None:
        """Take one record of the pipe; what is none is counted."""
        if len(record) != KEY_RECORD.size:
            self.refused += 1
            return
        magic, session, key = KEY_RECORD.unpack(record)
        if magic != KEY_MAGIC or session == 0:
            self.refused += 1
            return
        known = self._keys.get(session)
        if known is None:
            self._keys[session] = _Keys(key)
            while len(self._keys) > MAX_SESSIONS:
                self._keys.popitem(last=False)
        elif key != known.current:
            known.coming = key
        self._keys.move_to_end(session)

    def judge(self, data: bytes) -> Authenticity:
        """Judge one frame; at most two HMACs, whatever comes."""
        if len(data) != FRAME_BYTES:
            return Authenticity.FORGED
        keys = self._keys.get(_SESSION.unpack_from(data, _SESSION_AT)[0])
        if keys is None:
            return Authenticity.NO_KEY
        tag = data[_TAG_AT:]
        if hmac.compare_digest(tag_of(data, keys.current), tag):
            return Authenticity.GENUINE
        if keys.coming is not None and hmac.compare_digest(tag_of(data, keys.coming), tag):
            keys.current, keys.coming = keys.coming, None
            return Authenticity.GENUINE
        return Authenticity.FORGED
