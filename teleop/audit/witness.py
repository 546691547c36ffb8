"""Two logs watch each other: each side checks, keeps and signs the heads of the other (pure).

`present` makes what we show the other site, `take` checks what it shows us. Every head that is
shown must continue the one before it, proven by a Merkle consistency proof: a site that shows
different histories is found at once, and its two signatures prove it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from teleop.audit.errors import ForeignLogError, ForkError
from teleop.audit.lines import (
    Base64,
    Count,
    Head,
    Kind,
    Origin,
    cosigned_body,
    head_is_genuine,
    is_signed_by,
    root_bytes,
)
from teleop.audit.log import Log
from teleop.audit.merkle import HASH_BYTES, MAX_PROOF, is_consistent
from transport.identity import decode, encode


class Shown(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="shown"):
    """A head as one site shows it to the other."""

    origin: Origin
    key: Base64
    head: Head
    first: Count
    """Size from which `proof` leads to the head; 0: shown for the first time."""
    proof: Annotated[tuple[Base64, ...], Meta(max_length=MAX_PROOF)]


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="seen"):
    """The other site's signature of a head."""

    origin: Origin
    key: Base64
    size: Count
    utc_s: Count
    signature: Base64


_talk = msgspec.json.Decoder(Shown | Seen)


def from_text(text: str) -> Shown | Seen:
    """What the other site sent. ForeignLogError: it cannot be read."""
    try:
        message: Shown | Seen = _talk.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ForeignLogError(str(error)) from error
    return message


def to_text(message: Shown | Seen) -> str:
    """What is sent to the other site."""
    return msgspec.json.encode(message).decode()


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of the other log."""

    origin: str
    key: str
    head: Head


class Witness:
    """One conversation with one other site."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.known: Known | None = None
        self.confirmed = 0
        """Newest size of ours that the other site signed."""
        self.cosigner = ""
        """The other site's key; it cannot change during a conversation."""

    def present(self) -> Shown | None:
        """The newest head, proven to continue the one that was countersigned last; None: none."""
        head = self._log.head
        if head is None:
            return None
        first = min(self.confirmed, head.size)
        proof = self._log.tree.consistency(first, head.size) if first else []
        log = self._log
        return Shown(log.origin, log.key.public, head, first, tuple(encode(p) for p in proof))

    def take(self, shown: Shown, utc_ms: int, mono_ns: int, session: int = 0) -> Seen:
        """Check the other site's head, keep it as an entry of ours, and sign it.

        When its proof does not begin where we stand (an answer was lost, or the other process was
        started anew) the head that we know is signed again, and its next proof begins there.
        ForeignLogError: not believed, nothing was signed; ForkError: it broke with its past.
        """
        if not head_is_genuine(shown.origin, shown.key, shown.head):
            raise ForeignLogError(
                f"{shown.origin}: head {shown.head.size} is not signed by its key"
            )
        if self.known is None or self._continues(self.known, shown):
            self._keep(shown, utc_ms, mono_ns, session)
        assert self.known is not None
        head, utc_s = self.known.head, utc_ms // 1000
        raw = self._log.key.sign_bytes(cosigned_body(shown.origin, head, utc_s))
        return Seen(self._log.origin, self._log.key.public, head.size, utc_s, encode(raw))

    def _continues(self, known: Known, shown: Shown) -> bool:
        """True: newer than what we know, and proven; False: nothing new can be believed yet."""
        if (shown.origin, shown.key) != (known.origin, known.key):
            raise ForkError(f"{known.origin} became {shown.origin}, or has another key")
        old, root = known.head, root_bytes(shown.head)
        if shown.head.size < old.size:
            raise ForkError(
                f"{shown.origin} went back from {old.size} to {shown.head.size} entries"
            )
        if shown.head.size == old.size:
            if root != root_bytes(old):
                raise ForkError(f"{shown.origin} has two histories of {old.size} entries")
            return False
        if shown.first != old.size:
            return False
        proof = [decode(text) or b"" for text in shown.proof]
        if any(len(step) != HASH_BYTES for step in proof):
            raise ForeignLogError(f"{shown.origin}: a proof with something else than hashes")
        if not is_consistent(old.size, shown.head.size, root_bytes(old), root, proof):
            raise ForkError(f"{shown.origin}: entries before {old.size} were changed")
        return True

    def _keep(self, shown: Shown, utc_ms: int, mono_ns: int, session: int) -> None:
        self.known = Known(shown.origin, shown.key, shown.head)
        detail = msgspec.json.encode((shown.key, shown.head)).decode()
        self._log.add(
            Kind.WITNESSED, utc_ms, mono_ns, session=session, name=shown.origin,
            value=shown.head.size, detail=detail,
        )  # fmt: skip

    def countersigned(self, seen: Seen, utc_ms: int, mono_ns: int, session: int = 0) -> None:
        """Keep the other site's signature of our head. ForeignLogError: it is none."""
        head = self._log.head_of(seen.size)
        if head is None:
            raise ForeignLogError(f"{seen.origin} signed a head of {seen.size}: there is none")
        if self.cosigner not in ("", seen.key):
            raise ForeignLogError(f"{seen.origin} signs with another key than before")
        text = cosigned_body(self._log.origin, head, seen.utc_s)
        if not is_signed_by(seen.key, seen.signature, text):
            raise ForeignLogError(f"{seen.origin}: wrong signature of head {seen.size}")
        self.cosigner = seen.key
        if seen.size <= self.confirmed:
            return
        self.confirmed = seen.size
        detail = msgspec.json.encode((seen.key, head, seen.utc_s, seen.signature)).decode()
        self._log.add(
            Kind.COSIGNED, utc_ms, mono_ns, session=session, name=seen.origin, value=seen.size,
            detail=detail,
        )  # fmt: skip
