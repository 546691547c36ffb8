"""Command and telemetry channels: options, bad offers, bad bytes, closing."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import aioice.ice
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from safety.messages import FRAME_BYTES
from teleop import channels
from teleop.config import DEFAULT_LINKS
from teleop.gateway.command import CommandPeers
from teleop.gateway.connection import CommandPeer
from teleop.gateway.frames import FrameSink, Intake
from transport.dscp import TrafficClass
from transport.local.clock import now_ns
from transport.schema import CHANNEL_COMMAND, CHANNEL_TELEMETRY
from transport.webrtc import ice
from transport.webrtc.cipher import is_strong
from transport.webrtc.data import DataClient, DataServer, OfferError

WAIT_S = 120.0


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", aioice.ice.get_host_addresses)
    ice.use_addresses(["127.0.0.1"])


def run(scenario: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(WAIT_S):
            await scenario

    asyncio.run(bounded())


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def closed(client: DataClient) -> bool:
    return client.closed


async def connect(server: DataServer, client: DataClient) -> None:
    await client.accept(await server.answer(await client.offer()))
    await client.opened()


def test_messages_pass_both_ways_and_closing_is_seen() -> None:
    async def scenario() -> None:
        up: list[Any] = []
        gone: list[str] = []
        down: list[bytes] = []
        telemetry: list[bytes] = []
        server = DataServer(up.append, gone.append)
        client = DataClient(down.append, telemetry.append)
        await connect(server, client)
        await until(lambda: server.is_open(CHANNEL_COMMAND) and server.is_open(CHANNEL_TELEMETRY))
        assert client.send_command(b"frame")
        assert server.send(CHANNEL_COMMAND, b"beat")
        assert server.send(CHANNEL_TELEMETRY, b"state")
        await until(lambda: up and down and telemetry)
        assert (up, down, telemetry) == ([b"frame"], [b"beat"], [b"state"])
        assert is_strong(*server.encryption()), "also shows that aiortc still has what we read"
        await client.close()
        await until(lambda: gone)
        assert not server.send(CHANNEL_COMMAND, b"nobody listens")
        await server.close()

    run(scenario())


def test_weak_encryption_is_refused() -> None:
    assert is_strong("ECDHE-ECDSA-AES128-GCM-SHA256", "DTLSv1.2")
    assert is_strong("ECDHE-ECDSA-CHACHA20-POLY1305", "DTLSv1.2")
    assert not is_strong("ECDHE-ECDSA-AES128-SHA256", "DTLSv1.2")
    assert not is_strong("ECDHE-ECDSA-AES128-GCM-SHA256", "DTLSv1")
    assert not is_strong("None", "Unknown")


def test_only_loopback_is_used_when_the_site_says_so() -> None:
    async def scenario() -> None:
        server = DataServer(lambda _: None, lambda _: None)
        client = DataClient(lambda _: None, lambda _: None)
        answer = await server.answer(await client.offer())
        candidates = [line for line in answer.splitlines() if line.startswith("a=candidate")]
        assert candidates
        assert all(" 127.0.0.1 " in line for line in candidates)
        await server.close()
        await client.close()

    run(scenario())


def test_aioice_still_takes_its_addresses_where_we_replace_them() -> None:
    """Fails when aioice gathers addresses in another way: then `ice.py` must follow."""
    ice.use_addresses(["127.0.0.1"])
    assert aioice.ice.get_host_addresses(True, True) == ["127.0.0.1"]
    assert "127.0.0.1" not in ice._machine_addresses(True, False)


def test_bind_addresses() -> None:
    assert ice.bind_addresses("localhost") == ["127.0.0.1"]
    assert ice.bind_addresses("127.0.0.1") == ["127.0.0.1"]
    assert ice.bind_addresses("0.0.0.0") == ice._machine_addresses(True, False)


def test_hidden_browser_addresses_are_left_out() -> None:
    sdp = (
        "v=0\r\na=candidate:1 1 udp 1 3fbd8a61.local 60062 typ host\r\n"
        "a=candidate:2 1 udp 1 192.0.2.2 5 typ host\r\n"
    )
    assert ice.without_names(sdp) == "v=0\r\na=candidate:2 1 udp 1 192.0.2.2 5 typ host\r\n"


@pytest.mark.parametrize(
    ("label", "options"),
    [
        ("command", {"ordered": True, "maxRetransmits": 0}),
        ("command", {"ordered": False}),
        ("command", {"ordered": False, "maxRetransmits": 3}),
        ("shell", {"ordered": False, "maxRetransmits": 0}),
    ],
)
def test_a_channel_that_could_queue_is_refused(label: str, options: dict[str, Any]) -> None:
    async def scenario() -> None:
        gone: list[str] = []
        server = DataServer(lambda _: None, gone.append)
        client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        client.createDataChannel(label, **options)
        await client.setLocalDescription(await client.createOffer())
        sdp = await server.answer(client.localDescription.sdp)
        await client.setRemoteDescription(RTCSessionDescription(sdp=sdp, type="answer"))
        await until(lambda: gone == ["channel_refused"])
        await client.close()
        await server.close()

    run(scenario())


def test_generated_bad_offers_are_refused_in_one_way() -> None:
    async def scenario() -> None:
        rng = random.Random("offers")
        client = DataClient(lambda _: None, lambda _: None)
        good = await client.offer()
        lines = good.splitlines()
        refused = 0
        files = len(os.listdir("/proc/self/fd"))
        for _ in range(1000):
            bad = list(lines)
            for _ in range(rng.randrange(1, 6)):
                at = rng.randrange(len(bad))
                bad[at] = rng.choice(
                    ["", bad[at][: rng.randrange(len(bad[at]) + 1)], bad[at] * 2, "a=" + "x" * 99,
                     bad[at].replace("1", "99999999"), "m=video 9 UDP/TLS/RTP/SAVPF 96",
                     bytes(rng.randrange(1, 127) for _ in range(20)).decode()]
                )  # fmt: skip
            server = DataServer(lambda _: None, lambda _: None)
            try:
                async with asyncio.timeout(5):
                    await server.answer("\r\n".join(bad) + "\r\n")
            except OfferError:
                refused += 1
            finally:
                await server.close()
        assert refused > 300
        assert len(os.listdir("/proc/self/fd")) <= files + 5
        await client.close()

    run(scenario())


def fake_run(tmp_path: Path) -> Path:
    channels.create_all(tmp_path)
    return tmp_path


def peer_of(sink: FrameSink, *, drives: bool = True) -> CommandPeer:
    intake = Intake(sink, 1, now_ns())
    return CommandPeer(
        lambda data, at_ns: intake.take(0, data, at_ns, drives=drives), lambda *_: None
    )


def test_generated_bad_frames_never_reach_guard_and_good_ones_still_do(tmp_path: Path) -> None:
    async def scenario() -> None:
        run_dir = fake_run(tmp_path)
        box = channels.raw_box(run_dir, channels.COMMAND_FRAME)
        sink = FrameSink(run_dir)
        peer = peer_of(sink)
        rng = random.Random("frames")
        for _ in range(1500):
            size = rng.choice([0, 1, 32, 123, 125, 128, 1100, 16384, rng.randrange(FRAME_BYTES)])
            data: bytes | str = rng.randbytes(size)
            if rng.random() < 0.2:
                data = "x" * rng.choice([0, 5, FRAME_BYTES])
            peer._message(data)
        assert box.read() is None
        assert peer.rejected == 1500
        other = peer_of(sink, drives=False)
        other._message(bytes(FRAME_BYTES))
        assert box.read() is None, "a console without the lease"
        fresh = peer_of(sink)
        frame = rng.randbytes(FRAME_BYTES)
        fresh._message(frame)
        assert box.read() == (1, frame), "unreadable, but guard counts what it refuses"
        log = channels.ring_reader(run_dir, channels.COMMAND_LOG, from_oldest=True)
        assert [raw[8:] for _, raw in log.read()] == [frame]
        for one in (peer, other, fresh):
            await one.server.close()

    run(scenario())


def test_a_flood_is_cut_to_the_burst(tmp_path: Path) -> None:
    async def scenario() -> None:
        peer = peer_of(FrameSink(fake_run(tmp_path)))
        for _ in range(5000):
            peer._message(bytes(FRAME_BYTES))
        # 5000 frames in well under ten seconds: the burst and what is refilled meanwhile.
        assert peer.rejected >= 400
        await peer.server.close()

    run(scenario())


def test_a_new_connection_of_a_session_takes_over_when_it_is_open(tmp_path: Path) -> None:
    async def scenario() -> None:
        told: list[Any] = []
        peers = CommandPeers(
            fake_run(tmp_path), DEFAULT_LINKS, lambda _: True, lambda *why: told.append(why)
        )
        first, second = (DataClient(lambda _: None, lambda _: None) for _ in range(2))
        await first.accept(await peers.answer(1, await first.offer()))
        await first.opened()
        await until(lambda: peers.is_open(1))
        answer = await peers.answer(1, await second.offer())
        assert peers.is_open(1), "make before break"
        assert not closed(first)
        with pytest.raises(OfferError):
            await peers.answer(1, "v=0\r\n")
        assert peers.is_open(1), "a bad offer ends nothing"
        answer = await peers.answer(
            1, await (third := DataClient(lambda _: None, lambda _: None)).offer()
        )
        await third.accept(answer)
        await third.opened()
        await until(lambda: closed(first) and peers.is_open(1))
        assert told == []
        await peers.close()
        for client in (first, second, third):
            await client.close()

    run(scenario())


def test_the_newest_message_of_a_kind_replaces_one_that_waits() -> None:
    async def scenario() -> None:
        up: list[Any] = []
        server = DataServer(up.append, lambda _: None)
        client = DataClient(lambda _: None, lambda _: None)
        await connect(server, client)
        await until(lambda: server.is_open(CHANNEL_COMMAND))
        for number in range(5):  # within one turn of the loop nothing can leave
            assert client.send_command(b"AA" + bytes([number]))
            assert client.send_command(b"BB" + bytes([number]))
        assert client.waiting(CHANNEL_COMMAND) == 2
        await until(lambda: len(up) == 2)
        assert up == [b"AA\x04", b"BB\x04"]
        await client.close()
        await server.close()

    run(scenario())


def test_a_connection_keeps_to_its_link_and_carries_its_class() -> None:
    async def scenario() -> None:
        server = DataServer(lambda _: None, lambda _: None, addresses=["127.0.0.2"])
        client = DataClient(lambda _: None, lambda _: None)
        answer = await server.answer(await client.offer())
        candidates = [line for line in answer.splitlines() if line.startswith("a=candidate")]
        assert candidates
        assert all(" 127.0.0.2 " in line for line in candidates)
        socks = [p.transport.get_extra_info("socket") for p in ice.protocols_of(server._connection)]
        assert socks, "aioice keeps its endpoints where ice.py looks"
        for sock in socks:
            tos = sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS)
            assert tos == TrafficClass.COMMAND.tos == 0xB8
        await client.close()
        await server.close()

    run(scenario())
