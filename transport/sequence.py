"""16-bit sequence numbers that go on counting (RFC 3550 appendix A.1), pure."""

from __future__ import annotations


def unwrap(sequence: int, near: int) -> int:
    """The number with these low 16 bits that is nearest to `near`."""
    return near + ((sequence - near + 0x8000) & 0xFFFF) - 0x8000
