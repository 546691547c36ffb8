"""Certificates by their fingerprint: what a console that is told one believes, and nothing else."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

_END = "-----END CERTIFICATE-----"


def fingerprint_of(certificate: Path) -> bytes:
    """SHA-256 of the (first) certificate of a PEM file. OSError, ValueError: there is none."""
    text = certificate.read_text("ascii")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[: text.index(_END) + len(_END)])).digest()


def shown(fingerprint: bytes) -> str:
    """A fingerprint as browsers write it."""
    return fingerprint.hex(":").upper()
