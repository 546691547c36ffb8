"""What gateway and keys tell each other: one JSON object per line on a local socket.

The gateway relays `data` and cannot make a key from it (`transport/keyagreement.py`).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from transport.schema import Role

MAX_LINE = 16384
Blob = Annotated[str, Meta(max_length=4096)]
SessionNumber = Annotated[int, Meta(ge=1, le=0xFFFFFFFF)]
Trust = Literal["pin", "enrolled", "gateway"]
"""Why a console is believed: an invitation's pin, an enrolled device key, or only the gateway."""


class Line(msgspec.Struct, frozen=True, tag_field="op", forbid_unknown_fields=True):
    """Base of all lines."""


class Begin(Line, frozen=True, tag="begin"):
    """Gateway: a console joined; agree on a key with it."""

    session: SessionNumber


class Reply(Line, frozen=True, tag="reply"):
    """Gateway: what a console answered to the newest offer."""

    session: SessionNumber
    data: Blob


class End(Line, frozen=True, tag="end"):
    """Gateway: the console is not connected any more."""

    session: SessionNumber


class Sign(Line, frozen=True, tag="sign"):
    """Gateway: sign an answer of ours (`transport/binding.py`); digests in hex."""

    id: int
    nonce: Annotated[str, Meta(max_length=64)]
    session: SessionNumber
    role: Role
    peer: Literal["command", "video"]
    link: int
    offer: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    answer: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Signed(Line, frozen=True, tag="signed"):
    """Keys: the signature and the site's public key, base64url."""

    id: int
    proof: str
    site_key: str


class Offered(Line, frozen=True, tag="offer"):
    """Keys: relay this offer."""

    session: SessionNumber
    data: Blob


class Done(Line, frozen=True, tag="done"):
    """Keys: guard has the key; relay the proof."""

    session: SessionNumber
    data: Blob
    suite: int
    """`transport.keyagreement.Suite`, for display."""
    trust: Trust


class Failed(Line, frozen=True, tag="failed"):
    """Keys: no key for this console."""

    session: SessionNumber
    detail: str


FromGateway = Begin | Reply | End | Sign
FromKeys = Offered | Done | Failed | Signed
