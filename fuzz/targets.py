"""One target per parser: bytes in, nothing out; only a bug raises.

What a parser may say about bad input is its own error class; everything else ends the run. Where
there is a writer, too, what was read must be written and read again the same.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from fuzz.audit import audit_log, audit_talk, consent_file
from safety.authentic import KEY_MAGIC, KEY_RECORD, KeyRing, sign
from safety.frame import FrameError, pack, unpack
from safety.gate import Gate, Rejection, command
from safety.layout import LayoutError
from safety.limits import Limits
from safety.messages import FRAME_BYTES, GUARD_EVENT
from safety.stamps import StampTable
from safety.states import Authenticity
from teleop.config import ConfigError, parse
from teleop.drivers import mha
from teleop.drivers.frames.base import FrameSourceError
from teleop.gateway.frames import read_report
from teleop.guard.keys import KeyStream
from teleop.keys.master import KeyMaster
from teleop.keys.messages import FromGateway
from teleop.record.errors import RecordingError
from teleop.record.reader import open_recording
from transport import force_frame, rtp
from transport import handshake as h
from transport import schema as s
from transport.datagrams import Direction, Opener, derive_key
from transport.identity import DeviceKey, decode, encode, is_signed
from transport.keyagreement import AgreementError, RobotSide, reply_to
from transport.schema import Role
from transport.sessions import Registry, Snapshot, StoreError, parse_codes, parse_invitations
from transport.webrtc.ice import without_names

NOW = 50_000_000_000
KEY = bytes(range(32))
LIMITS = Limits()
SITE, DEVICE = DeviceKey(KEY), DeviceKey(bytes(range(1, 33)))
NONCE = "nonce"
CODES = {"CNSL-2345": Role.CONSOLE, "BEDS-2345": Role.BEDSIDE, "OBSV-2345": Role.OBSERVER}
_telemetry = msgspec.msgpack.Decoder(s.Telemetry)
_server = msgspec.json.Decoder(s.FromServer)
_line = msgspec.json.Decoder(FromGateway)
_ring = KeyRing()
_ring.put(KEY_RECORD.pack(KEY_MAGIC, 7, KEY))


def command_frame(data: bytes) -> None:
    """The safety frame as guard takes it, also behind a valid tag."""
    assert _ring.judge(data) is not Authenticity.GENUINE or len(data) == FRAME_BYTES
    signed = sign(data, KEY) if len(data) >= FRAME_BYTES - 16 else data
    for raw in (data, signed):
        try:
            frame = unpack(raw)
        except FrameError:
            continue
        assert unpack(pack(frame)) == frame
        gate, stamps = Gate(), StampTable()
        stamps.issue(frame.echo_ns, frame.echo_nonce, 1 << 40)
        taken = gate.check(
            raw, NOW, authenticity=Authenticity.GENUINE, session=frame.session, epoch=frame.epoch,
            stamps=stamps, limits=LIMITS, limits_hash=frame.limits_hash,
        )  # fmt: skip
        if isinstance(taken, Rejection):
            assert gate.accepted == 0
            continue
        made, _ = command(taken, LIMITS)
        assert 0.0 <= made.force_ref_n <= LIMITS.force_cap_n
        assert abs(made.needle_v_m_s) <= LIMITS.needle_v_m_s


def telemetry(data: bytes) -> None:
    """Telemetry at a native console."""
    try:
        _telemetry.decode(data)
    except (ValueError, RecursionError):  # msgspec's errors and UnicodeDecodeError
        return


def force(data: bytes) -> None:
    """Force frames, link reports and events."""
    with contextlib.suppress(force_frame.ForceFrameError):  # what it says of bytes that are none
        frame = force_frame.unpack(data)
        assert force_frame.unpack(force_frame.pack(frame)) == frame
    read_report(data)
    try:
        GUARD_EVENT.unpack(data)
    except LayoutError:
        return


def _joined(role: Role) -> h.Handshake:
    code = next(code for code, known in CODES.items() if known is role)
    registry = Registry(Snapshot(), lambda: "token")
    machine = h.Handshake(registry, h.Guesses(0), NONCE, "192.0.2.1", 0)
    hello = s.Hello(s.PROTOCOL_VERSION, DEVICE.public, DEVICE.sign(NONCE, code), code)
    machine.receive(msgspec.json.encode(hello), CODES, 0)
    assert machine.session is not None
    return machine


def signalling(data: bytes) -> None:
    """Everything a page can send, before and after joining, in every role."""
    registry = Registry(Snapshot(), lambda: "token")
    stranger = h.Handshake(registry, h.Guesses(0), NONCE, "192.0.2.1", 0)
    for action in stranger.receive(data, CODES, 0):
        assert not isinstance(action, h.Deliver), "nothing is done for strangers"
    for role in Role:
        machine = _joined(role)
        for action in machine.receive(data, CODES, 1):
            if isinstance(action, h.Deliver):
                assert type(action.message) is not s.Hello
                msgspec.json.encode(action.message)


def from_server(data: bytes) -> None:
    """What a gateway sends to a native console."""
    try:
        message = _server.decode(data)
    except (ValueError, RecursionError):
        return
    assert _server.decode(msgspec.json.encode(message)) == message or "nan" in repr(message).lower()


def join_token(data: bytes) -> None:
    """Codes, invitations, device keys and signatures."""
    for read in (parse_codes, parse_invitations):
        try:
            read(data)
        except StoreError:
            continue
    text = data.decode("latin-1")
    raw = decode(text)
    assert raw is None or decode(encode(raw)) == raw
    assert not is_signed(data[:65], data[65:129], data[129:])
    assert not is_signed(data[:32], data[32:96], b"teleop" + data[96:])


def key_agreement(data: bytes) -> None:
    """Offers at the console, replies at the robot, lines of the gateway at keys."""
    with contextlib.suppress(AgreementError):
        reply_to(data, 5, DEVICE)
    with contextlib.suppress(AgreementError):
        RobotSide(5, KEY, SITE).finish(data, lambda _: None)
        raise AssertionError("a reply to an offer that was just made")
    try:
        line = _line.decode(data)
    except (ValueError, RecursionError):
        return
    keys = KeyMaster(SITE, lambda: KEY, list, lambda _: False, True, 1 << 40)
    keys.begin(line.session, 0)
    if hasattr(line, "data"):
        assert all(type(out).__name__ == "Failed" for out in keys.reply(line.session, line.data, 0))


def datagram(data: bytes) -> None:
    """Datagrams of native consoles."""
    Opener(derive_key("token", NONCE, next(iter(Direction))), 7).open(data, NOW)


def config(data: bytes) -> None:
    """The configuration file."""
    try:
        parse(data.decode("utf-8", "replace"))
    except ConfigError:
        return


def media_payload(data: bytes) -> None:
    """H.264 payloads as they come in RTP packets, and session descriptions."""
    with contextlib.suppress(ValueError):  # its own word for a damaged payload
        rtp.unpack(data)
    list(rtp.nal_units(data))
    without_names(data.decode("latin-1"))


def bedside_key(data: bytes) -> None:
    """Bytes from a terminal, a serial line or a local socket at guard."""
    keys = KeyStream()
    for at in range(0, len(data), 7):
        keys.feed(data[at : at + 7], NOW + at)
    keys.expire(NOW + 10**12)
    keys.lost()


def tracked_sequence(data: bytes) -> None:
    """Header of a tracked ultrasound sequence."""
    try:
        mha.read_header(io.BytesIO(data))
    except (FrameSourceError, ValueError):
        return


def _with_file(data: bytes, suffix: str, read: Callable[[Path], None]) -> None:
    handle, name = tempfile.mkstemp(suffix=suffix, dir=os.environ.get("TELEOP_FUZZ_DIR"))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        read(Path(name))
    finally:
        os.unlink(name)


def recording(data: bytes) -> None:
    """A recording, whole or cut off."""

    def read(path: Path) -> None:
        with contextlib.suppress(RecordingError):
            deque(open_recording(path).messages(), maxlen=0)

    _with_file(data, ".mcap", read)


def dicom(data: bytes) -> None:
    """A DICOM clip."""
    from teleop.drivers.frames.dicom import open_dicom

    def read(path: Path) -> None:
        try:
            open_dicom(path, (160, 120)).close()
        except FrameSourceError:
            return

    _with_file(data, ".dcm", read)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        command_frame, telemetry, force, signalling, from_server, join_token, key_agreement,
        datagram, config, media_payload, bedside_key, tracked_sequence, recording, dicom,
        audit_log, audit_talk, consent_file,
    )
}  # fmt: skip
