"""Which quality is sent: one ladder per viewer, one decision for the one encode (pure)."""

from __future__ import annotations

from dataclasses import dataclass, field

from transport.ladder import Ladder, Rung, agreed, rungs
from transport.narrow import Sign


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who watches, read from the name that gateway gave: `session.link.random`."""

    session: str
    link: str

    @classmethod
    def of(cls, name: str) -> Viewer:
        """Names of another form are a session of their own."""
        session, _, rest = name.partition(".")
        return cls(session, rest or name)


@dataclass(slots=True)
class Quality:
    """The ladders of all viewers."""

    width: int
    height: int
    fps: float
    bitrate_kbps: int
    fixed: bool
    """The configuration wants its own quality, whatever the links carry."""
    _ladders: dict[str, Ladder] = field(default_factory=dict)
    _steps: tuple[Rung, ...] = ()

    def __post_init__(self) -> None:
        self._steps = rungs(self.width, self.height, self.fps, self.bitrate_kbps)
        if self.fixed:
            self._steps = self._steps[:1]

    def joined(self, name: str, now_ns: int) -> None:
        """A viewer was connected."""
        self._ladders[name] = Ladder(self._steps, now_ns)

    def left(self, name: str) -> None:
        """A viewer is gone."""
        self._ladders.pop(name, None)

    def reported(
        self, name: str, sign: Sign, sent_kbps: float, now_ns: int, copies: int = 1,
        far: bool = False,
    ) -> bool:  # fmt: skip
        """Take a viewer's report; True: its link is too narrow for copies of the packets."""
        ladder = self._ladders.get(name)
        return ladder is not None and ladder.reported(sign, sent_kbps, now_ns, copies, far)

    def choose(self, leading: str, now_ns: int) -> Rung:
        """The quality for now; `leading` is the session that drives, empty: nobody."""
        rungs_of: dict[str, dict[str, int]] = {}
        for name, ladder in self._ladders.items():
            viewer = Viewer.of(name)
            rungs_of.setdefault(viewer.session, {})[viewer.link] = ladder.tick(now_ns)
        return self._steps[agreed(rungs_of, leading)]
