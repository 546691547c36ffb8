"""Draws the page on the state machine: `python -m safety.diagram > docs/state-machine.md`."""

from __future__ import annotations

import sys

from safety.limits import Limits
from safety.permit import Situation, decide
from safety.states import Contact, PermitKind, State
from safety.transitions import CAUSES, REACTIONS, SEVERITY, TRANSITIONS, CauseRow

_HEAD = """# State machine

Generated from `safety/transitions.py` and `safety/permit.py` by `python -m safety.diagram`; a test
compares. Do not edit.

A cause acts in the step in which it is seen; the worst one wins, causes latch, and the first one is
shown at both ends. Automatic changes only go down, except DEGRADED to ACTIVE and the short HOLD.
"""
_WORDS: dict[State | None, str] = {State.QUALIFIED: "set-up, or HOLD on the skin"}


def _mermaid() -> list[str]:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> INIT"]
    for row in TRANSITIONS:
        lines += [f"    {s.name} --> {row.target.name}: {row.text}" for s in row.sources]
    for target in (State.HOLD, State.SAFE_STOP, State.FAULT, State.ESTOP):
        sources = sorted({s for s in (State.ARMED, State.ACTIVE, State.DEGRADED, State.HOLD,
                                      State.LOCAL)
                          if s != target and _reaches(s, target)})  # fmt: skip
        lines += [f"    {s.name} --> {target.name}: causes" for s in sources]
    return [*lines, "```", ""]


def _reaches(state: State, target: State) -> bool:
    return any(to == target for to, _ in REACTIONS[state])


def _cell(target: State | None) -> str:
    return _WORDS.get(target, target.name if target is not None else "")


def _cause(row: CauseRow) -> str:
    hold = "joins" if row.hold == State.HOLD else _cell(row.hold)
    notes = ("link" if row.link else "") + (", may resume" if row.short else "")
    cells = (row.cause.name, _cell(row.setup), _cell(row.armed), _cell(row.moving), hold,
             _cell(row.local), notes)  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _causes() -> list[str]:
    return [
        "## What each cause does",
        "",
        "Columns: the state in which it is seen. `joins`: it latches and must clear before HOLD is",
        "left. `link`: time in HOLD with it drains the bucket. `may resume`: a short HOLD made of",
        "such causes alone may resume by itself. In SAFE_STOP, FAULT and ESTOP only causes that",
        "are as bad or worse count.",
        "",
        "| cause | set-up | ARMED | ACTIVE, DEGRADED | HOLD | LOCAL | |",
        "|---|---|---|---|---|---|---|",
        *(_cause(row) for row in CAUSES),
        "",
    ]


def _transitions() -> list[str]:
    rows = [
        f"| {', '.join(s.name for s in row.sources)} | {row.target.name} | {row.text} |"
        for row in TRANSITIONS
    ]
    head = ["## What people and the set-up do", "", "| from | to | when |", "|---|---|---|"]
    return [*head, *rows, ""]


def _permit(state: State, contact: Contact, *, outlasted: bool) -> str:
    order = decide(Situation(state=state, contact=contact, able=True, in_state_ns=0,
                             engaged_ns=10**10, recovered_ns=10**10, last_force_n=20.0,
                             outlasted=outlasted),
                   Limits())  # fmt: skip
    if order.kind == PermitKind.NONE:
        return "brakes"
    return f"{order.kind.name}, {order.v_max_m_s * 1000:.0f} mm/s, {order.f_max_n:.0f} N"


def _permits() -> list[str]:
    columns = (Contact.NONE, Contact.SKIN, Contact.NEEDLE_IN_TISSUE, Contact.UNKNOWN)
    kinds = [(s, s.name, False) for s in State]
    kinds.append((State.SAFE_STOP, "SAFE_STOP, a HOLD grown too long and no more", True))
    rows = [
        f"| {name} | {SEVERITY[s]} | "
        + " | ".join(_permit(s, c, outlasted=outlasted) for c in columns)
        + " |"
        for s, name, outlasted in kinds
    ]
    return [
        "## What is permitted",
        "",
        "On entering the state, with a force of 20 N before, default limits (the contact column",
        "SKIN is further limited to the contact speed).",
        "",
        "| state | severity | off the skin | on the skin | needle in tissue | unknown |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]


def markdown() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_mermaid(), *_transitions(), *_causes(), *_permits()])


if __name__ == "__main__":
    sys.stdout.write(markdown())
