"""The window of the native console, without a page."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import uvloop

from teleop.console.window import Window


async def _leaves(rounds: int) -> bytes:
    """What a connection hears that came `rounds` of the event loop before the window closed."""
    window = Window(lambda frame: None, lambda name, arg: None)
    await window.start()
    with socket.create_connection(("127.0.0.1", urlsplit(window.url).port or 0), 5.0) as browser:
        for _ in range(rounds):
            await asyncio.sleep(0)
        await window.close()
        try:
            return await asyncio.to_thread(browser.recv, 1)
        except ConnectionResetError:
            return b""  # it was never taken out of the queue


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("rounds", range(6))
def test_a_browser_that_connects_while_the_window_closes_is_hung_up(
    rounds: int, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(_leaves(rounds)) == b""
