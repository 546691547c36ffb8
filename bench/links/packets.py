"""What a link does to the bytes of a packet (pure)."""

from __future__ import annotations

UDP_OVER_IP_BYTES = 28
"""IPv4 and UDP headers (RFC 791, RFC 768): what a payload adds on the wire."""
_IPV4_HEADER = 20
_UDP = 17
_UDP_CHECKSUM = 6


def flip_bit(data: bytes, share: float) -> bytes:
    """Flip one bit, at `share` (0..1) of the data; empty data stays empty."""
    if not data:
        return data
    position = min(len(data) * 8 - 1, int(share * len(data) * 8))
    flipped = bytearray(data)
    flipped[position // 8] ^= 1 << (position % 8)
    return bytes(flipped)


def corrupt_ip(packet: bytes, share: float) -> bytes:
    """Flip one bit behind the headers of an IPv4 packet.

    The UDP checksum is cleared (RFC 768: zero means none), so that the damage reaches the
    application, as from a middlebox that recomputes checksums; TCP's own checksum refuses it.
    """
    header = header_bytes(packet)
    if packet[9] != _UDP or len(packet) < header + 8:
        return packet[:header] + flip_bit(packet[header:], share)
    udp = bytearray(packet[header : header + 8])
    udp[_UDP_CHECKSUM : _UDP_CHECKSUM + 2] = b"\0\0"
    return packet[:header] + bytes(udp) + flip_bit(packet[header + 8 :], share)


def header_bytes(packet: bytes) -> int:
    """Length of the IPv4 header."""
    return (packet[0] & 0x0F) * 4


def belongs(packet: bytes, net: bytes) -> bool:
    """True: IPv4, and both addresses lie in the /24 network `net` (its first three bytes).

    Keeps links apart: a packet from one link's address to another link's address is no packet of
    either, and address discovery (IPv6) is none at all.
    """
    return (
        len(packet) >= _IPV4_HEADER
        and packet[0] >> 4 == 4
        and header_bytes(packet) >= _IPV4_HEADER
        and packet[12:15] == net
        and packet[16:19] == net
    )
