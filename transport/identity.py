"""Who a page is: device signatures (ECDSA P-256), tokens and join codes (pure).

A page makes a P-256 key that never leaves its browser and signs the server's nonce together with
its join code or token, so that neither works on another device.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

POINT_BYTES = 65
"""Uncompressed P-256 point (SEC 1, 2.3.3)."""
SIGNATURE_BYTES = 64
"""IEEE P1363: r and s, 32 bytes each."""


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes | None:
    """Bytes of base64url text, None when it is not that."""
    try:
        raw = text.encode("ascii")
        return base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None


def verify(device_key: str, signature: str, nonce: str, secret: str) -> bool:
    """True when `device_key` signed `nonce|secret`."""
    point, raw = decode(device_key), decode(signature)
    if point is None or raw is None or len(point) != POINT_BYTES or len(raw) != SIGNATURE_BYTES:
        return False
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key.verify(der, f"{nonce}|{secret}".encode(), ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True


def canonical_key(device_key: str) -> str:
    """One spelling per key, so that comparing text compares keys."""
    return encode(decode(device_key) or b"")


def digest(secret: str) -> str:
    """What is stored of a token or spent code: SHA-256, hex (both are random, so no salt)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def normal_code(code: str) -> str:
    """A join code as people may type it: spaces and dashes do not count, nor does case."""
    plain = "".join(c for c in code.upper() if c.isalnum())
    return f"{plain[:4]}-{plain[4:]}" if len(plain) == 8 else plain


class DeviceKey:
    """A device's private key, for native clients (scripted people, tests)."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public(self) -> str:
        """`device_key` of `Hello`."""
        numbers = self._key.public_key().public_numbers()
        return encode(b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"))

    def sign(self, nonce: str, secret: str) -> str:
        """`signature` of `Hello` for a join code or token."""
        der = self._key.sign(f"{nonce}|{secret}".encode(), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(der)
        return encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
