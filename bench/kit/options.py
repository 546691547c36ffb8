"""Options that every bench has (light: loaded for --help)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

FOLDER = Path("runs/bench")


@dataclass(frozen=True, slots=True)
class Common:
    """What the runner needs to know."""

    quick: bool = False
    only: tuple[str, ...] = ()
    """Parts of case keys; empty: all."""
    jobs: int = 1
    """Cases side by side, where they do not measure real time."""
    out: Path = FOLDER
    resume: Path | None = None
    """A run folder whose stored cases are kept."""
    json: bool = False
    figures: bool = True


Quick = Annotated[
    bool, typer.Option("--quick", help="Under a minute: fewer and shorter cases; a smoke run.")
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="WORD", help="Only cases with WORD in their key (repeat it)."),
]
Jobs = Annotated[
    int,
    typer.Option("--jobs", min=1, help="Cases side by side where real time is not measured."),
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of results.")]
Resume = Annotated[
    Path | None,
    typer.Option("--resume", metavar="DIR", help="Go on with this run; stored cases are kept."),
]
Json = Annotated[bool, typer.Option("--json", help="The whole result as JSON on the output.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of every simulated randomness.")]
ListOnly = Annotated[bool, typer.Option("--list", help="Show the cases and leave.")]
