"""A native console over authenticated datagrams, with and without its data channels."""

from __future__ import annotations

import asyncio
import random
import socket
from pathlib import Path
from typing import Any

import pytest
from gateway_harness import CODES, WAIT_S, World, running, until, uplink, world_in
from link_rig import frame_of

from safety.frame import pack, unpack
from teleop import channels
from teleop.config import Config, Link, Network
from teleop.scripted.client import Door, PageClient
from teleop.scripted.link import ConsoleLink
from teleop.uplink.messages import unpack as unpack_arrival
from transport.datagrams import Kind
from transport.local.clock import now_ns
from transport.schema import HEARTBEAT, Role

pytestmark = pytest.mark.process
LINKS = (Link("wired", "127.0.0.1"), Link("5G", "127.0.0.2"))
CONFIG = Config(network=Network(port=0), links=LINKS)


class Console:
    """Sends frames by datagram and looks what reaches guard's mailbox."""

    def __init__(self, world: World, url: str, link: ConsoleLink, beats: list[int]) -> None:
        self.world, self.link, self.beats = world, link, beats
        self.seq = 0
        self.box = channels.raw_box(world.run_dir, channels.DATAGRAM_FRAME)

    @classmethod
    async def join(cls, world: World, url: str) -> Console:
        beats: list[int] = []
        link = ConsoleLink(
            lambda take: PageClient(
                world.run_dir, Role.CONSOLE, take, Door(url, CODES["console"][0])
            ),
            lambda beat: beats.append(HEARTBEAT.unpack(beat)[2]),
            lambda _: None,
            datagrams=True,
        )
        welcome = await link.join()
        assert [info.name for info in welcome.links] == ["wired", "5G"]
        return cls(world, url, link, beats)

    def passed(self, number: int) -> bool:
        """Send one more over a link; True: what was sent lately is there."""
        self.seq += 1
        self.link.datagrams[number].send(pack(frame_of(self.seq, 1)))
        item: Any = self.box.read()
        return item is not None and unpack(item[1]).seq >= self.seq - 1 and self.seq > 5

    def heard(self, more: int) -> bool:
        """True when every link brought more heartbeats than that."""
        return all(lane.heard > more for lane in self.link.datagrams)


def run(scenario: Any) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(3 * WAIT_S):
            await scenario

    asyncio.run(bounded())


def test_commands_and_heartbeats_go_by_datagram_on_every_link(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world_in(tmp_path) as world, uplink(world):
            async with running(world, CONFIG) as process:
                console = await Console.join(world, process.url)
                passed = console.passed
                await until(lambda: passed(0))
                await until(lambda: passed(1))
                await until(lambda: passed(0) and passed(1) and console.heard(20))
                beats = console.beats
                assert beats == sorted(set(beats)), "each heartbeat once, in order"
                await until(lambda: passed(0) and world.status().console_open)
                assert world.status().links == 2
                log = channels.ring_reader(world.run_dir, channels.COMMAND_LOG, from_oldest=True)
                numbers = [unpack(data[8:]).seq for _, data in log.read()]
                assert len(numbers) > 10
                assert numbers == sorted(set(numbers)), "recorded once each"
                await _nonsense(console.link.page.host, _port(console))
                await until(lambda: passed(0), "after bad datagrams")
                await console.link.close()
                await until(lambda: not world.status().console_open)

    run(scenario())


def test_without_uplink_the_link_is_lost_and_comes_back_with_it(tmp_path: Path) -> None:
    """Its death is silence of the datagrams: ports and keys stay, nobody joins again."""

    async def scenario() -> None:
        with world_in(tmp_path) as world:
            async with running(world, CONFIG) as process:
                with uplink(world) as first:
                    console = await Console.join(world, process.url)
                    await until(lambda: console.passed(0) and world.status().console_open)
                    port = _port(console)
                    first.kill()
                    first.wait()
                    await until(lambda: not console.passed(0) and not world.status().console_open)
                    assert process.popen.poll() is None
                with uplink(world):
                    await until(lambda: console.passed(0) and console.passed(1))
                    await until(lambda: console.passed(0) and world.status().console_open)
                    assert _port(console) == port
                await console.link.close()

    run(scenario())


def test_what_was_sent_before_uplink_died_counts_as_a_replay_after_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        with world_in(tmp_path) as world:
            ring = channels.ring_reader(world.run_dir, channels.DATAGRAM_ARRIVALS, from_oldest=True)
            numbers: list[int] = []

            def heard() -> list[int]:
                found = [unpack_arrival(data) for _, data in ring.read()]
                numbers.extend(one.number for one in found if one.link == 0)
                return numbers

            async with running(world, CONFIG) as process:
                with uplink(world):
                    console = await Console.join(world, process.url)
                    lane = console.link.datagrams[0]
                    assert lane._socket is not None
                    await until(lambda: console.passed(0))
                    old = lane._sealer.seal(Kind.COMMAND, pack(frame_of(1 << 20, 1)), now_ns())
                    await until(lambda: lane._socket.send(old) and lane._sealer._number in heard())
                    taken = lane._sealer._number
                    await until(lambda: console.passed(0) and heard()[-1] > taken + 5)
                with uplink(world):
                    await until(
                        lambda: lane._socket.send(old) and console.passed(0) is not None
                        and len(heard()) > 0 and numbers[-1] > taken + 50
                    )  # fmt: skip
                    assert numbers.count(taken) == 1
                await console.link.close()

    run(scenario())


def _port(console: Console) -> int:
    one = console.link.datagrams[0]._socket
    assert one is not None
    return int(one.getpeername()[1])


async def _nonsense(host: str, port: int) -> None:
    rng = random.Random("nonsense")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(1500):
            stranger.sendto(rng.randbytes(rng.randrange(1400)), (host, port))
            await asyncio.sleep(0)
