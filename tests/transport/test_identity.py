"""Device signatures: both kinds of key, damaged input, and keys that would fit any message."""

from __future__ import annotations

import random

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from transport.identity import SMALL_ORDER, DeviceKey, decode, encode, is_signed, verify

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def add(a: Point, b: Point) -> Point:
    """Edwards addition (RFC 8032, 5.1.4), affine."""
    k = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + k, -1, P) % P
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, -1, P) % P
    return x, y


def x_of(y: int) -> int | None:
    """One x of a point with this y, None when there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return None if (x * x - square) % P else x


def test_the_refused_keys_are_exactly_those_of_small_order() -> None:
    refused = set()
    for encoded in SMALL_ORDER:
        y = int.from_bytes(encoded, "little") % P
        x = x_of(y)
        assert x is not None
        point = (x, y)
        for _ in range(3):
            point = add(point, point)
        assert point == (0, 1), "eight times it is the neutral point"
        refused.add(y)
    assert len(refused) == 5, "orders 1, 2, 4 and twice 8; two have a second encoding each"


def test_a_key_that_fits_any_message_is_no_key() -> None:
    for low in SMALL_ORDER:
        for sign_bit in (0, 0x80):
            public = low[:31] + bytes([low[31] | sign_bit])
            for message in range(64):
                assert not is_signed(public, bytes(64), bytes([message]))


def test_an_ed25519_key_signs_for_itself_alone() -> None:
    key, other = DeviceKey(), DeviceKey()
    proof = key.sign("nonce", "secret")
    assert verify(key.public, proof, "nonce", "secret")
    assert not verify(other.public, proof, "nonce", "secret")
    assert not verify(key.public, proof, "nonce", "other")
    assert DeviceKey(key.secret_bytes).public == key.public


def test_the_p256_key_of_an_older_browser_is_taken() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    r, s = decode_dss_signature(key.sign(b"nonce|secret", ec.ECDSA(hashes.SHA256())))
    proof = encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    assert verify(encode(point), proof, "nonce", "secret")
    assert not verify(encode(point), proof, "nonce", "other")


def test_damaged_keys_and_signatures_are_just_wrong() -> None:
    key, rng = DeviceKey(), random.Random(2)
    proof = decode(key.sign("nonce", "secret")) or b""
    for _ in range(1000):
        public, made = bytearray(key.public_bytes), bytearray(proof)
        rng.choice((public, made))[rng.randrange(32)] ^= 1 << rng.randrange(8)
        assert not is_signed(bytes(public), bytes(made), b"nonce|secret")
        junk = rng.randbytes(rng.randrange(70))
        assert not is_signed(junk, rng.randbytes(64), b"nonce|secret")
    for text in ("", "%", "AAA", "ä", "A" * 43):
        assert not verify(text, encode(proof), "nonce", "secret")
        assert not verify(key.public, text, "nonce", "secret")
