"""Reconciles the logs of two sites: what each one says, and what each one saw of the other (pure).

A log by itself shows edits, deletions and reorders by people without its key. Against the owner of
the key only the other site helps: it holds heads that the owner had signed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from teleop.audit.errors import ForeignLogError
from teleop.audit.lines import (
    Entry,
    Head,
    Kind,
    cosigned_body,
    head_is_genuine,
    is_signed_by,
    root_text,
)
from teleop.audit.read import Fault, Finding, StoredLog, parse

Fact = tuple[str, ...]
"""Something that both sites can see."""

MOST = 20
"""Findings of one kind that are listed."""

_witnessed = msgspec.json.Decoder(tuple[str, Head])
_cosigned = msgspec.json.Decoder(tuple[str, Head, int, str])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it."""

    a: tuple[Finding, ...]
    """What is wrong with A, by itself or because B knows better."""
    b: tuple[Finding, ...]
    witnessed_a: int
    """Entries of A that B saw signed."""
    witnessed_b: int

    @property
    def good(self) -> bool:
        """Nothing is wrong."""
        return not self.a and not self.b


def verify(a_data: bytes, b_data: bytes) -> Verdict:
    """Reconcile two logs given as bytes."""
    a, a_found = _read(a_data)
    b, b_found = _read(b_data)
    if a is None or b is None:
        return Verdict(tuple(a_found), tuple(b_found), 0, 0)
    verdict = reconcile(a, b)
    return dataclasses.replace(verdict, a=(*a_found, *verdict.a), b=(*b_found, *verdict.b))


def reconcile(a: StoredLog, b: StoredLog) -> Verdict:
    """What each of two logs says about the other."""
    if (a.header.origin, a.header.key) == (b.header.origin, b.header.key):
        return Verdict(tuple(_copies(a, b)), (), 0, 0)
    a_more, seen_a = _against(a, b)
    b_more, seen_b = _against(b, a)
    if not (seen_a or seen_b or a_more or b_more):
        text = "neither log holds anything that the other site signed: they do not belong together"
        a_more.append(Finding(Fault.UNRELATED, text))
    else:
        a_more += _unkept(a, b) + _unshared(a, b)
        b_more += _unkept(b, a) + _unshared(b, a)
    return Verdict(tuple(a_more), tuple(b_more), seen_a, seen_b)


def verify_one(data: bytes) -> tuple[Finding, ...]:
    """What one log shows by itself."""
    return tuple(_read(data)[1])


def _read(data: bytes) -> tuple[StoredLog | None, list[Finding]]:
    try:
        log = parse(data)
    except ForeignLogError as error:
        return None, [Finding(Fault.DAMAGED, str(error), 1)]
    return log, [*log.found, *log.end_faults()]


def _against(owner: StoredLog, other: StoredLog) -> tuple[list[Finding], int]:
    """What is wrong with `owner` by what `other` holds of it; and how much of it was seen."""
    out: list[Finding] = []
    seen = 0
    for entry, _ in other.entries:
        if entry.kind is Kind.WITNESSED and entry.name == owner.header.origin:
            found, size = _head_seen(owner, entry)
            out += found
            seen = max(seen, size)
    for entry, _ in owner.entries:
        if entry.kind is Kind.COSIGNED and entry.name == other.header.origin:
            out += _own_cosigned(owner, other, entry)
    return out[:MOST], seen


def _head_seen(owner: StoredLog, entry: Entry) -> tuple[list[Finding], int]:
    """Compare one head that the other site kept."""
    origin = owner.header.origin
    try:
        key, head = _witnessed.decode(entry.detail)
    except (msgspec.MsgspecError, RecursionError):
        return [Finding(Fault.DAMAGED, f"the other site's entry {entry.n} holds no head")], 0
    if not head_is_genuine(origin, key, head):
        text = f"the other site's entry {entry.n} holds a head that {origin} never signed"
        return [Finding(Fault.EDITED, text)], 0
    if key != owner.header.key:
        text = f"the other site saw {origin} with another key (its entry {entry.n})"
        return [Finding(Fault.KEY, text)], 0
    have = len(owner.entries)
    if head.size > have:
        text = f"the other site saw {head.size} entries of {origin}; {have} are here"
        return [Finding(Fault.TRUNCATED, text)], 0
    if root_text(owner.tree.root(head.size)) != head.root:
        text = (
            f"{origin} signed another history of its first {head.size} entries for the other site "
            f"(its entry {entry.n}): rewritten after it was seen, or two histories were kept"
        )
        return [Finding(Fault.FORKED, text)], 0
    return [], head.size


def _own_cosigned(owner: StoredLog, other: StoredLog, entry: Entry) -> list[Finding]:
    """A signature of the other site that we hold must be in its log too."""
    name = other.header.origin
    try:
        key, head, utc_s, signature = _cosigned.decode(entry.detail)
    except (msgspec.MsgspecError, RecursionError):
        return [Finding(Fault.DAMAGED, f"entry {entry.n} holds no signature of {name}")]
    if not is_signed_by(key, signature, cosigned_body(owner.header.origin, head, utc_s)):
        return [Finding(Fault.EDITED, f"entry {entry.n}: {name} never signed this")]
    if key != other.header.key:
        return [Finding(Fault.KEY, f"entry {entry.n}: {name} signed with another key")]
    return []


def _unkept(log: StoredLog, holder: StoredLog) -> list[Finding]:
    """Heads of `holder` that `log`'s site signed, as `holder` can prove, and has no entry about."""
    kept = {
        entry.value
        for entry, _ in log.entries
        if entry.kind is Kind.WITNESSED and entry.name == holder.header.origin
    }
    return [
        Finding(
            Fault.TRUNCATED,
            f"it signed head {entry.value} of {holder.header.origin} (entry {entry.n} there) and "
            "has no entry about it: cut off or changed",
        )
        for entry, _ in holder.entries
        if entry.kind is Kind.COSIGNED
        and entry.name == log.header.origin
        and entry.value not in kept
    ][:MOST]


def _facts(entries: Iterable[Entry]) -> set[Fact]:
    """What both sites can see: engagements by number, stops by state and cause."""
    out: set[Fact] = set()
    for entry in entries:
        if entry.kind is Kind.ENGAGED:
            out.add(("engaged", str(entry.value)))
        elif entry.kind is Kind.STOPPED:
            out.add(("stopped", entry.name, entry.detail))
    return out


def _facts_with(log: StoredLog, other: str) -> set[Fact]:
    """Facts of the visits to one site: an expert's log may hold those to several."""
    visits: list[list[Entry]] = [[]]
    for entry, _ in log.entries:
        if entry.kind in (Kind.OPENED, Kind.JOINED):
            visits.append([])
        visits[-1].append(entry)
    out: set[Fact] = set()
    for visit in visits:
        if any(entry.kind is Kind.WITNESSED and entry.name == other for entry in visit):
            out |= _facts(visit)
    return out


def _is_robot(log: StoredLog) -> bool:
    """The robot's site: its log has what guard decided."""
    return any(entry.kind is Kind.LIMITS for entry, _ in log.entries)


def _unshared(robot: StoredLog, expert: StoredLog) -> list[Finding]:
    """Engagements and stops that the expert's site was shown and the robot's does not know."""
    if not _is_robot(robot) or _is_robot(expert):
        return []
    known = _facts(entry for entry, _ in robot.entries)
    shown = _facts_with(expert, robot.header.origin)
    return [
        Finding(
            Fault.CONTRADICTION,
            f"{expert.header.origin} saw {' '.join(fact)}; {robot.header.origin} does not have it",
        )
        for fact in sorted(shown - known)
    ][:MOST]


def _copies(a: StoredLog, b: StoredLog) -> list[Finding]:
    """Two copies of one log: one must be the beginning of the other."""
    size = min(len(a.entries), len(b.entries))
    if a.tree.root(size) == b.tree.root(size):
        return []
    low, high = 0, size  # the first `low` entries agree, the first `high` do not
    while high - low > 1:
        middle = (low + high) // 2
        same = a.tree.root(middle) == b.tree.root(middle)
        low, high = (middle, high) if same else (low, middle)
    return [Finding(Fault.FORKED, f"the two copies differ from entry {low} on: two histories")]
