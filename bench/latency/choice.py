"""From words of the command line to a plan; wrong words are named with what would be right."""

from __future__ import annotations

import re
import sys
from typing import get_args

from bench.kit.bench import UsageError
from bench.kit.command import execute, select
from bench.kit.model import Param
from bench.kit.options import Common
from bench.latency.bench import BENCH
from bench.latency.cases import Wanted, plan
from bench.latency.spec import Path, Peer
from bench.links.profiles import names

Words = list[str] | None
SIDE_PX = range(320, 1921)
"""A stamp needs rows of at least 20 blocks to stay small."""


def wanted_of(
    quick: bool, seconds: float, seed: int, wide: bool,
    axes: tuple[Words, Words, Words, list[int] | None, Words], links: int, bitrate_kbps: int,
) -> Wanted:  # fmt: skip
    """Check every word. UsageError names the first that is wrong."""
    paths, peers, sizes, rates, profiles = axes
    return Wanted(
        quick, seconds, seed, wide,
        tuple(Path(_known(word, "--path", [p.value for p in Path])) for word in paths or ()),
        tuple(_peer(word) for word in peers or ()),
        tuple(_size(word) for word in sizes or ()),
        tuple(rates or ()),
        tuple(_known(word, "--profile", names()) for word in profiles or ()),
        links, bitrate_kbps,
    )  # fmt: skip


def _known(word: str, option: str, known: list[str]) -> str:
    if word not in known:
        raise UsageError(f"{option} {word}: there are {', '.join(known)}")
    return word


def _peer(word: str) -> Peer:
    known: tuple[Peer, ...] = get_args(Peer)
    for peer in known:
        if word == peer:
            return peer
    raise UsageError(f"--peer {word}: there are {', '.join(known)}")


def _size(word: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{3,4})x(\d{3,4})", word)
    if match is None:
        raise UsageError(f"--size {word}: write WIDTHxHEIGHT, for example 640x480")
    width, height = int(match[1]), int(match[2])
    if width % 16 or height % 16 or width not in SIDE_PX or height not in range(240, 1073):
        raise UsageError(f"--size {word}: multiples of 16 from 320x240 to 1920x1072")
    return width, height


def start(wanted: Wanted, common: Common, list_only: bool) -> int:
    """Run the plan, or only show its cases; the exit code."""
    cases = plan(wanted)
    if list_only:
        for case in select(cases, common.only):
            sys.stdout.write(f"{case.key:<48} {case.title}\n")
        return 0
    return execute(BENCH, cases, common, (Param("seconds", f"{wanted.seconds:g}"),))
