"""Changes to aiortc on the sending side: each works, and upstream still lacks it.

The tests named `test_upstream_...` fail when aiortc changes: then the change in `patches/` has to
be adapted or can go.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import random
from collections.abc import Callable, Iterator

import aiortc
import aiortc.codecs
import aiortc.rtcrtpsender
import aiortc.rtp
import pytest
from aiortc import RTCPeerConnection
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.rtp import HeaderExtensionsMap
from video_harness import WAIT_S, Sender, only_loopback, run, viewers_of

from transport.webrtc import patches
from transport.webrtc.receive import VideoReceiver
from transport.webrtc.video import MAX_PEERS, FullError, PeerError


@pytest.fixture(autouse=True)
def _patched() -> Iterator[None]:
    with only_loopback():
        yield


def wire_timestamps(sender: Sender) -> set[int]:
    return {patches.rtp_timestamp(pts) for pts in sender.sent}


def test_every_viewer_gets_a_picture_under_the_same_known_timestamp() -> None:
    async def scenario() -> None:
        sender = Sender()
        async with viewers_of(sender, 3) as viewers:
            pictures = await sender.show(*viewers)
            assert {p.rtp_timestamp for p in pictures} <= wire_timestamps(sender)

    run(scenario)


def test_upstream_still_pulls_and_draws_an_origin_for_every_sender() -> None:
    source = inspect.getsource(RTCRtpSender._run_rtp)
    assert "timestamp_origin = random32()" in source
    assert "await self._next_encoded_frame(codec)" in source


def test_other_random_numbers_stay_random() -> None:
    async def scenario() -> None:
        sender = Sender()
        async with viewers_of(sender, 2) as viewers:
            await sender.show(*viewers)
            sources = {peer.connection.getSenders()[0]._ssrc for peer in
                       sender.peers._peers.values()}  # fmt: skip
            assert len(sources) == 2
            assert patches.VIDEO_ORIGIN not in sources
            draw = getattr(aiortc.rtcrtpsender, "random32")  # noqa: B009 (not exported)
            assert len({draw() for _ in range(8)}) > 1

    run(scenario)


def _recorded(monkeypatch: pytest.MonkeyPatch) -> list[dict[int, bytes]]:
    """Header extensions of every packet that arrives from now on, as on the wire."""
    packets: list[dict[int, bytes]] = []
    get = HeaderExtensionsMap.get

    def recording(self: HeaderExtensionsMap, profile: int, value: bytes) -> object:
        packets.append(dict(aiortc.rtp.unpack_header_extensions(profile, value)))
        return get(self, profile, value)

    monkeypatch.setattr(HeaderExtensionsMap, "get", recording)
    return packets


def _offered_as(number: int) -> Callable[[str], str]:
    own = f"a=extmap:{patches.PLAYOUT_DELAY_ID} {patches.PLAYOUT_DELAY_URI}"

    def change(sdp: str) -> str:
        assert own in sdp
        return sdp.replace(own, f"a=extmap:{number} {patches.PLAYOUT_DELAY_URI}")

    return change


@pytest.mark.parametrize("number", [patches.PLAYOUT_DELAY_ID, 9])
def test_every_packet_asks_to_be_shown_at_once(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    packets = _recorded(monkeypatch)

    async def scenario() -> None:
        sender = Sender()
        async with viewers_of(sender, 1, _offered_as(number)) as viewers:
            await sender.show(*viewers)

    run(scenario)
    assert packets
    assert all(packet.get(number) == b"\0\0\0" for packet in packets), "(0, 0)"
    assert all(len(packet) >= 2 for packet in packets), "aiortc's own are kept"


def test_a_viewer_that_does_not_know_playout_delay_gets_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packets = _recorded(monkeypatch)

    def without(sdp: str) -> str:
        lines = sdp.splitlines()
        return "\r\n".join(x for x in lines if patches.PLAYOUT_DELAY_URI not in x) + "\r\n"

    async def scenario() -> None:
        sender = Sender()
        async with viewers_of(sender, 1, without) as viewers:
            await sender.show(*viewers)

    run(scenario)
    assert packets
    assert all(patches.PLAYOUT_DELAY_ID not in packet for packet in packets)


def test_upstream_still_does_not_know_playout_delay() -> None:
    for module in (aiortc.rtp, aiortc.codecs, aiortc.rtcrtpsender):
        assert patches.PLAYOUT_DELAY_URI not in inspect.getsource(module)


def test_apply_installs_once_and_refuses_a_taken_number(monkeypatch: pytest.MonkeyPatch) -> None:
    extensions = aiortc.codecs.HEADER_EXTENSIONS["video"]
    before = list(extensions)
    patches.apply()
    assert extensions == before
    taken = RTCRtpHeaderExtensionParameters(id=patches.PLAYOUT_DELAY_ID, uri="urn:other")
    monkeypatch.setitem(aiortc.codecs.HEADER_EXTENSIONS, "video", [taken])
    with pytest.raises(patches.PatchError, match="taken"):
        patches.apply()


def test_a_viewers_request_for_a_keyframe_reaches_our_encoder() -> None:
    async def scenario() -> None:
        sender = Sender()
        async with viewers_of(sender, 1) as (viewer,):
            await sender.show(viewer)
            asked = sender.asked
            (peer,) = sender.peers._peers.values()
            receiver = viewer._connection.getReceivers()[0]
            await receiver._send_rtcp_pli(peer.connection.getSenders()[0]._ssrc)
            async with asyncio.timeout(WAIT_S):
                while sender.asked == asked:
                    await asyncio.sleep(0.005)

    run(scenario)


def test_upstream_still_forgets_keyframe_requests_of_encoded_tracks() -> None:
    """Our sender replaces `_send_keyframe`: the flag is read for raw pictures only."""
    assert "self._send_keyframe()" in inspect.getsource(RTCRtpSender._handle_rtcp_packet)
    source = inspect.getsource(RTCRtpSender._next_encoded_frame)
    assert source.index("__force_keyframe") > source.index("if isinstance(data, Frame)")
    assert "__force_keyframe" not in source[source.index("# Pack the pre-encoded data") :]


def test_a_viewer_that_prefers_another_codec_still_gets_h264() -> None:
    async def scenario() -> None:
        sender, viewer = Sender(), RTCPeerConnection()
        viewer.addTransceiver("video", direction="recvonly")
        await viewer.setLocalDescription(await viewer.createOffer())
        offer = viewer.localDescription.sdp
        assert offer.index("VP8") < offer.index("H264")
        answer = await sender.peers.answer("a", offer)
        assert "H264" in answer
        assert "VP8" not in answer
        await sender.peers.close_all()
        await viewer.close()

    run(scenario)


def test_a_viewer_without_h264_and_one_too_many_are_refused() -> None:
    async def scenario() -> None:
        sender = Sender()
        viewer = VideoReceiver()
        offer = await viewer.offer()
        with pytest.raises(PeerError):
            await sender.peers.answer("a", offer.replace("H264/90000", "AV1/90000"))
        assert len(sender.peers) == 0
        for number in range(MAX_PEERS):
            await sender.peers.answer(str(number), offer)
        await sender.peers.answer("0", offer)  # the same viewer again replaces itself
        with pytest.raises(FullError):
            await sender.peers.answer("one more", offer)
        assert len(sender.peers) == MAX_PEERS
        await sender.peers.close_all()
        await viewer.close()

    run(scenario)


def test_generated_bad_offers_are_refused_in_one_way() -> None:
    """A viewer that cannot be understood must not cost the others their picture."""

    async def scenario() -> None:
        rng = random.Random("video offers")
        sender, viewer = Sender(), VideoReceiver()
        lines = (await viewer.offer()).splitlines()
        files, refused = len(os.listdir("/proc/self/fd")), 0
        for _ in range(1000):
            bad = list(lines)
            for _ in range(rng.randrange(1, 6)):
                at = rng.randrange(len(bad))
                bad[at] = rng.choice(
                    ["", bad[at][: rng.randrange(len(bad[at]) + 1)], bad[at] * 2, "a=" + "x" * 99,
                     bad[at].replace("1", "99999999"),
                     "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
                     bytes(rng.randrange(1, 127) for _ in range(20)).decode()]
                )  # fmt: skip
            try:
                async with asyncio.timeout(WAIT_S):
                    await sender.peers.answer("x", "\r\n".join(bad) + "\r\n")
            except PeerError:
                refused += 1
                assert len(sender.peers) == 0
            await sender.peers.close("x")
        assert refused > 300
        assert len(os.listdir("/proc/self/fd")) <= files + 5
        await viewer.close()

    run(scenario)
