"""A console page whose clock is not that of the robot."""

from __future__ import annotations

from bench.people import ConsolePage
from teleop.scripted.persons import Act, Seen


def _ours(now_ns: int) -> int:
    return now_ns


class StrangeClock(ConsolePage):
    """Goes on where `page` was; its time runs at another rate and is somewhere else."""

    def __init__(self, page: ConsolePage, start_ns: int, ppm: float, jump_s: float) -> None:
        before = page.theirs if isinstance(page, StrangeClock) else _ours
        self.__dict__.update(page.__dict__)
        self._before = before
        """A clock that was strange already stays so: a second fault does not set it right."""
        self._start_ns, self._ppm, self._jump_ns = start_ns, ppm, round(jump_s * 1e9)

    def theirs(self, now_ns: int) -> int:
        """What the console's clock shows."""
        drift_ns = round((now_ns - self._start_ns) * self._ppm * 1e-6)
        return self._before(now_ns) + self._jump_ns + drift_ns

    def present(self, rtp_timestamp: int, now_ns: int, mark: int) -> None:
        """A frame came on screen."""
        super().present(rtp_timestamp, self.theirs(now_ns), mark)

    def rendered(self, stamp_us: int, now_ns: int) -> None:
        """A force sample was shown."""
        super().rendered(stamp_us, self.theirs(now_ns))

    def look(self, now_ns: int, seen: Seen) -> tuple[Act, ...]:
        """The expert looks and decides."""
        return super().look(self.theirs(now_ns), seen)

    def sample(self, now_ns: int) -> bytes | None:
        """The next safety frame."""
        return super().sample(self.theirs(now_ns))
