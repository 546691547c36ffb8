"""What a peer connection is encrypted with, and whether that is enough."""

from __future__ import annotations

from aiortc.rtcdtlstransport import RTCDtlsTransport


def is_strong(cipher: str, protocol: str) -> bool:
    """True for authenticated encryption (RFC 5116) under DTLS 1.2 (RFC 6347) or newer.

    aiortc still offers two CBC suites and lets OpenSSL choose the version.
    """
    return protocol in ("DTLSv1.2", "DTLSv1.3") and ("GCM" in cipher or "CHACHA20" in cipher)


def encryption_of(transport: RTCDtlsTransport) -> tuple[str, str]:
    """Cipher and protocol of a DTLS connection (aiortc has no public way to ask)."""
    tls = transport._ssl
    if tls is None:
        return "", ""
    return str(tls.get_cipher_name()), str(tls.get_protocol_version_name())
