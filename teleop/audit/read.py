"""Reading a log: what is wrong with it by itself, without asking the other site (pure)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from teleop.audit.errors import ForeignLogError
from teleop.audit.lines import (
    Entry,
    Head,
    Header,
    Kind,
    from_line,
    head_is_genuine,
    root_text,
)
from teleop.audit.merkle import Tree

MAX_LOG_BYTES = 1 << 30


class Fault(StrEnum):
    """What can be wrong. Text: `audit.fault.NAME`."""

    DAMAGED = "damaged"
    EDITED = "edited"
    DELETED = "deleted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    OPEN_END = "open_end"
    """No closing entry: a session runs now, was killed, or the end was cut off."""
    FORKED = "forked"
    KEY = "key"
    CONTRADICTION = "contradiction"
    UNRELATED = "unrelated"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    fault: Fault
    text: str
    """What and where, in English."""
    at: int = -1
    """Line of the file from 1; -1: the whole file."""

    def __str__(self) -> str:
        where = f"line {self.at}: " if self.at > 0 else ""
        return f"{self.fault}: {where}{self.text}"


@dataclass(slots=True)
class StoredLog:
    """A log as it was read."""

    header: Header
    entries: list[tuple[Entry, bytes]] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    tree: Tree = field(default_factory=Tree)
    found: list[Finding] = field(default_factory=list)
    head_ok: int = 0
    """Entries that a genuine head covers."""
    every_head: bool = True
    """Check every signature; else that of the last head only, which covers every entry."""
    lines: int = 1
    numbers: list[tuple[int, int]] = field(default_factory=list)
    """Of each entry: number, line."""
    head_numbers: list[tuple[int, int]] = field(default_factory=list)
    uncovered: bool = False
    """A genuine head was signed over something else than what stands before it."""

    def take(self, raw: bytes) -> None:
        """Take the next line and judge it."""
        self.lines += 1
        try:
            line = from_line(raw)
        except ForeignLogError as error:
            self._find(Fault.DAMAGED, f"cannot be read: {error}")
            return
        if isinstance(line, Entry):
            self._entry(line, raw)
        elif isinstance(line, Head):
            self._head(line)
        else:
            self._find(Fault.DAMAGED, "a second header")

    def _find(self, fault: Fault, text: str) -> None:
        self.found.append(Finding(fault, text, self.lines))

    def _entry(self, entry: Entry, raw: bytes) -> None:
        self.numbers.append((entry.n, self.lines))
        self.entries.append((entry, raw))
        self.tree.append(raw)

    def _head(self, head: Head) -> None:
        if self.every_head and not self._genuine(head):
            return
        self.heads.append(head)
        self.head_numbers.append((head.number, self.lines))
        name = f"head {head.number} was signed over {head.size} entries"
        if head.size == self.tree.size and root_text(self.tree.root()) == head.root:
            self.head_ok = head.size
        elif self.uncovered:
            return  # all that follow the first disagree too
        elif head.size > self.tree.size:
            self.uncovered = True
            self._find(Fault.DELETED, f"{name}; only {self.tree.size} stand before it")
        elif head.size < self.tree.size:
            self.uncovered = True
            self._find(
                Fault.REORDERED, f"{name}; {self.tree.size} stand before it: moved or put in"
            )
        else:
            self.uncovered = True
            self._find(
                Fault.EDITED,
                f"entries {self.head_ok} to {head.size - 1} are not what head {head.number} was "
                "signed over: changed, or deleted and numbered anew",
            )

    def _genuine(self, head: Head) -> bool:
        if head_is_genuine(self.header.origin, self.header.key, head):
            return True
        self._find(Fault.EDITED, f"head {head.number} is not signed by this log's key")
        return False

    def finish(self) -> None:
        """Judge the numbers once all lines are here."""
        if not self.every_head and self.heads:
            self._genuine(self.heads[-1])
        self.found += _numbering(self.numbers, "entry") + _numbering(self.head_numbers, "head")
        self.found.sort(key=lambda finding: finding.at)

    def faults(self) -> list[Finding]:
        """Everything that is wrong by itself, except an end that may be open for good reason."""
        return list(self.found)

    def end_faults(self) -> list[Finding]:
        """What the end of the log shows."""
        if self.found:
            return []  # said already, and more precisely
        if self.head_ok < len(self.entries):
            text = f"the last {len(self.entries) - self.head_ok} entries have no signed head"
            return [Finding(Fault.TRUNCATED, text, self.lines)]
        if self.entries and self.entries[-1][0].kind is Kind.CLOSED:
            return []
        text = (
            "it does not end with a closing entry: its end was cut off, its session was killed, or "
            "is still running"
        )
        return [Finding(Fault.OPEN_END, text, self.lines)]


def parse(data: bytes, *, every_head: bool = True) -> StoredLog:
    """Read a log. ForeignLogError: it does not begin as one.

    `every_head` False: to continue a log; years of heads would take minutes to check.
    """
    if len(data) > MAX_LOG_BYTES:
        raise ForeignLogError(f"{len(data)} bytes are no log of this software")
    first, _, rest = data.partition(b"\n")
    header = from_line(first)
    if not isinstance(header, Header):
        raise ForeignLogError("it does not begin with the header of an audit log")
    log = StoredLog(header, every_head=every_head)
    lines = rest.split(b"\n")
    for raw in lines[:-1]:
        log.take(raw)
    if lines[-1]:
        log.lines += 1
        text = "the last line is not complete: cut off"
        log.found.append(Finding(Fault.TRUNCATED, text, log.lines))
    log.finish()
    return log


def _numbering(numbers: list[tuple[int, int]], what: str) -> list[Finding]:
    """Numbers that are missing, come twice, or stand in another order than 0, 1, 2, ..."""
    out: list[Finding] = []
    present = {number for number, _ in numbers}
    newest = -1
    for number, at in numbers:
        if number <= newest:
            out.append(Finding(Fault.REORDERED, f"{what} {number} stands after {newest}", at))
        else:
            missing = [n for n in range(newest + 1, min(number, newest + 1000)) if n not in present]
            if missing:
                out.append(Finding(Fault.DELETED, f"{what} {missing[0]} is not here", at))
        newest = max(newest, number)
    return out
