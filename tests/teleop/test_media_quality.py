"""The encoder follows the links of those who watch; the one who drives decides."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import av
import numpy as np
import pytest

from teleop import channels
from teleop.config import Config
from teleop.drivers.frames.base import Frame
from teleop.media.adaptive import AdaptiveEncoder, fitted
from teleop.media.app import MediaApp
from teleop.media.quality import Quality, Viewer
from teleop.media.stamp import stamp
from transport.ladder import Rung, rungs
from transport.narrow import Sign
from transport.webrtc.patches.sender import ReceiverReport
from transport.webrtc.receive import low_delay_decoder
from transport.webrtc.video import VideoPeers

S = 1_000_000_000
LADDER = rungs(320, 240, 30.0, 4000)
TOP, HALF, SMALL = LADDER[0], LADDER[2], LADDER[-1]


def _quality(fixed: bool = False) -> Quality:
    return Quality(320, 240, 30.0, 4000, fixed)


def test_a_viewers_name_tells_session_and_link() -> None:
    assert Viewer.of("7.1.ab12").session == "7"
    assert Viewer.of("7.1.ab12") != Viewer.of("7.0.cd34")
    assert Viewer.of("bench") == Viewer("bench", "bench")


def test_only_the_driver_moves_the_quality() -> None:
    quality = _quality()
    quality.joined("7.0.aa", 0)
    quality.joined("9.0.bb", 0)
    assert quality.reported("9.0.bb", Sign(estimate_kbps=500.0), 4000.0, S)
    assert quality.choose("7", S) == TOP
    assert quality.choose("9", S).bitrate_kbps <= 500
    assert quality.choose("", S).bitrate_kbps <= 500, "nobody drives: whoever watches"
    quality.left("9.0.bb")
    assert quality.choose("", S) == TOP


def test_a_report_of_a_stranger_and_a_fixed_quality_change_nothing() -> None:
    quality = _quality(fixed=True)
    assert not quality.reported("x", Sign(loss=0.5), 4000.0, S)
    quality.joined("7.0.aa", 0)
    quality.reported("7.0.aa", Sign(estimate_kbps=500.0), 4000.0, S)
    assert quality.choose("7", S) == TOP


@pytest.mark.parametrize(("far", "keeps"), [(False, False), (True, True)])
def test_a_far_viewer_keeps_its_copies_and_gives_up_rate(
    tmp_path: Path, far: bool, keeps: bool
) -> None:
    ended: list[str] = []

    async def scenario() -> Rung:
        channels.create_all(tmp_path)
        app = MediaApp(tmp_path, Config(), None)
        app._peers = cast(
            VideoPeers,
            SimpleNamespace(
                may_spare_copies=lambda name: True, is_far=lambda name: far, congested=ended.append
            ),
        )
        app._quality.joined("7.0.aa", 0)
        kbps = app._config.video.bitrate_kbps
        app._rate.kbps = lambda now_ns: float(kbps)  # type: ignore[method-assign]
        app._reported("7.0.aa", ReceiverReport(S, None, None, 0.75 * kbps))
        return app._quality.choose("7", S)

    rung = asyncio.run(scenario())
    assert ended == ([] if keeps else ["7.0.aa"])
    assert (rung.bitrate_kbps < Config().video.bitrate_kbps) is keeps


def test_the_rate_changes_in_place_and_the_size_with_a_keyframe() -> None:
    encoder, decoder = AdaptiveEncoder(TOP), low_delay_decoder()
    rng = np.random.default_rng(1)
    sizes, keys = [], []
    for number, rung in enumerate([TOP, TOP, HALF, HALF, TOP, SMALL, SMALL, TOP]):
        encoder.follow(rung)
        luma = fitted(rng.integers(0, 255, (240, 320), np.uint8), encoder.size)
        picture = encoder.encode(luma, number * 3000, False)
        (frame,) = decoder.decode(av.Packet(picture.data))
        sizes.append((frame.width, frame.height))
        keys.append(picture.keyframe)
    full, small = (320, 240), (160, 120)
    assert sizes == [full] * 5 + [small] * 2 + [full]
    assert keys == [True, False, False, False, False, True, False, True]
    assert encoder.opened == 3


def test_far_below_its_rate_an_encoder_with_a_smaller_rate_buffer_takes_over() -> None:
    encoder = AdaptiveEncoder(TOP)
    encoder.follow(Rung(1000, 320, 240, 30.0))
    assert encoder.opened == 2
    encoder.follow(Rung(1500, 320, 240, 30.0))
    assert encoder.opened == 3, "more than it was opened for"


def test_the_picture_is_made_smaller_before_the_mark_is_drawn_and_keeps_its_hash() -> None:
    luma = np.random.default_rng(2).integers(0, 255, (240, 320), np.uint8)
    before = luma.copy()
    whole = stamp(Frame(luma, S), True, -1, 0)
    small = stamp(Frame(luma, S), True, 1234, 0, (160, 120))
    assert small.luma.shape == (120, 160)
    assert small.content_hash == whole.content_hash
    assert np.array_equal(luma, before), "the source's picture is left alone"
