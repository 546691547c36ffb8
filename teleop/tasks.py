"""Ending tasks of an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

AGAIN_S = 5.0
"""A library that loses a cancellation (`asyncio.wait_for` before Python 3.12) gets it again, later
than whatever ends properly needs for it."""


async def end_tasks(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they have let go of what they held.

    A cancelled task that was opening a connection closes it only when it runs again: whoever does
    not wait leaves that connection to the end of the event loop. What a task failed with is
    looked at by its owner while it runs, not here.
    """
    ending = list(tasks)
    pending = set(ending)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_S)
    await asyncio.gather(*ending, return_exceptions=True)
