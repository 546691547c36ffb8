"""Ended tasks have let go of what they held."""

from __future__ import annotations

import asyncio

import pytest

from teleop import tasks as teleop_tasks
from teleop.tasks import end_tasks


def test_what_a_task_held_is_free_when_it_has_been_ended() -> None:
    async def scenario() -> None:
        held: list[str] = []

        async def hold() -> None:
            held.append("socket")
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)  # closing takes a round of the loop
                held.remove("socket")

        async def fail() -> None:
            raise ConnectionError("seen by its owner, not here")

        tasks = [asyncio.create_task(hold()), asyncio.create_task(fail())]
        await asyncio.sleep(0)
        assert held == ["socket"]
        await end_tasks(tasks)
        assert held == []
        assert all(task.done() for task in tasks)
        await end_tasks(tasks)  # twice is once

    asyncio.run(scenario())


def test_a_task_whose_library_lost_the_cancellation_gets_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(teleop_tasks, "AGAIN_S", 0.01)
    lost: list[int] = []

    async def scenario() -> None:
        async def deaf() -> None:
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    if len(lost) == 2:
                        raise
                    lost.append(1)

        task = asyncio.create_task(deaf())
        await asyncio.sleep(0)
        await end_tasks([task])
        assert task.cancelled()

    asyncio.run(scenario())
    assert len(lost) == 2
