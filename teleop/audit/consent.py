"""Consents: a signed statement of the site that somebody may be scanned, recorded, exported.

A consent names no patient. Its number is random; the hospital's own file says to whom it belongs.
The site's audit key signs it, so that nobody can write one without the site's state folder.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from teleop.audit.errors import ConsentError
from teleop.audit.lines import Base64, Count, is_signed_by
from transport.identity import DeviceKey, encode

CONSENT_FILE = "consent.json"
"""In the run folder: the consent of this session."""
LABEL = b"teleop consent 1\n"
NUMBER_BYTES = 12
"""96 random bits: no two consents of any site have one number."""
MAX_HOURS = 24.0 * 31
"""Longest life of a consent."""
SIMULATED_HOURS = 24.0
MAX_BYTES = 4096


class Scope(StrEnum):
    """What a consent is for."""

    SESSION = "session"
    EXPORT = "export"


class Consent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One consent."""

    number: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16}$")]
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=2)]
    simulated: bool
    """Nobody consented, because nobody is scanned: good for simulated arms only."""
    from_ms: Count
    """Wall clock, ms since 1970."""
    until_ms: Count
    signature: Base64 = ""


def issue(
    key: DeviceKey, scopes: tuple[Scope, ...], now_ms: int, hours: float, *, simulated: bool
) -> Consent:
    """Sign a new consent. ConsentError: it would be valid for too long or for nothing."""
    if not 0.0 < hours <= MAX_HOURS:
        raise ConsentError(f"a consent is valid for up to {MAX_HOURS:.0f} hours, not {hours:g}")
    if not scopes:
        raise ConsentError("a consent needs a scope: session, export")
    until = now_ms + round(hours * 3_600_000)
    bare = Consent(encode(os.urandom(NUMBER_BYTES)), scopes, simulated, now_ms, until)
    return msgspec.structs.replace(bare, signature=encode(key.sign_bytes(_body(bare))))


def _body(consent: Consent) -> bytes:
    return LABEL + msgspec.json.encode(msgspec.structs.replace(consent, signature=""))


def check(consent: Consent, key: str, scope: Scope, now_ms: int, *, simulated: bool) -> None:
    """ConsentError when `consent` does not allow `scope` now, on this kind of arm, at this site."""
    if not is_signed_by(key, consent.signature, _body(consent)):
        raise ConsentError(f"consent {consent.number}: this site did not sign it")
    if scope not in consent.scopes:
        raise ConsentError(f"consent {consent.number}: it is not for {scope}")
    if not consent.from_ms <= now_ms < consent.until_ms:
        raise ConsentError(f"consent {consent.number}: it is not valid now; ask for a new one")
    if consent.simulated and not simulated:
        raise ConsentError(f"consent {consent.number}: it is a simulated one, the arm is not")


def parse(data: bytes) -> Consent:
    """Read a consent. ConsentError: it is none."""
    if len(data) > MAX_BYTES:
        raise ConsentError(f"{len(data)} bytes are no consent")
    try:
        return msgspec.json.decode(data, type=Consent)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConsentError(f"not a consent: {error}") from error


def read(path: Path) -> Consent:
    """Read a consent file. ConsentError: with the file's name."""
    try:
        with path.open("rb") as file:
            return parse(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise ConsentError(f"{path}: {error.strerror or error}") from error
    except ConsentError as error:
        raise ConsentError(f"{path}: {error}") from error
