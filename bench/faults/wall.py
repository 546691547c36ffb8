"""A trip-wire on the wall clock: invariant I10 while a virtual world runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("time", "time_ns", "localtime", "gmtime")


@contextmanager
def tripwire() -> Iterator[list[str]]:
    """Yield a list that names every reading of the wall clock through the `time` module."""
    reads: list[str] = []
    kept = {name: getattr(time, name) for name in NAMES}

    def trap(name: str) -> object:
        def read(*args: object) -> object:
            reads.append(f"time.{name} was read")
            return kept[name](*args)

        return read

    for name in NAMES:
        setattr(time, name, trap(name))
    try:
        yield reads
    finally:
        for name, function in kept.items():
            setattr(time, name, function)
