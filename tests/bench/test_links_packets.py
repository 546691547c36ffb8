"""What happens to bytes: corruption, networks, the heap, the control messages, the probe."""

from __future__ import annotations

import random
import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.links import probe
from bench.links.__main__ import main
from bench.links.control import Begin, ControlError, Cut, Ready, Restart, Unframer, frame
from bench.links.packets import belongs, corrupt_ip, flip_bit
from bench.links.profiles import names, scenario
from bench.links.shaper import Lane, Shaper
from transport.impair import Link, LinkProfile

MS = 1_000_000
NET = bytes((10, 77, 0))


def packet(payload: bytes, source: str = "10.77.0.2", target: str = "10.77.0.1",
           protocol: int = 17) -> bytes:  # fmt: skip
    addresses = socket.inet_aton(source) + socket.inet_aton(target)
    head = struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(payload), 1, 0, 64, protocol, 0) + addresses
    return head + struct.pack(">HHHH", 1000, 2000, 8 + len(payload), 0xBEEF) + payload


def changed_bits(a: bytes, b: bytes) -> int:
    return sum((x ^ y).bit_count() for x, y in zip(a, b, strict=True))


@given(st.binary(min_size=1, max_size=100), st.floats(0, 1))
def test_exactly_one_bit_flips(data: bytes, share: float) -> None:
    assert changed_bits(data, flip_bit(data, share)) == 1


@given(st.binary(min_size=1, max_size=100), st.floats(0, 1))
def test_udp_damage_reaches_the_application(payload: bytes, share: float) -> None:
    whole = packet(payload)
    damaged = corrupt_ip(whole, share)
    assert damaged[:26] == whole[:26]
    assert damaged[26:28] == b"\0\0", "no checksum: the kernel must not hide the damage"
    assert changed_bits(damaged[28:], payload) == 1


def test_other_protocols_keep_their_checksum() -> None:
    whole = packet(b"x" * 40, protocol=6)
    assert changed_bits(whole, corrupt_ip(whole, 0.5)) == 1


def test_only_a_links_own_packets_belong_to_it() -> None:
    assert belongs(packet(b""), NET)
    assert not belongs(packet(b"", target="10.77.1.1"), NET), "a crossing of links"
    assert not belongs(b"\x60" + bytes(60), NET), "IPv6"


@settings(max_examples=1200)
@given(st.binary(max_size=120), st.floats(0, 1))
def test_any_bytes_can_come_out_of_a_device(data: bytes, share: float) -> None:
    if belongs(data, NET):
        assert len(corrupt_ip(data, share)) == len(data)


@settings(max_examples=200)
@given(st.integers(5, 15), st.binary(min_size=19, max_size=60), st.floats(0, 1))
def test_any_header_length_survives_corruption(words: int, rest: bytes, share: float) -> None:
    data = bytes([0x40 | words]) + rest
    assert len(corrupt_ip(data, share)) == len(data)


def test_packets_leave_when_due_in_order_and_lateness_is_counted() -> None:
    lane = Lane(Link(LinkProfile(delay_ms=10.0), 1))
    shaper = Shaper(flip_bit)
    out: list[bytes] = []
    for i in range(3):
        shaper.take(lane, bytes([i]), 100, i * MS, out.append)
    assert shaper.next_due_ns() == 10 * MS
    assert shaper.release(10 * MS - 1) == 0
    assert shaper.release(11 * MS + 500_000) == 2
    assert out == [b"\0", b"\1"]
    assert lane.lateness.max_ns == 1_500_000
    assert (lane.passed, lane.unsent) == (2, 0)


def test_a_refused_packet_is_counted_and_the_rest_goes_on() -> None:
    lane = Lane(Link(LinkProfile(delay_ms=0.0), 1))
    shaper = Shaper(flip_bit)

    def full(_data: bytes) -> None:
        raise BlockingIOError

    out: list[bytes] = []
    shaper.take(lane, b"a", 1, 0, full)
    shaper.take(lane, b"b", 1, 0, out.append)
    shaper.release(0)
    assert (lane.unsent, lane.passed, out) == (1, 1, [b"b"])


@pytest.mark.parametrize("name", [name for name in names() if "datagram" in name or "+" in name])
def test_a_profile_survives_the_pipe_in_any_pieces(name: str) -> None:
    begin = Begin(name, scenario(name).links, 5)
    data = frame(begin) + frame(Cut(0, True, False)) + frame(Restart())
    unframer, got = Unframer(), []
    for at in range(0, len(data), 4093):
        got += unframer.commands(data[at : at + 4093])
    assert got == [begin, Cut(0, True, False), Restart()]


def test_damaged_control_messages_are_refused() -> None:
    good = frame(Begin("5g", scenario("5g").links, 1)) + frame(Cut(0, True, True))
    dice = random.Random(5)
    for _ in range(1500):
        data = bytearray(good)
        for _ in range(dice.randint(1, 3)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        unframer = Unframer()
        try:
            messages = unframer.commands(bytes(data))
        except ControlError:
            continue
        assert all(isinstance(message, Begin | Cut | Restart) for message in messages)
    with pytest.raises(ControlError):
        Unframer().answers(frame(Cut(0, True, True)))
    assert Unframer().answers(frame(Ready(1, False))) == [Ready(1, False)]


@settings(max_examples=1000)
@given(st.binary(max_size=60))
def test_the_probe_takes_only_intact_datagrams(data: bytes) -> None:
    parsed = probe.parse(data)
    assert parsed is None or probe.datagram(*parsed, len(data)) == data
    whole = probe.datagram(7, 123, 64)
    assert probe.parse(whole) == (7, 123)
    assert probe.parse(flip_bit(whole, 0.77)) is None


def test_the_command_line_lists_and_names_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in names())
    assert main(["--profile", "7g"]) == 2
    assert "no profile '7g'" in capsys.readouterr().err
    assert main(["--windows", "--profile", "5g"]) == 2
    assert main(["--relay", "nowhere", "--profile", "5g"]) == 2
    assert main(["--windows", "--profile", "n78"]) == 0
    assert "--start" in capsys.readouterr().out
