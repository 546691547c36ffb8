"""Who a device is: signatures (Ed25519, or ECDSA P-256 of older browsers), tokens, join codes.

A device makes a key that never leaves it and signs the server's nonce together with its join code
or token, so that neither works on another device. Pure: keys come from the cryptography library.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

POINT_BYTES = 65
"""Uncompressed P-256 point (SEC 1, 2.3.3)."""
EDWARDS_BYTES = 32
"""Ed25519 public key (RFC 8032, 5.1.5)."""
SIGNATURE_BYTES = 64
"""Ed25519: RFC 8032; P-256: IEEE P1363, r and s of 32 bytes each."""

SMALL_ORDER = frozenset(
    bytes.fromhex(y)
    for y in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)
"""Encodings (without the sign bit) of points whose order divides 8: under such a "key" one
signature fits many messages, and OpenSSL takes it (found by fuzzing; cf. Chalkias et al., Taming
the many EdDSAs, 2020)."""


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
    key, raw = decode(device_key), decode(signature)
    if key is None or raw is None:
        return False
    return is_signed(key, raw, f"{nonce}|{secret}".encode())


def is_signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """True when the key (its length says which kind) made this signature."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        if len(public) == EDWARDS_BYTES:
            if public[:31] + bytes([public[31] & 0x7F]) in SMALL_ORDER:
                return False
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        elif len(public) == POINT_BYTES:
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
            point.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except (ValueError, InvalidSignature):
        return False
    return True


def canonical_key(device_key: str) -> str:
    """One spelling per key, so that comparing text compares keys."""
    return encode(decode(device_key) or b"")


def digest(secret: str) -> str:
    """What is stored of a token or spent code: SHA-256, hex (both are random, so no salt)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fingerprint(public: bytes) -> str:
    """Short name of a public key: 128 bits of SHA-256, base64url."""
    return encode(hashlib.sha256(public).digest()[:16])


def normal_code(code: str) -> str:
    """A join code as people may type it: spaces and dashes do not count, nor does case."""
    plain = "".join(c for c in code.upper() if c.isalnum())
    return f"{plain[:4]}-{plain[4:]}" if len(plain) == 8 else plain


class DeviceKey:
    """An Ed25519 private key: of a native console, a bedside, a site, a test."""

    def __init__(self, secret: bytes | None = None) -> None:
        """`secret`: 32 bytes kept from `secret_bytes`; None: a new key."""
        self._key = (
            Ed25519PrivateKey.generate()
            if secret is None
            else Ed25519PrivateKey.from_private_bytes(secret)
        )

    @property
    def public_bytes(self) -> bytes:
        """The public key, 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    @property
    def secret_bytes(self) -> bytes:
        """The private key, 32 bytes: only into a file that nobody else can read."""
        return self._key.private_bytes_raw()

    @property
    def public(self) -> str:
        """`device_key` of `Hello`."""
        return encode(self.public_bytes)

    def sign(self, nonce: str, secret: str) -> str:
        """`signature` of `Hello` for a join code or token."""
        return encode(self.sign_bytes(f"{nonce}|{secret}".encode()))

    def sign_bytes(self, message: bytes) -> bytes:
        """Signature of any message."""
        return self._key.sign(message)
