"""Deadband codec: never beyond the deadband, never silent, old samples ignored."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from haptics.codec import COMMAND, FORCE, Decoder, Encoder, Sample

MS = 1_000_000


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-20.0, 20.0), min_size=1, max_size=300))
def test_the_decoder_is_never_wrong_by_more_than_the_deadband(values: list[float]) -> None:
    encoder, decoder = Encoder(FORCE), Decoder(FORCE)
    for i, value in enumerate(values):
        sample = Sample(i * MS, (value, 0.0, 0.0))
        if encoder.offer(sample):
            decoder.take(sample)
        wrong = abs(decoder.value(i * MS)[0] - value)
        assert wrong <= max(FORCE.weber * abs(value), FORCE.floor) + 1e-9


@settings(max_examples=50, deadline=None)
@given(st.floats(-20.0, 20.0), st.integers(20, 200))
def test_silence_never_lasts_longer_than_the_keep_alive(value: float, count: int) -> None:
    encoder, last = Encoder(FORCE), 0
    for i in range(count):
        if encoder.offer(Sample(i * MS, (value, 0.0, 0.0))):
            assert (i - last) * MS <= FORCE.keep_alive_ns
            last = i
    assert (count - 1 - last) * MS < FORCE.keep_alive_ns


def test_every_command_slot_gets_exactly_one_frame() -> None:
    encoder, slots = Encoder(COMMAND), []
    for i in range(2000):
        x = 0.02 * math.sin(i / 100.0)
        if encoder.offer(Sample(i * MS, (x, 0.0, 0.0), (0.2 * math.cos(i / 100.0), 0.0, 0.0))):
            slots.append(i * MS // COMMAND.slot_ns)
    assert slots == list(range(2000 * MS // COMMAND.slot_ns))


def test_extrapolation_keeps_poses_true_between_frames() -> None:
    encoder, decoder, worst = Encoder(COMMAND), Decoder(COMMAND), 0.0
    w = 2.0 * math.pi * 0.5
    for i in range(4000):
        t = i / 1000.0
        sample = Sample(
            i * MS, (0.025 * math.sin(w * t), 0.0, 0.0), (0.025 * w * math.cos(w * t), 0.0, 0.0)
        )
        if encoder.offer(sample):
            decoder.take(sample)
        worst = max(worst, abs(decoder.value(i * MS)[0] - sample.value[0]))
    assert worst < 0.0001


def test_late_samples_change_nothing_and_guesses_end() -> None:
    decoder = Decoder(FORCE)
    assert decoder.value(0) == (0.0, 0.0, 0.0)
    assert decoder.take(Sample(10 * MS, (5.0, 0.0, 0.0), (100.0, 0.0, 0.0)))
    assert not decoder.take(Sample(9 * MS, (1.0, 0.0, 0.0)))
    assert not decoder.take(Sample(10 * MS, (1.0, 0.0, 0.0)))
    assert decoder.stale == 2
    at_most = 5.0 + 100.0 * FORCE.extrapolate_ns / 1e9
    assert decoder.value(10_000 * MS)[0] == at_most
