"""The page's codecs against the originals in Python, byte for byte, inside a real browser."""

from __future__ import annotations

import base64
import dataclasses
import json
import random
import struct
from typing import Any

import msgspec
import pytest
from conftest import Open
from playwright.sync_api import Page

from safety.frame import SafetyFrame, pack
from transport.schema import HEARTBEAT, HEARTBEAT_MAGIC, Telemetry

pytestmark = pytest.mark.browser

PACK = """async (frames) => {
  const { pack } = await import("/static/net/frame.js");
  return frames.map((frame) => {
    for (const name of ["epoch", "seq", "echo_ns"]) frame[name] = BigInt(frame[name]);
    return btoa(String.fromCharCode(...pack(frame)));
  });
}"""
DECODE = """async (messages) => {
  const { fromBytes } = await import("/static/net/telemetry.js");
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const plain = (_, v) => (typeof v === "bigint" ? `${v}n` : v);
  return JSON.stringify(messages.map((text) => fromBytes(bytes(text))), plain);
}"""


@pytest.fixture
def blank(open_page: Open) -> Page:
    return open_page("observer", join=False)


def random_frame(rng: random.Random) -> SafetyFrame:
    def three(span: float) -> tuple[float, float, float]:
        return rng.uniform(-span, span), rng.uniform(-span, span), rng.uniform(-span, span)

    def bits(count: int) -> int:
        return rng.choice([0, 1, (1 << count) - 1, rng.getrandbits(count)])

    return SafetyFrame(
        session=bits(32), epoch=bits(64), seq=bits(64), echo_ns=bits(64), echo_nonce=bits(32),
        frame_id=bits(32), dwell_us=rng.randrange(100_001), haptic_echo_us=bits(32),
        haptic_dwell_us=bits(32), flags=rng.randrange(4), mode=rng.randrange(2),
        deadman_edges=bits(16), hand_p_m=three(2.0), hand_r_rad=three(3.0),
        hand_v_m_s=rng.choice([three(0.4), (5e-6, 1.5e-5, -2.5e-5)]), hand_w_rad_s=three(4.0),
        force_ref_n=rng.uniform(0, 20), needle_v_m_s=rng.uniform(-0.005, 0.005),
        limits_hash=bits(32),
    )  # fmt: skip


def test_safety_frames_are_the_same_bytes(blank: Page) -> None:
    rng = random.Random(7)
    frames = [random_frame(rng) for _ in range(200)]
    big = ("epoch", "seq", "echo_ns")
    told = [
        {k: str(v) if k in big else v for k, v in dataclasses.asdict(f).items()} for f in frames
    ]
    packed = blank.evaluate(PACK, told)
    assert [base64.b64decode(text) for text in packed] == [pack(frame) for frame in frames]


def random_value(rng: random.Random, kind: Any) -> Any:
    if kind is bool:
        return rng.random() < 0.5
    if kind is int:
        sign = -1 if rng.random() < 0.1 else 1
        return sign * rng.choice(
            [0, 127, 128, 255, 65535, 65536, rng.getrandbits(32), rng.getrandbits(52)]
        )
    if kind is float:
        return rng.choice([0.0, -1.0, 1e-9, rng.uniform(-1e6, 1e6)])
    return tuple(rng.uniform(-3, 3) for _ in kind.__args__)


def test_telemetry_is_read_as_written(blank: Page) -> None:
    rng = random.Random(8)
    hints = {f.name: f.type for f in msgspec.structs.fields(Telemetry)}
    messages = [
        Telemetry(**{name: random_value(rng, kind) for name, kind in hints.items()})
        for _ in range(100)
    ]
    packed = [base64.b64encode(msgspec.msgpack.encode(m)).decode() for m in messages]
    read = json.loads(blank.evaluate(DECODE, packed))
    for message, seen in zip(messages, read, strict=True):
        for name, value in msgspec.structs.asdict(message).items():
            assert seen[name] == (list(value) if isinstance(value, tuple) else value), name


def test_large_numbers_keep_every_digit(blank: Page) -> None:
    read = blank.evaluate(
        """async () => {
          const { decode } = await import("/static/net/msgpack.js");
          return String(decode(Uint8Array.of(0xcf, 255, 255, 255, 255, 255, 255, 255, 255).buffer));
        }"""
    )
    assert read == str(2**64 - 1)


def test_heartbeats_keep_all_64_bits(blank: Page) -> None:
    beat = HEARTBEAT.pack(HEARTBEAT_MAGIC, 0, 2**63 + 5, 0xFFFFFFFF, 2**64 - 1)
    read = blank.evaluate(
        """async (bytes) => {
          const { readHeartbeat } = await import("/static/net/frame.js");
          const beat = readHeartbeat(Uint8Array.from(bytes).buffer);
          return [String(beat.stampNs), beat.nonce, String(beat.epoch)];
        }""",
        list(beat),
    )
    assert read == [str(2**63 + 5), 0xFFFFFFFF, str(2**64 - 1)]


def test_bad_bytes_are_refused_and_never_throw_further(blank: Page) -> None:
    rng = random.Random(9)
    good = bytes([0x94]) + msgspec.msgpack.encode([1.5, "x", {"a": 1}])
    bad = [rng.randbytes(rng.randrange(0, 60)) for _ in range(700)]
    for _ in range(400):
        changed = bytearray(good)
        changed[rng.randrange(len(changed))] = rng.randrange(256)
        bad.append(bytes(changed))
    outcome = blank.evaluate(
        """async (messages) => {
          const { fromBytes } = await import("/static/net/telemetry.js");
          const { readHeartbeat } = await import("/static/net/frame.js");
          const seen = new Set();
          for (const text of messages) {
            const buffer = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
            seen.add(fromBytes(buffer) === null);
            seen.add(readHeartbeat(buffer) === null);
          }
          return [...seen];
        }""",
        [base64.b64encode(text).decode() for text in bad],
    )
    assert outcome == [True]
    assert struct.calcsize("<HHQIQ") == HEARTBEAT.size
