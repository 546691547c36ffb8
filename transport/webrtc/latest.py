"""Sends the newest message of a data channel, or lets it take the place of an older one.

aiortc keeps what cannot leave yet in two places: a list above SCTP, and chunks that SCTP has
numbered but not sent (after an outage the congestion window is closed for up to a second, RFC 9260
section 6.3). A message that still waits in either place is replaced in place by the next of its
kind, so that at most one of each kind waits, and it is the newest. Kinds are told apart by the two
bytes that every message of ours begins with. What is on its way cannot be called back: the far end
judges the age of every message.
"""

from __future__ import annotations

from typing import Any

from aiortc import RTCDataChannel
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    USERDATA_MAX_LENGTH,
    RTCSctpTransport,
)

WHOLE = SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG
"""Flags of a chunk that is a whole message."""


KIND_BYTES = 2


class LatestError(RuntimeError):
    """aiortc keeps waiting messages in other places now: adapt this module."""


def check(sctp: RTCSctpTransport) -> None:
    """Raise LatestError unless aiortc has the two places where messages wait."""
    for name in ("_data_channel_queue", "_outbound_queue"):
        if not hasattr(sctp, name):
            raise LatestError(f"aiortc has no RTCSctpTransport.{name}")


def send(channel: RTCDataChannel, data: bytes) -> bool:
    """Send `data`; False: it took the place of an older message.

    What does not fit one chunk (none of ours) replaces nothing: it is dropped while one waits.
    """
    sctp = channel.transport
    if len(data) > USERDATA_MAX_LENGTH:
        if waiting(channel):
            return False
        channel.send(data)
        return True
    if _replace_chunk(sctp._outbound_queue, channel, data):
        return False
    if _replace_waiting(sctp._data_channel_queue, channel, data):
        return False
    channel.send(data)
    return True


def waiting(channel: RTCDataChannel) -> int:
    """Messages of this channel that have not been sent yet."""
    sctp = channel.transport
    above = sum(1 for item in sctp._data_channel_queue if item[0] is channel)
    return above + sum(1 for chunk in sctp._outbound_queue if chunk.stream_id == channel.id)


def _replace_chunk(chunks: Any, channel: RTCDataChannel, data: bytes) -> bool:
    """Replace the content of a chunk that was numbered but never sent."""
    for chunk in chunks:
        mine = chunk.stream_id == channel.id and chunk.flags & WHOLE == WHOLE
        waits = chunk._sent_count == 0 and not chunk._abandoned
        if mine and waits and _same_kind(chunk.user_data, data):
            chunk.user_data, chunk._book_size = data, len(data)
            return True
    return False


def _replace_waiting(queue: Any, channel: RTCDataChannel, data: bytes) -> bool:
    for at, (owner, kind, old) in enumerate(queue):
        if owner is channel and isinstance(old, bytes) and _same_kind(old, data):
            queue[at] = (owner, kind, data)
            channel._addBufferedAmount(len(data) - len(old))
            return True
    return False


def _same_kind(old: bytes, new: bytes) -> bool:
    return old[:KIND_BYTES] == new[:KIND_BYTES]
