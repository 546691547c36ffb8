"""A native console over authenticated datagrams, with and without its data channels."""

from __future__ import annotations

import asyncio
import random
import socket
from pathlib import Path
from typing import Any

import pytest
from gateway_harness import CODES, WAIT_S, running, until, world_in
from link_rig import frame_of

from safety.frame import pack, unpack
from teleop.config import Config, Link, Network
from teleop.scripted.client import Door, PageClient
from teleop.scripted.link import ConsoleLink
from transport.schema import HEARTBEAT, Role

pytestmark = pytest.mark.process
LINKS = (Link("wired", "127.0.0.1"), Link("5G", "127.0.0.2"))


def test_commands_and_heartbeats_go_by_datagram_on_every_link(tmp_path: Path) -> None:
    async def scenario() -> None:
        config = Config(network=Network(port=0), links=LINKS)
        with world_in(tmp_path) as world:
            async with running(world, config) as process:
                beats: list[int] = []
                link = ConsoleLink(
                    lambda take: PageClient(
                        world.run_dir, Role.CONSOLE, take, Door(process.url, CODES["console"][0])
                    ),
                    lambda beat: beats.append(HEARTBEAT.unpack(beat)[2]),
                    lambda _: None,
                    datagrams=True,
                )
                welcome = await link.join()
                assert [info.name for info in welcome.links] == ["wired", "5G"]
                seq = 0

                def passed(number: int) -> bool:
                    nonlocal seq
                    seq += 1
                    link.datagrams[number].send(pack(frame_of(seq, 1)))
                    item: Any = world.frame_box.read()
                    return item is not None and unpack(item[1]).seq >= seq - 1 and seq > 5

                await until(lambda: passed(0))
                await until(lambda: passed(1))
                await until(
                    lambda: passed(0) and passed(1)
                    and all(lane.heard > 20 for lane in link.datagrams)
                )  # fmt: skip
                assert beats == sorted(set(beats)), "each heartbeat once, in order"
                await until(lambda: passed(0) and world.status().console_open)
                assert world.status().links == 2
                await _nonsense(welcome.links[0].datagram_port)
                await until(lambda: passed(0), "after bad datagrams")
                await link.close()
                await until(lambda: not world.status().console_open)

    async def bounded() -> None:
        async with asyncio.timeout(3 * WAIT_S):
            await scenario()

    asyncio.run(bounded())


async def _nonsense(port: int) -> None:
    rng = random.Random("nonsense")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(1500):
            stranger.sendto(rng.randbytes(rng.randrange(1400)), ("127.0.0.1", port))
            await asyncio.sleep(0)
