"""Socket filters: the kernel drops what no peer of ours can have sent (Linux, classic BPF).

A datagram that is dropped there costs its sender's processor, not our event loop: in Python each
costs 20 us, and real commands wait behind it. A filter only ever drops; whatever passes is judged
as before. Where a system has no such filters, everything passes.
"""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import struct
import sys
from collections.abc import Iterable

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
"""Linux, asm-generic/socket.h; Python's module `socket` lacks the names."""
_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE = 0x20, 0x28, 0x30
"""linux/bpf_common.h: LD+W+ABS, LD+H+ABS, LD+B+ABS; all big-endian."""
_IF_EQUAL, _IF_GREATER, _RETURN = 0x15, 0x25, 0x06
"""JMP+JEQ+K, JMP+JGT+K, RET+K."""
_NETWORK_HEADER = 0xFFF00000
"""SKF_NET_OFF: offsets from here count from the IP header; others from the UDP header."""
_SOURCE = {4: 12, 6: 8}
"""Place of the source address in the IP header, by version."""
_BODY = 8
"""After the UDP header."""
_COOKIE = 0x2112A442
_STUN_TYPES = 3
"""RFC 8489 section 5: first byte 0 to 3, magic cookie at byte 4."""
_ALL, _NONE = 0xFFFFFFFF, 0
MAX_PEERS = 16
"""More are not filtered: jumps of classic BPF are short."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Step = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand: struct sock_filter."""
_PASS: Step = (_RETURN, 0, 0, _ALL)
_DROP: Step = (_RETURN, 0, 0, _NONE)


def only_addresses(addresses: Iterable[Address]) -> list[Step]:
    """Let through what comes from `addresses` (any port), and what looks like STUN."""
    steps: list[Step] = []
    for address in addresses:
        words = struct.unpack(f">{len(address.packed) // 4}I", address.packed)
        place = _NETWORK_HEADER + _SOURCE[address.version]
        for index, word in enumerate(words):
            to_next = 2 * (len(words) - index - 1) + 1
            steps += [(_LOAD_WORD, 0, 0, place + 4 * index), (_IF_EQUAL, 0, to_next, word)]
        steps.append(_PASS)
    steps += [
        (_LOAD_BYTE, 0, 0, _BODY),
        (_IF_GREATER, 2, 0, _STUN_TYPES),
        (_LOAD_WORD, 0, 0, _BODY + 4),
        (_IF_EQUAL, 1, 0, _COOKIE),
        _DROP,
        _PASS,
    ]
    return steps


def only_starting_with(head: int, names: Iterable[int]) -> list[Step]:
    """Let through what begins with the 16 bits `head` and has one of `names` (32 bits) at byte 4.

    Both as they lie on the wire, read big-endian.
    """
    steps: list[Step] = [(_LOAD_HALF, 0, 0, _BODY), (_IF_EQUAL, 1, 0, head), _DROP]
    steps.append((_LOAD_WORD, 0, 0, _BODY + 4))
    for name in names:
        steps += [(_IF_EQUAL, 0, 1, name), _PASS]
    return [*steps, _DROP]


def attach(sock: socket.socket, steps: list[Step]) -> bool:
    """Filter a UDP socket, in place of an earlier filter; False: this system has no filters."""
    if not sys.platform.startswith("linux"):
        return False
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    return _set(sock, SO_ATTACH_FILTER, program)


def detach(sock: socket.socket) -> None:
    """Let everything through again."""
    if sys.platform.startswith("linux"):
        _set(sock, SO_DETACH_FILTER, bytes(4))


def _set(sock: socket.socket, option: int, value: bytes) -> bool:
    try:
        sock.setsockopt(socket.SOL_SOCKET, option, value)
    except OSError:  # no such filters here, or none to detach
        return False
    return True
