"""What a page is told when it is let in."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec

from safety.limits import Limits, limits_hash
from safety.messages import GuardReport
from teleop.config import Config, links_of
from teleop.gateway.errors import StartError
from transport import schema as s
from transport.schema import Role
from transport.sessions import Admitted

SITE_FILE = "site.json"


class Site(msgspec.Struct, frozen=True):
    """Facts of the site, from the supervisor."""

    simulated: bool
    site: str = ""
    boot: int = 0


def read_site(run_dir: Path) -> Site:
    """The site facts of this run."""
    try:
        return msgspec.json.decode((run_dir / SITE_FILE).read_bytes(), type=Site)
    except (OSError, msgspec.MsgspecError) as error:
        raise StartError(
            f"{run_dir / SITE_FILE}: {error}; start the processes with `teleop demo`"
        ) from error


def shown_limits(limits: Limits) -> dict[str, float]:
    """The numeric scalars of the limits, for display."""
    return {
        name: float(value)
        for name, value in dataclasses.asdict(limits).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


class Greeter:
    """Makes `Welcome` messages."""

    def __init__(self, config: Config, site: Site) -> None:
        self._config = config
        self._site = site
        self._limits = shown_limits(config.limits)
        self._hash = limits_hash(config.limits)
        self.links = tuple(s.LinkInfo(link.name, link.address, 0) for link in links_of(config))
        self.image: s.ImageState | None = None
        """Newest picture geometry from media."""

    def datagram_ports(self, ports: list[int]) -> None:
        """The UDP port of each link is known now."""
        self.links = tuple(
            msgspec.structs.replace(link, datagram_port=port)
            for link, port in zip(self.links, ports, strict=True)
        )

    def welcome(
        self, admitted: Admitted, lease: int, report: GuardReport | None, *, near: bool = False
    ) -> s.Welcome:
        """The answer to a good `Hello`; `near`: from this very machine."""
        session = admitted.session
        widened = report.limits_widened if report else self._config.limits != Limits()
        return s.Welcome(
            version=s.PROTOCOL_VERSION,
            role=session.role,
            session=session.number,
            token=admitted.token,
            lease=session.role is Role.CONSOLE and session.number == lease,
            limits_hash=self._hash,
            limits=self._limits,
            simulated=self._site.simulated,
            widened=widened,
            display_lag_ms=self._config.video.display_lag_ms,
            video=self._video(),
            room_view=self._site.simulated,
            links=self.links,
            repeat_after_ms=self._config.network.repeat_ms(near=near),
        )

    def _video(self) -> dict[str, float]:
        video = self._config.video
        size = {"width": video.width, "height": video.height, "fps": video.fps}
        shown = {name: float(value) for name, value in size.items()}
        if self.image is not None:
            for name in ("depth_m", "mm_per_px", "apex_x_px", "apex_y_px"):
                shown[name] = float(getattr(self.image, name))
        return shown
