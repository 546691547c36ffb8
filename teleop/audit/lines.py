"""The lines of an audit log: header, entries and signed heads, one JSON object per line.

An entry's bytes on its line are the leaf of the Merkle tree; nothing is encoded anew to check it. A
head is signed over the text of a C2SP tlog-checkpoint (origin, size, root) with one extension line;
a cosignature is that of C2SP tlog-cosignature v1, by a key of `transport/identity.py`. Pure.
"""

from __future__ import annotations

import base64
import binascii
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from teleop.audit.errors import ForeignLogError
from teleop.audit.merkle import HASH_BYTES
from transport.identity import DeviceKey, decode, encode, is_signed

FORMAT = 1
MAX_LINE_BYTES = 8192
ROOT_CHARS = 44
"""Base64 with padding of 32 bytes (C2SP tlog-checkpoint)."""

Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
"""JavaScript can count so far."""
Stamp = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Name = Annotated[str, Meta(max_length=64, pattern=r"^[\x21-\x7e]*$")]
"""Printable ASCII without spaces: names of states, events, logs."""
Origin = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
Base64 = Annotated[str, Meta(max_length=128, pattern=r"^[A-Za-z0-9_=/+-]*$")]
Detail = Annotated[str, Meta(max_length=1024)]


class Kind(StrEnum):
    """What an entry is about. None of them holds anything about who the patient is."""

    OPENED = "opened"
    """The log was opened; `value`: number of the run at this site."""
    CLOSED = "closed"
    """The log was closed properly."""
    CONSENT = "consent"
    """A consent was presented: `name` its number, `detail` its scopes, `value` 1 = simulated."""
    JOINED = "joined"
    LEFT = "left"
    LEASE = "lease"
    """`session` drives from now on."""
    ACT = "act"
    """A person pressed something: `name` of the event, `value` its argument."""
    ALLOWED = "allowed"
    """Guard took the bedside's permission to move; `value` is the epoch."""
    REVOKED = "revoked"
    ENGAGED = "engaged"
    """The expert drives; `value` counts the engagements, `detail` is the epoch."""
    STOPPED = "stopped"
    """`name` of the state, `detail` of the first-out cause."""
    STATE = "state"
    """Any other change of the state."""
    LIMITS = "limits"
    """`value`: hash of the limits in force; `detail`: what is widened."""
    INSTRUMENT = "instrument"
    NEEDLE = "needle"
    """`name` of the plan's state, `value` its depth (um); or of the step of the work; or ADVANCED,
    `value` counts how often the needle left home."""
    EXPORT = "export"
    """A recording was exported: `name` of the consent, `detail`: SHA-256 of the file."""
    PROCESS = "process"
    """A process ended by itself or was killed."""
    WITNESSED = "witnessed"
    """`name`: the other log, `value` its size, `detail` its key and signed head."""
    COSIGNED = "cosigned"
    """The other site signed our head: `name` its log, `value` our size, `detail` the signature."""
    FORKED = "forked"
    """The other site showed a history that excludes what it had shown before."""
    DOUBTED = "doubted"
    """The other site showed something that is not signed or cannot be read (first time only)."""
    LOST = "lost"
    """`value` messages were overwritten before this log had read them."""


class Line(msgspec.Struct, frozen=True, tag_field="line", forbid_unknown_fields=True):
    """Base of all lines."""


class Header(Line, frozen=True, tag="log"):
    """First line."""

    format: Annotated[int, Meta(ge=FORMAT, le=FORMAT)]
    origin: Origin
    """Name of the log; signed with every head."""
    key: Base64
    """Public key of the site (base64url)."""


class Entry(Line, frozen=True, tag="entry"):
    """Something happened."""

    n: Count
    """Number of the entry, from 0."""
    utc_ms: Count
    mono_ns: Stamp
    """CLOCK_MONOTONIC of the site's machine; joins the log with the recording."""
    kind: Kind
    session: Count = 0
    name: Name = ""
    value: Whole = 0
    detail: Detail = ""


class Head(Line, frozen=True, tag="head"):
    """A signed checkpoint: everything above it is as it was when it was signed."""

    number: Count
    """Number of the head, from 0."""
    size: Count
    """Entries that it covers."""
    root: Annotated[str, Meta(min_length=ROOT_CHARS, max_length=ROOT_CHARS)]
    utc_ms: Count
    signature: Base64


AnyLine = Header | Entry | Head
_decoder = msgspec.json.Decoder(AnyLine)
_encode = msgspec.json.Encoder().encode


def to_line(line: AnyLine) -> bytes:
    """The bytes of a line, without its end."""
    return _encode(line)


def from_line(raw: bytes) -> AnyLine:
    """Read one line. ForeignLogError: it is none, or not written as this software writes it."""
    if len(raw) > MAX_LINE_BYTES:
        raise ForeignLogError(f"a line of {len(raw)} bytes")
    try:
        line: AnyLine = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ForeignLogError(str(error)) from error
    if _encode(line) != raw:
        raise ForeignLogError("written in another way than this software writes")
    return line


def root_text(root: bytes) -> str:
    """A root as a head carries it."""
    return base64.b64encode(root).decode()


def root_bytes(head: Head) -> bytes:
    """The root of a head. ForeignLogError: not 32 bytes."""
    try:
        root = base64.b64decode(head.root, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ForeignLogError(f"root {head.root!r}: {error}") from error
    if len(root) != HASH_BYTES or root_text(root) != head.root:
        raise ForeignLogError(f"root {head.root!r}: not 32 bytes")
    return root


def body(origin: str, head: Head) -> bytes:
    """What a site signs: a C2SP tlog-checkpoint with one extension line."""
    text = f"{origin}\n{head.size}\n{head.root}\nhead {head.number} {head.utc_ms}\n"
    return text.encode()


def cosigned_body(origin: str, head: Head, utc_s: int) -> bytes:
    """What the other site signs (C2SP tlog-cosignature, v1 of Ed25519)."""
    return f"cosignature/v1\ntime {utc_s}\n".encode() + body(origin, head)


def sign_head(key: DeviceKey, origin: str, number: int, root: bytes, size: int, ms: int) -> Head:
    """Make and sign a head."""
    bare = Head(number, size, root_text(root), ms, "")
    return msgspec.structs.replace(bare, signature=encode(key.sign_bytes(body(origin, bare))))


def is_signed_by(key: str, signature: str, message: bytes) -> bool:
    """True when the key (base64url) made the signature (base64url).

    Base64 has spare bits at its end; only one way of writing counts, so that no byte is free.
    """
    public, raw = decode(key), decode(signature)
    if public is None or raw is None or (encode(public), encode(raw)) != (key, signature):
        return False
    return is_signed(public, raw, message)


def head_is_genuine(origin: str, key: str, head: Head) -> bool:
    """True when the log's own key signed the head."""
    return is_signed_by(key, head.signature, body(origin, head))
