"""Ending tasks of an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


async def end_tasks(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they have let go of what they held.

    A cancelled task that was opening a connection closes it only when it runs again: whoever does
    not wait leaves that connection to the end of the event loop. What a task failed with is
    looked at by its owner while it runs, not here.
    """
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
