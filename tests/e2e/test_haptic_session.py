"""A whole session with the native haptic console: real processes, a simulated hand, real time."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from bench.haptics.real import Played, session
from safety.states import ContactState, State

pytestmark = [pytest.mark.process, pytest.mark.timeout(400)]
LOAD_MAX = 5.0
"""Waiting processes per core. Beyond it pictures come at under 20 per second and round trips take
over 200 ms, so guard and console rightly refuse to drive, and there is nothing to feel."""

ATTEMPTS = 3
"""A machine that hitches in the middle of a session stops it, rightly; then once more."""


def in_own_process(folder: Path) -> Played:
    """A session beside this process: its event loop and sockets disturb no other test."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(session, folder, 20.0).result()


def test_a_hand_arms_touches_feels_and_lets_go(tmp_path: Path) -> None:
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if load > LOAD_MAX * cores:
        pytest.skip(f"a load of {load:.1f} on {cores} cores: nothing moves in real time")
    for attempt in range(ATTEMPTS):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        try:
            out = in_own_process(folder)
        except AssertionError:  # it did not get as far as feeling anything
            if attempt == ATTEMPTS - 1:
                raise
            continue
        if out.code == 0:
            break
    story = f"{out.states} {out.contacts} {out.lines[-3:]} {out.errors}"
    assert out.code == 0, story

    # What the robot did, seen at the robot.
    assert State.ACTIVE in out.states, story
    assert State.ARMED in out.states[: out.states.index(State.ACTIVE)], story
    assert ContactState.PRESS in out.contacts, story
    assert out.contacts[-1] is ContactState.FREE, story
    assert 1.5 < out.peak_force_n < 10.0, story

    # What the console says of it.
    result = out.result
    assert result["success"] is True
    measured = result["measured"]
    assert measured["felt_n"]["max"] > 0.5
    assert measured["peak_felt_n"] <= measured["peak_force_n"], (
        "half scale: never more than there is"
    )
    assert measured["packets"]["force_saved_percent"] > 80.0
    assert measured["packets"]["unreadable"] == 0.0

    # The coupling that was in use is the one that was shown.
    shown = {line["coupling"] for line in out.lines if line.get("event") == "status"}
    longest = max(measured["coupling_share"].items(), key=lambda item: item[1])[0]
    assert longest in shown
    assert set(measured["couplings_in_order"]) <= {"REFLECTION", "MODEL"}
