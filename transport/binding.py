"""Signed session descriptions: who relays signalling cannot put itself into a peer connection.

The console's device key signs its offer, the site's key signs offer and answer together. A session
description names its side's DTLS certificate by SHA-256 (RFC 8122, RFC 8827), so both ends know the
other's before any packet, and nonce, session, role and link keep a signature from being used twice.
"""

from __future__ import annotations

import hashlib

from transport.identity import decode, is_signed

_OFFER = "teleop offer 1"
_ANSWER = "teleop answer 1"


def digest(sdp: str) -> str:
    """SHA-256 of a session description, hex."""
    return hashlib.sha256(sdp.encode()).hexdigest()


def offer_text(nonce: str, session: int, role: str, peer: str, link: int, offer: str) -> bytes:
    """What a device signs; `offer` is the digest of its description."""
    return "|".join((_OFFER, nonce, str(session), role, peer, str(link), offer)).encode()


def answer_text(
    nonce: str, session: int, role: str, peer: str, link: int, offer: str, answer: str
) -> bytes:
    """What the site signs; `offer` and `answer` are digests."""
    parts = (_ANSWER, nonce, str(session), role, peer, str(link), offer, answer)
    return "|".join(parts).encode()


def is_proven(public: str, proof: str, text: bytes) -> bool:
    """True when the key (base64url) signed `text`."""
    key, signature = decode(public), decode(proof)
    return key is not None and signature is not None and is_signed(key, signature, text)
