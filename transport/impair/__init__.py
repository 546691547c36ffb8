"""Impaired network links: seeded, pure functions of time, packet index and packet size.

The same profile serves the virtual-clock world (`bench/world.py`), the user-space bridge that
carries real packets (`bench/links/`) and any in-process impairment. See docs/link-emulation.md.
"""

from transport.impair.bottleneck import RateSteps
from transport.impair.link import Drop, Fate, Link, Path, paths
from transport.impair.loss import ParetoBursts, ParetoState
from transport.impair.noise import ImpairError, Noise
from transport.impair.profile import (
    DEAD,
    BlackoutMode,
    JitterShape,
    LinkProfile,
    PathProfile,
)
from transport.impair.timeline import DelayTrace, Outages, Periodic

__all__ = [
    "DEAD",
    "BlackoutMode",
    "DelayTrace",
    "Drop",
    "Fate",
    "ImpairError",
    "JitterShape",
    "Link",
    "LinkProfile",
    "Noise",
    "Outages",
    "ParetoBursts",
    "ParetoState",
    "Path",
    "PathProfile",
    "Periodic",
    "RateSteps",
    "paths",
]
