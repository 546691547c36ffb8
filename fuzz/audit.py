"""Targets and seeds of the audit log: stored logs, what sites say to each other, consents."""

from __future__ import annotations

import contextlib

import msgspec

from teleop.audit import consent
from teleop.audit.consent import Consent, Scope
from teleop.audit.errors import ConsentError, ForeignLogError
from teleop.audit.lines import Kind
from teleop.audit.log import Log
from teleop.audit.verify import verify, verify_one
from teleop.audit.witness import Seen, Shown, Witness, from_text, to_text
from transport.identity import DeviceKey

ROBOT, EXPERT = DeviceKey(b"\x11" * 32), DeviceKey(b"\x12" * 32)


def _pair() -> tuple[list[bytes], list[bytes], Shown, Seen]:
    """Two logs that signed each other's head, as lines, and what was said."""
    robot, expert = Log("demo/robot", ROBOT), Log("console-1", EXPERT)
    for log in (robot, expert):
        log.begin()
        log.add(Kind.OPENED, 1, 1, value=1)
        log.sign(2)
    said = Witness(robot)
    shown = said.present()
    assert shown is not None
    seen = Witness(expert).take(shown, 3000, 3)
    said.countersigned(seen, 4, 4)
    for log in (robot, expert):
        log.add(Kind.CLOSED, 5, 5)
        log.sign(6)
    return robot.take_lines(), expert.take_lines(), shown, seen


_ROBOT_LINES, _EXPERT_LINES, _SHOWN, _SEEN = _pair()
_LOG = b"".join(line + b"\n" for line in _ROBOT_LINES)
_OTHER = b"".join(line + b"\n" for line in _EXPERT_LINES)


def audit_log(data: bytes) -> None:
    """A stored log: any change of one that was good is found."""
    found = verify_one(data)
    if data.startswith(_LOG.split(b"\n", 1)[0]) and data != _LOG:
        assert found
    verify(data, _OTHER)


def audit_talk(data: bytes) -> None:
    """What the other site says; what was not signed is never believed."""
    expert = Log("console-1", EXPERT)
    expert.begin()
    try:
        message = from_text(data.decode("utf-8", "surrogateescape"))
    except ForeignLogError:
        return
    assert from_text(to_text(message)) == message
    with contextlib.suppress(ForeignLogError):
        if isinstance(message, Shown):
            Witness(expert).take(message, 3000, 3)
            assert message.key != _SHOWN.key or message.head == _SHOWN.head
        else:
            Witness(expert).countersigned(message, 3, 3)
            raise AssertionError("it was shown no head")


def consent_file(data: bytes) -> None:
    """A consent: nobody without the key can write one."""
    try:
        given = consent.parse(data)
        consent.check(given, ROBOT.public, Scope.SESSION, 5000, simulated=False)
    except ConsentError:
        return
    assert given == _CONSENT


_CONSENT: Consent = consent.parse(
    b'{"number":"KkxpBc4X8qMVzexL","scopes":["session","export"],"simulated":false,"from_ms":1000,"until_ms":3601000,'
    b'"signature":"-IUFlrcR1FaNNvNt3qW-JCip1MGnyJ1vbBuzzkJayJK9M939E3SbRPvq4GoSVcmxCei1Bfd8jrbjqKTTxH9fCQ"}'
)
"""Signed by ROBOT; fixed, because a consent has a random number."""


def seeds() -> dict[str, list[bytes]]:
    """A few good inputs for each target."""
    return {
        "audit_log": [_LOG, _OTHER, _ROBOT_LINES[0] + b"\n"],
        "audit_talk": [to_text(_SHOWN).encode(), to_text(_SEEN).encode()],
        "consent_file": [msgspec.json.encode(_CONSENT)],
    }
