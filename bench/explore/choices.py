"""Demand-driven enumeration: every value of every input that the code under test really reads.

The code runs with an object whose attributes are decided when they are first read. Each run is one
leaf of the tree of decisions; inputs that were not read cannot have mattered, so a leaf stands for
all their combinations. After Boyapati, Khurshid and Marinov, "Korat: automated testing based on
Java predicates" (ISSTA 2002), which prunes unread fields in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")
BOTH = (False, True)


class Chooser:
    """One path through the tree of decisions."""

    def __init__(self, script: Sequence[int]) -> None:
        self._script = script
        self.taken: list[tuple[str, int, int]] = []
        """(name, index, number of options) in the order of reading."""

    def pick(self, name: str, options: Sequence[T]) -> T:
        """Decide `name`: as scripted, else its first option."""
        at = len(self.taken)
        index = self._script[at] if at < len(self._script) else 0
        self.taken.append((name, index, len(options)))
        return options[index]

    def following(self) -> list[int] | None:
        """The script of the next path; None: this was the last one."""
        taken = list(self.taken)
        while taken and taken[-1][1] + 1 == taken[-1][2]:
            taken.pop()
        if not taken:
            return None
        script = [index for _, index, _ in taken]
        script[-1] += 1
        return script


def every(run: Callable[[Chooser], T]) -> Iterator[T]:
    """Run `run` once per path, until all are walked."""
    script: list[int] | None = []
    while script is not None:
        chooser = Chooser(script)
        yield run(chooser)
        script = chooser.following()


class Lazy:
    """Attributes are decided when read: `known` ones are given, the others are chosen."""

    def __init__(
        self, chooser: Chooser, domains: Mapping[str, Sequence[object]], known: Mapping[str, object]
    ) -> None:
        self._chooser = chooser
        self._domains = domains
        self.__dict__.update(known)

    def __getattr__(self, name: str) -> object:
        """Decide a field that nobody read before."""
        if name.startswith("_") or name not in self._domains:
            raise AttributeError(name)
        value = self._chooser.pick(name, self._domains[name])
        self.__dict__[name] = value
        return value

    def read(self, name: str, unread: T) -> T:
        """What was decided for `name`; `unread` when the code did not ask."""
        found: T = self.__dict__.get(name, unread)
        return found

    def has(self, name: str) -> bool:
        """True when `name` was given or decided."""
        return name in self.__dict__

    def stands_for(self) -> int:
        """Number of full inputs that this leaf represents."""
        return math.prod(len(d) for n, d in self._domains.items() if n not in self.__dict__)


class MaskSet:
    """A set of bit masks; it remembers how each question `mask & bits` splits it."""

    def __init__(self, masks: Sequence[int]) -> None:
        self.masks = tuple(masks)
        self._split: dict[int, tuple[tuple[int, MaskSet], ...]] = {}

    def split(self, bits: int) -> tuple[tuple[int, MaskSet], ...]:
        """Each answer to `mask & bits`, with the masks that give it."""
        known = self._split.get(bits)
        if known is None:
            answers = dict.fromkeys(one & bits for one in self.masks)
            known = self._split[bits] = tuple(
                (a, MaskSet([one for one in self.masks if one & bits == a])) for a in answers
            )
        return known


class LazyMask:
    """A bit mask that is decided question by question: `mask & bits` asks which of `bits` are set.

    `left` are the masks that all answers so far allow.
    """

    def __init__(self, chooser: Chooser, masks: MaskSet) -> None:
        self._chooser = chooser
        self._set = masks

    @property
    def left(self) -> tuple[int, ...]:
        """What the mask may still be."""
        return self._set.masks

    def __and__(self, bits: int) -> int:
        """Decide which of `bits` are set."""
        parts = self._set.split(bits)
        part = parts[0] if len(parts) == 1 else self._chooser.pick("causes", parts)
        self._set = part[1]
        return part[0]
