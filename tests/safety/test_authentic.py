"""Who made a frame: tags by the standard library, keys that change, attacks that get nowhere."""

from __future__ import annotations

import copy
import hashlib
import hmac
import random
from dataclasses import replace

import pytest
from test_gate import GOOD, HASH, LIMITS, MS, NOW, table

from bench.attack.frames import Attack, attack_frames
from safety.authentic import KEY_MAGIC, KEY_RECORD, MAX_SESSIONS, KeyRing, sign, tag_of
from safety.frame import SafetyFrame, pack, unpack
from safety.gate import Gate, Rejection
from safety.states import Authenticity
from transport.impair import Noise

KEY, NEXT = bytes(range(32)), bytes(range(32, 64))


def ring(*keys: bytes, session: int = 7) -> KeyRing:
    made = KeyRing()
    for key in keys:
        made.put(KEY_RECORD.pack(KEY_MAGIC, session, key))
    return made


def test_the_tag_is_hmac_sha_256_over_all_bytes_before_it() -> None:
    data = pack(GOOD)
    expected = hmac.new(KEY, data[:108], hashlib.sha256).digest()[:16]
    assert tag_of(data, KEY) == expected
    assert sign(data, KEY) == data[:108] + expected
    assert unpack(sign(data, KEY)) == unpack(data), "the tag changes nothing that is read"


def test_only_the_session_s_key_makes_genuine_frames() -> None:
    signed = sign(pack(GOOD), KEY)
    assert ring(KEY).judge(signed) is Authenticity.GENUINE
    assert ring(NEXT).judge(signed) is Authenticity.FORGED
    assert ring(KEY, session=8).judge(signed) is Authenticity.NO_KEY
    assert KeyRing().judge(signed) is Authenticity.NO_KEY
    assert ring(KEY).judge(pack(GOOD)) is Authenticity.FORGED, "an unsigned frame"


def test_every_bit_counts() -> None:
    keys, signed = ring(KEY), sign(pack(GOOD), KEY)
    for bit in range(8 * len(signed)):
        changed = bytearray(signed)
        changed[bit // 8] ^= 1 << bit % 8
        assert keys.judge(bytes(changed)) is not Authenticity.GENUINE, bit


def test_the_old_key_is_good_until_the_first_frame_under_the_new_one() -> None:
    keys = ring(KEY, NEXT)
    old, new = sign(pack(GOOD), KEY), sign(pack(replace(GOOD, seq=11)), NEXT)
    assert keys.judge(old) is Authenticity.GENUINE
    assert keys.judge(new) is Authenticity.GENUINE
    assert keys.judge(old) is Authenticity.FORGED
    assert keys.judge(new) is Authenticity.GENUINE


def test_the_same_key_again_changes_nothing() -> None:
    keys = ring(KEY, NEXT, KEY)
    assert keys.judge(sign(pack(GOOD), NEXT)) is Authenticity.GENUINE


def test_records_that_are_no_keys_are_counted_and_sessions_are_bounded() -> None:
    keys = KeyRing()
    for record in (b"", bytes(40), KEY_RECORD.pack(KEY_MAGIC, 0, KEY), bytes(41)):
        keys.put(record)
    assert keys.refused == 4
    for session in range(1, MAX_SESSIONS + 2):
        keys.put(KEY_RECORD.pack(KEY_MAGIC, session, KEY))
    assert keys.judge(sign(pack(replace(GOOD, session=1)), KEY)) is Authenticity.NO_KEY
    assert keys.judge(sign(pack(replace(GOOD, session=2)), KEY)) is Authenticity.GENUINE


def captured(count: int = 30) -> list[bytes]:
    """Genuine frames as an attacker has seen them; the newest was accepted last."""
    frames = (replace(GOOD, seq=10 + k, echo_ns=NOW - (60 - 2 * k) * MS) for k in range(count))
    return [sign(pack(replace(f, echo_nonce=1209 + k)), KEY) for k, f in enumerate(frames)]


@pytest.mark.parametrize("attack", list(Attack))
def test_attacks_are_refused_and_move_nothing(attack: Attack) -> None:
    """The gate, the stamps and the keys are the same after 2,000 attacks as before."""
    frames, keys, gate, stamps = captured(), ring(KEY), Gate(), table()

    def check(data: bytes, seq_ns: int = NOW) -> SafetyFrame | Rejection:
        return gate.check(
            data, seq_ns, authenticity=keys.judge(data), session=7, epoch=5, stamps=stamps,
            limits=LIMITS, limits_hash=HASH,
        )  # fmt: skip

    assert not isinstance(check(frames[-2]), Rejection)
    before = copy.deepcopy((gate.epoch, gate.seq, gate.accepted, stamps, keys._keys))
    seen = frames[:-1]
    for data in attack_frames(seen, attack, Noise(3), 2000):
        assert isinstance(check(data), Rejection), attack
    assert (gate.epoch, gate.seq, gate.accepted, stamps, keys._keys) == before
    assert gate.rejected == 2000
    assert not isinstance(check(frames[-1]), Rejection), "the operator keeps control"


def test_a_forged_frame_is_refused_before_its_content_is_looked_at() -> None:
    gate = Gate()
    for authenticity, reason in (
        (Authenticity.FORGED, Rejection.FORGED),
        (Authenticity.NO_KEY, Rejection.NO_KEY),
    ):
        said = gate.check(
            random.Random(1).randbytes(124), NOW, authenticity=authenticity, session=7, epoch=5,
            stamps=table(), limits=LIMITS, limits_hash=HASH,
        )  # fmt: skip
        assert said is reason
