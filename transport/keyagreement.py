"""The command key of a session: agreed between console and `keys`, relayed by an untrusted gateway.

    robot -> console   offer: nonce, X25519 and ML-KEM-768 public keys, site key, its signature
    console -> robot   reply: suite, X25519 key, ML-KEM ciphertext, device key, signature, confirm
    robot -> console   done:  confirm

X25519 (RFC 7748) and ML-KEM-768 (FIPS 203) secrets are concatenated (as in
draft-ietf-tls-hybrid-design), then the invitation's pin and the key of an external source where
there are any, and go through HKDF-SHA-256 (RFC 5869) salted with the hash of all that was said.
Who does not know the pin, or the device's and the site's private keys, cannot stand in between.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag

from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from transport.identity import EDWARDS_BYTES, POINT_BYTES, SIGNATURE_BYTES, DeviceKey, is_signed

VERSION = 1
PIN_BYTES = 16
NO_PIN = bytes(8)
NO_SOURCE = bytes(16)
_LABEL = b"teleop key agreement 1"
_OFFER = struct.Struct("<BI32s32s1184s16s32s")
"""version, session, nonce, X25519 key, ML-KEM-768 key, id of the source's key, site key."""
_REPLY = struct.Struct("<B32s1088s8sB65s")
"""suite, X25519 key, ML-KEM ciphertext, id of the pin, length of the device key, device key."""
OFFER_BYTES = _OFFER.size + SIGNATURE_BYTES
REPLY_BYTES = _REPLY.size + SIGNATURE_BYTES + 32
DONE_BYTES = 32


class Suite(IntFlag):
    """What went into a key; X25519 always does."""

    X25519 = 1
    ML_KEM_768 = 2
    PIN = 4
    """The invitation's pin: 128 bits that the gateway was never told."""
    SOURCE = 8
    """A key of the site's key source (pre-shared, or of an external service)."""


class AgreementError(ValueError):
    """The other side sent what cannot be agreed on (theirs)."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """Both sides have the same key."""

    key: bytes
    suite: Suite
    device_key: bytes
    done: bytes
    """What the robot sends (or must send) to prove that it has the key, too."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the console sends, and what it has once the robot's `done` is right."""

    data: bytes
    agreed: Agreed
    site_key: bytes


def pin_id(pin: bytes) -> bytes:
    """Public name of a pin: says which one, not what it is."""
    return hashlib.sha256(b"teleop pin" + pin).digest()[:8]


def suite_text(suite: int) -> str:
    """A suite as people read it."""
    names = {1: "X25519", 2: "ML-KEM-768", 4: "pin", 8: "key source"}
    return " + ".join(name for bit, name in names.items() if suite & bit)


@dataclass(frozen=True, slots=True)
class _Schedule:
    """Keys out of the secrets (HKDF-SHA-256, one block each)."""

    command: bytes
    console: bytes
    robot: bytes


def _schedule(secrets: bytes, transcript: bytes) -> _Schedule:
    root = hmac.digest(transcript, secrets, "sha256")
    names = (b"command key", b"console confirms", b"robot confirms")
    return _Schedule(*(hmac.digest(root, _LABEL + name + b"\x01", "sha256") for name in names))


def _transcript(offer: bytes, reply_body: bytes) -> bytes:
    return hashlib.sha256(_LABEL + offer + reply_body).digest()


class RobotSide:
    """One agreement at the robot: an offer, then at most one reply."""

    def __init__(
        self, session: int, nonce: bytes, site: DeviceKey, source: tuple[bytes, bytes] | None = None
    ) -> None:
        """`source`: id (16 bytes) and key that the console can get from the same key source."""
        self._x25519, self._mlkem = X25519PrivateKey.generate(), MLKEM768PrivateKey.generate()
        self._source = source
        body = _OFFER.pack(
            VERSION,
            session,
            nonce,
            self._x25519.public_key().public_bytes_raw(),
            self._mlkem.public_key().public_bytes_raw(),
            source[0] if source else NO_SOURCE,
            site.public_bytes,
        )
        self.offer = body + site.sign_bytes(_LABEL + body)

    def finish(self, reply: bytes, pin_of: Callable[[bytes], bytes | None]) -> Agreed:
        """The key, if the reply is right; `pin_of` finds a pin by its id. AgreementError."""
        if len(reply) != REPLY_BYTES:
            raise AgreementError(f"a reply of {len(reply)} bytes")
        body, rest = reply[: _REPLY.size], reply[_REPLY.size :]
        signature, confirm = rest[:SIGNATURE_BYTES], rest[SIGNATURE_BYTES:]
        number, point, ciphertext, wanted_pin, length, padded = _REPLY.unpack(body)
        if length not in (EDWARDS_BYTES, POINT_BYTES) or number not in range(16) or not number & 1:
            raise AgreementError("a reply with an unknown kind of key or suite")
        suite, device_key = Suite(number), padded[:length]
        transcript = _transcript(self.offer, body)
        if not is_signed(device_key, signature, _LABEL + transcript):
            raise AgreementError("the device's signature is wrong")
        secrets = self._secrets(suite, point, ciphertext, wanted_pin, pin_of)
        keys = _schedule(secrets, transcript)
        if not hmac.compare_digest(hmac.digest(keys.console, signature, "sha256"), confirm):
            raise AgreementError("the console does not have the same key (wrong pin or source?)")
        done = hmac.digest(keys.robot, transcript, "sha256")
        return Agreed(keys.command, suite, device_key, done)

    def _secrets(
        self,
        suite: Suite,
        point: bytes,
        ciphertext: bytes,
        wanted_pin: bytes,
        pin_of: Callable[[bytes], bytes | None],
    ) -> bytes:
        try:
            secrets = self._x25519.exchange(X25519PublicKey.from_public_bytes(point))
            if Suite.ML_KEM_768 in suite:
                secrets += self._mlkem.decapsulate(ciphertext)
        except ValueError as error:
            raise AgreementError(f"a public key of the reply: {error}") from error
        if Suite.PIN in suite:
            pin = pin_of(wanted_pin)
            if pin is None:
                raise AgreementError("the pin is unknown, or was used by another device")
            secrets += pin
        if (Suite.SOURCE in suite) != (self._source is not None):
            raise AgreementError("one side alone uses the key source")
        return secrets + (self._source[1] if self._source else b"")


def reply_to(
    offer: bytes,
    session: int,
    device: DeviceKey,
    *,
    pin: bytes | None = None,
    site_key: bytes | None = None,
    source_key: Callable[[bytes], bytes | None] = lambda _: None,
) -> Reply:
    """The console's side. `site_key`: the only one to believe; None: any. AgreementError."""
    if len(offer) != OFFER_BYTES:
        raise AgreementError(f"an offer of {len(offer)} bytes")
    body, signature = offer[: _OFFER.size], offer[_OFFER.size :]
    version, named, _nonce, point, kem_key, source_id, site = _OFFER.unpack(body)
    if version != VERSION or named != session:
        raise AgreementError("the offer is for another session or version")
    if site_key is not None and not hmac.compare_digest(site, site_key):
        raise AgreementError("this is not the robot that was met before: its site key differs")
    if not is_signed(site, signature, _LABEL + body):
        raise AgreementError("the site's signature is wrong")
    suite, own = Suite.X25519 | Suite.ML_KEM_768, X25519PrivateKey.generate()
    try:
        secrets = own.exchange(X25519PublicKey.from_public_bytes(point))
        shared, ciphertext = MLKEM768PublicKey.from_public_bytes(kem_key).encapsulate()
    except ValueError as error:
        raise AgreementError(f"a public key of the offer: {error}") from error
    secrets += shared
    if pin is not None:
        suite, secrets = suite | Suite.PIN, secrets + pin
    if source_id != NO_SOURCE:
        key = source_key(source_id)
        if key is None:
            raise AgreementError("the robot uses a key source that this console does not have")
        suite, secrets = suite | Suite.SOURCE, secrets + key
    reply = _REPLY.pack(
        suite,
        own.public_key().public_bytes_raw(),
        ciphertext,
        pin_id(pin) if pin is not None else NO_PIN,
        EDWARDS_BYTES,
        device.public_bytes,
    )
    return _confirmed(offer, reply, secrets, suite, device, site)


def _confirmed(
    offer: bytes, body: bytes, secrets: bytes, suite: Suite, device: DeviceKey, site: bytes
) -> Reply:
    transcript = _transcript(offer, body)
    keys = _schedule(secrets, transcript)
    signature = device.sign_bytes(_LABEL + transcript)
    confirm = hmac.digest(keys.console, signature, "sha256")
    done = hmac.digest(keys.robot, transcript, "sha256")
    agreed = Agreed(keys.command, suite, device.public_bytes, done)
    return Reply(body + signature + confirm, agreed, site)


def is_done(reply: Reply, done: bytes) -> bool:
    """True when the robot has the same key: from now on frames are signed with it."""
    return hmac.compare_digest(reply.agreed.done, done)
