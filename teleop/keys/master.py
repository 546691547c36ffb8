"""Which session has which command key, and who may agree on one (pure; no input or output).

A session's device key never changes. Without a pin and without enrolment a console is only as
trustworthy as the gateway that says who it is; a site can refuse that
(`security.browser_consoles`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from teleop.keys.errors import SourceError
from teleop.keys.messages import Done, Failed, FromKeys, Offered, Sign, Signed, Trust
from transport.binding import answer_text
from transport.identity import DeviceKey, decode, encode
from transport.keyagreement import Agreed, AgreementError, RobotSide, Suite, pin_id

MAX_SESSIONS = 64
REPLY_NS = 15_000_000_000
"""An offer that was not answered for so long is made anew (the console may have been away)."""


class KeySource(Protocol):
    """Gives keys that consoles can get as well (pre-shared, or an external key service)."""

    def next_key(self) -> tuple[bytes, bytes]:
        """Id (16 bytes) and key. SourceError: none now."""


@dataclass(frozen=True, slots=True)
class Install:
    """Hand this key to guard."""

    session: int
    key: bytes


Outcome = Install | FromKeys


@dataclass(slots=True)
class _Session:
    side: RobotSide | None = None
    asked_ns: int = 0
    device_key: bytes = b""
    trust: Trust = "gateway"
    key: bytes = b""
    agreed_ns: int = 0
    present: bool = True


@dataclass(slots=True)
class KeyMaster:
    """All agreements of one run."""

    site: DeviceKey
    nonce: Callable[[], bytes]
    pins: Callable[[], list[bytes]]
    """Pins of all invitations so far."""
    enrolled: Callable[[bytes], bool]
    """True for a device key that the site has enrolled as a console."""
    gateway_is_enough: bool
    """Consoles with neither pin nor enrolment (browsers) may have a key."""
    rekey_ns: int
    source: KeySource | None = None
    _sessions: dict[int, _Session] = field(default_factory=dict)
    _used_pins: dict[bytes, bytes] = field(default_factory=dict)
    """Pin -> the device key that used it."""

    def begin(self, session: int, now_ns: int) -> list[Outcome]:
        """A console joined, or is to change its key."""
        known = self._sessions.get(session)
        if known is None:
            if len(self._sessions) >= MAX_SESSIONS:
                return [Failed(session, "too many sessions")]
            known = self._sessions[session] = _Session()
        known.present, known.asked_ns = True, now_ns
        try:
            source = self.source.next_key() if self.source else None
        except SourceError as error:
            return [Failed(session, f"key source: {error}")]
        known.side = RobotSide(session, self.nonce(), self.site, source)
        return [Offered(session, encode(known.side.offer))]

    def reply(self, session: int, data: str, now_ns: int) -> list[Outcome]:
        """A console answered; the key is installed before the console hears that it is."""
        known, raw = self._sessions.get(session), decode(data)
        if known is None or known.side is None or raw is None:
            return [Failed(session, "no offer waits for this reply")]
        side, known.side = known.side, None  # one try per offer: no guessing
        asked: list[bytes] = []
        try:
            agreed = side.finish(raw, lambda name: self._pin(name, asked))
            known.trust = self._trust(known, agreed, asked)
        except AgreementError as error:
            return [Failed(session, str(error))]
        known.device_key, known.key, known.agreed_ns = agreed.device_key, agreed.key, now_ns
        done = Done(session, encode(agreed.done), int(agreed.suite), known.trust)
        return [Install(session, agreed.key), done]

    def end(self, session: int) -> None:
        """The console left; its key stays (it may come back), but is not renewed."""
        known = self._sessions.get(session)
        if known is not None:
            known.present, known.side = False, None

    def tick(self, now_ns: int) -> list[Outcome]:
        """Offers that are due: renewed keys, and offers that nobody answered."""
        out: list[Outcome] = []
        for session, known in self._sessions.items():
            unanswered = known.side is not None and now_ns - known.asked_ns > REPLY_NS
            old = known.side is None and known.key and now_ns - known.agreed_ns > self.rekey_ns
            if known.present and (unanswered or (old and now_ns - known.asked_ns > REPLY_NS)):
                out += self.begin(session, now_ns)
        return out

    def sign(self, wanted: Sign) -> Signed:
        """Sign an answer; the text is made here, so nothing else can be got signed."""
        text = answer_text(
            wanted.nonce, wanted.session, wanted.role, wanted.peer, wanted.link,
            wanted.offer, wanted.answer,
        )  # fmt: skip
        return Signed(wanted.id, encode(self.site.sign_bytes(text)), self.site.public)

    def installed(self) -> list[Install]:
        """All keys, for a guard that was started anew."""
        return [Install(n, known.key) for n, known in self._sessions.items() if known.key]

    def _pin(self, name: bytes, asked: list[bytes]) -> bytes | None:
        pin = next((pin for pin in self.pins() if pin_id(pin) == name), None)
        asked += [pin] if pin is not None else []
        return pin

    def _trust(self, known: _Session, agreed: Agreed, asked: list[bytes]) -> Trust:
        """Why this console is believed; AgreementError: it is not."""
        device = agreed.device_key
        if known.device_key:
            if not hmac.compare_digest(known.device_key, device):
                raise AgreementError("another device than before in this session")
            return known.trust
        if Suite.PIN in agreed.suite:
            if self._used_pins.setdefault(asked[0], device) != device:
                raise AgreementError("the pin was used by another device")
            return "pin"
        if self.enrolled(device):
            return "enrolled"
        if not self.gateway_is_enough:
            raise AgreementError("this site wants a pin or an enrolled device")
        return "gateway"
