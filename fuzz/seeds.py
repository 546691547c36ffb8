"""Makes the first entries of the corpora: `python -m fuzz.seeds` (found ones stay beside them)."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import numpy as np
import pydicom
from mcap.writer import Writer
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from fuzz import audit
from fuzz.targets import DEVICE, KEY, NONCE, NOW, SITE
from safety.authentic import sign
from safety.frame import SafetyFrame, pack
from safety.messages import GUARD_EVENT, GuardEvent
from safety.states import EventKind, Source
from transport import force_frame
from transport import schema as s
from transport.datagrams import Direction, Kind, Sealer, derive_key
from transport.keyagreement import RobotSide, reply_to

CORPUS = Path(__file__).parent / "corpus"
FRAME = SafetyFrame(
    session=7, epoch=5, seq=10, echo_ns=49_990_000_000, echo_nonce=1234, frame_id=99, dwell_us=5,
    haptic_echo_us=0, haptic_dwell_us=0, flags=1, mode=0, deadman_edges=1,
    hand_p_m=(0.1, 0.0, 0.0), hand_r_rad=(0.0, 0.0, 0.0), hand_v_m_s=(0.0, 0.0, 0.0),
    hand_w_rad_s=(0.0, 0.0, 0.0), force_ref_n=5.0, needle_v_m_s=0.0, limits_hash=1,
)  # fmt: skip


def _signals() -> list[bytes]:
    code = "CNSL-2345"
    messages = (
        s.Hello(s.PROTOCOL_VERSION, DEVICE.public, DEVICE.sign(NONCE, code), code),
        s.Offer("video", "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"), s.Talk("offer", "x"),
        s.Phrase("yes"), s.Event("STOP", 1), s.Beat(1, True, True), s.ImageSettings(gain_db=1.0),
        s.Presented(16.7, (1.0, 9.5)), s.Ping(1), s.LeaseRequest(True), s.KeyReply("AAAA"),
        s.NeedlePath(0.0, 0.05, 0.03, 0.0), s.NeedleTip(0.0, 0.05),
    )  # fmt: skip
    return [msgspec.json.encode(message) for message in messages]


def _agreement() -> list[bytes]:
    side = RobotSide(5, KEY, SITE)
    reply = reply_to(side.offer, 5, DEVICE)
    return [side.offer, reply.data, b'{"op":"begin","session":5}',
            b'{"op":"reply","session":5,"data":"AAAA"}']  # fmt: skip


def _recording() -> bytes:
    file = io.BytesIO()
    writer = Writer(file)
    writer.start("teleop", "fuzz")
    schema = writer.register_schema("Note", "jsonschema", b"{}")
    channel = writer.register_channel("note", "json", schema)
    for at in range(3):
        writer.add_message(channel, at, b'{"n": 1}', at, at)
    writer.add_metadata("teleop", {"version": "1"})
    writer.finish()  # type: ignore[no-untyped-call]
    return file.getvalue()


def _dicom() -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.UltrasoundMultiFrameImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["teleop"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    clip = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    clip.Rows, clip.Columns, clip.NumberOfFrames = 8, 8, 2
    clip.SamplesPerPixel, clip.PhotometricInterpretation = 1, "MONOCHROME2"
    clip.BitsAllocated, clip.BitsStored, clip.HighBit, clip.PixelRepresentation = 8, 8, 7, 0
    clip.PixelData = np.zeros((2, 8, 8), np.uint8).tobytes()
    file = io.BytesIO()
    clip.save_as(file, enforce_file_format=True)
    return file.getvalue()


MHA = b"""ObjectType = Image
NDims = 3
DimSize = 8 8 2
ElementType = MET_UCHAR
Seq_Frame0000_ProbeToTrackerTransform = 1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1
Seq_Frame0000_Timestamp = 0.0
ElementDataFile = LOCAL
"""


CONFIG = b"""site = "a"
[limits]
force_cap_n = 10.0
[network]
bind = "127.0.0.1"
[[links]]
name = "x"
address = ""
"""
FORCE = force_frame.ForceFrame(
    1, 5, True, True, 1, 4.0, 5.0, (0.0, 0.0, 1.0), (0.5, 0.0, 0.1), 300.0, 5.0, 0.1, 0.2
)
EVENT = GuardEvent(EventKind.STOP, Source.CONSOLE, 1, 7, 5, 1)


def _sample(hint: Any) -> Any:
    """Some value of a type of the telemetry."""
    if get_origin(hint) is tuple:
        items = get_args(hint)
        return [_sample(items[0])] if items[-1] is ... else [_sample(item) for item in items]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return [_sample(field.type) for field in msgspec.structs.fields(hint)]
    return {int: 3, float: 1.5, bool: True, str: "x"}[hint]


def _telemetry() -> bytes:
    return msgspec.msgpack.encode(_sample(s.Telemetry))


def _report() -> bytes:
    return s.LINK_REPORT.pack(s.LINK_REPORT_MAGIC, 1, 5, 6, 7, 8, 9, 10)


def _datagram() -> bytes:
    key = derive_key("token", NONCE, next(iter(Direction)))
    return Sealer(key, 7, 1).seal(next(iter(Kind)), pack(FRAME), NOW)


def seeds() -> dict[str, list[bytes]]:
    """A few good inputs for each target."""
    frames = [pack(FRAME), sign(pack(FRAME), KEY), pack(replace(FRAME, mode=1, flags=63))]
    return {
        "command_frame": frames,
        "telemetry": [_telemetry()],
        "force": [force_frame.pack(FORCE), _report(), GUARD_EVENT.pack(EVENT)],
        "signalling": _signals(),
        "from_server": [
            msgspec.json.encode(s.Challenge(1, NONCE)), msgspec.json.encode(s.Refused("role")),
            msgspec.json.encode(s.Answer("video", "v=0")), msgspec.json.encode(s.Pong(1)),
        ],
        "join_token": [
            b'{"console": ["CNSL-2345"], "bedside": "BEDS-2345"}',
            b'{"ABCD-2345": {"role": "console", "until_ns": 5, "device": ""}}',
            DEVICE.public_bytes + DEVICE.sign_bytes(b"x") + b"x",
        ],
        "key_agreement": _agreement(),
        "datagram": [_datagram()],
        "config": [CONFIG],
        "media_payload": [
            b"\x65\x88", b"\x78\x00\x02\x65\x88", b"\x7c\x85\x88", b"\x00\x00\x01\x65",
            b"\x00\x00\x00\x01\x67\x42\x00\x00\x01\x68\xce\x00\x00\x01\x65\x88",
        ],
        "bedside_key": [b"s", b"ssss\x1b[A", b"\x00\xff"],
        "tracked_sequence": [MHA],
        "recording": [_recording()],
        "dicom": [_dicom()],
        **audit.seeds(),
    }  # fmt: skip


def main() -> None:
    """Write them; names are hashes, as the fuzzer names what it finds."""
    for name, inputs in seeds().items():
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for data in inputs:
            (folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)


if __name__ == "__main__":
    main()
