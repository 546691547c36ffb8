"""Runs many endings of one beginning: each branch continues a warmed-up world in a forked child.

A physics world cannot be copied, a process can. The parent's world is untouched; a branch gets its
exact state, runs, and sends one picklable answer back. Branches run one after the other.
"""

from __future__ import annotations

import gc
import os
import pickle
import traceback
from collections.abc import Callable
from typing import TypeVar

from bench.world import World

T = TypeVar("T")


class BranchError(RuntimeError):
    """A branch ended with an error; the message holds the child's traceback."""


def branch(world: World, ending: Callable[[World], T]) -> T:
    """Return `ending(world)` as it comes out in a copy of `world`."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _run_child(world, ending, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    if not data:
        raise BranchError("a branch died without an answer")
    # The bytes come from our own fork of this very process.
    done, answer = pickle.loads(data)
    if not done:
        raise BranchError(str(answer))
    result: T = answer
    return result


def _run_child(world: World, ending: Callable[[World], T], writer: int) -> None:
    """Run the ending in the child and leave without the parent's clean-up (`os._exit`)."""
    gc.disable()  # it would touch, and so copy, every page of the parent; a branch is short
    code = 1
    try:
        data = pickle.dumps((True, ending(world)))
        code = 0
    except BaseException:  # also assertions and KeyboardInterrupt: the parent raises them
        data = pickle.dumps((False, traceback.format_exc()))
    try:
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(data)
    finally:
        os._exit(code)
