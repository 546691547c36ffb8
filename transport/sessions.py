"""Sessions, join codes and the lease: who was let in, with which role, and who drives (pure).

A join code is exchanged once for a token that is bound to the device. Sessions end with the run.
`snapshot()` holds no secret, only digests; the gateway keeps it on disk so that tokens, spent codes
and the lease survive a restart of the gateway.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from safety.states import Cause, State
from transport import identity
from transport.refusals import Reason
from transport.schema import Role

MAX_SESSIONS = 64
"""Per run; a run has one bedside, one or two experts and a few observers."""

LEASE_STATES = frozenset({State.INIT, State.IDLE, State.CONNECTED, State.QUALIFIED, State.ARMED})
"""The lease may move in ARMED or below or in OPERATOR HOLD (docs/safety-concept.md)."""


STOPS_TO_DEMOTE = 3
STOPS_WITHIN_NS = 60_000_000_000
"""A console that stops motion so often takes the procedure hostage: it becomes an observer, and may
drive again when the bedside hands over (cf. the single-packet stop of Bonaci et al., 2015)."""


class SessionError(Exception):
    """Base of what can go wrong with sessions."""


class DeniedError(SessionError):
    """The peer may not come in or do this."""

    def __init__(self, reason: Reason, detail: str = "", *, guess: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.guess = guess
        """A wrong code was tried: counts against the rate limit (tokens are too long to guess)."""


class StoreError(SessionError):
    """Our own stored sessions cannot be used."""


class Session(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device that was let in."""

    number: int
    role: Role
    device_key: str
    token_digest: str


class Invitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a join code is good for, once."""

    role: Role
    until_ns: int = 0
    """Monotonic time after which it is not taken; 0: as long as the run."""
    device: str = ""
    """The only device key that may use it; empty: the first that comes."""


Codes = Mapping[str, Role | Invitation]
"""Join codes and what they are good for."""


class Snapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that must survive a restart of the gateway."""

    sessions: tuple[Session, ...] = ()
    spent: tuple[str, ...] = ()
    """Digests of exchanged join codes."""
    next_number: int = 1
    lease: int = 0
    lease_changes: int = 0


@dataclass(frozen=True, slots=True)
class Admitted:
    """A page was let in: its session, and the token it shall use from now on."""

    session: Session
    token: str
    ended: int = 0
    """Session that ended by this (an older bedside), 0 for none."""


def lease_may_move(state: State, causes: int) -> bool:
    """True in ARMED or below, and in a HOLD that only the operator's release caused."""
    operator = 1 << Cause.OPERATOR_RELEASE
    return state in LEASE_STATES or (state is State.HOLD and causes == operator)


class Registry:
    """All sessions of one run."""

    def __init__(
        self,
        snapshot: Snapshot,
        new_token: Callable[[], str],
        is_enrolled: Callable[[str, Role], bool] = lambda device, role: True,
    ) -> None:
        """`is_enrolled`: whether a device (canonical key) may come in this role."""
        self._is_enrolled = is_enrolled
        self._sessions = {s.number: s for s in snapshot.sessions}
        self._by_token = {s.token_digest: s.number for s in snapshot.sessions}
        self._spent = list(snapshot.spent)
        self._next = snapshot.next_number
        self._new_token = new_token
        self.lease = snapshot.lease
        self.lease_changes = snapshot.lease_changes
        self.wanted_by = 0
        """Session of a console that asked to drive."""
        self._stops: list[int] = []
        """When the console that drives stopped motion."""

    def snapshot(self) -> Snapshot:
        """What the gateway stores after every change."""
        return Snapshot(
            tuple(self._sessions.values()),
            tuple(self._spent),
            self._next,
            self.lease,
            self.lease_changes,
        )

    def session(self, number: int) -> Session | None:
        """The session with this number."""
        return self._sessions.get(number)

    def drives(self, number: int) -> bool:
        """True when this session holds the lease."""
        return number != 0 and number == self.lease

    def exchange(self, code: str, device_key: str, codes: Codes, now_ns: int) -> Admitted:
        """Let a page in by its one-time code.

        DeniedError: the code is wrong, spent, too old, or for another device.
        """
        code = identity.normal_code(code)
        if identity.digest(code) in self._spent:
            raise DeniedError(Reason.CODE_USED)
        invitation = _find(code, codes)
        if invitation is None:
            raise DeniedError(Reason.CODE_WRONG, guess=True)
        if invitation.until_ns and now_ns > invitation.until_ns:
            raise DeniedError(Reason.CODE_EXPIRED)
        if invitation.device and not hmac.compare_digest(
            identity.canonical_key(invitation.device), identity.canonical_key(device_key)
        ):
            raise DeniedError(Reason.OTHER_DEVICE)
        role, device_key = invitation.role, identity.canonical_key(device_key)
        if not self._is_enrolled(device_key, role):
            raise DeniedError(Reason.NOT_ENROLLED, device_key)
        if len(self._sessions) >= MAX_SESSIONS:
            raise DeniedError(Reason.TOO_MANY_SESSIONS)
        token = self._new_token()
        session = Session(self._next, role, device_key, identity.digest(token))
        ended = self._end_other_bedside() if role is Role.BEDSIDE else 0
        self._spent.append(identity.digest(code))
        self._next += 1
        self._sessions[session.number] = session
        self._by_token[session.token_digest] = session.number
        if role is Role.CONSOLE and self.lease == 0:
            self._give_lease(session.number)
        return Admitted(session, token, ended)

    def resume(self, token: str, device_key: str) -> Admitted:
        """Let a page in again; DeniedError: token unknown, or of another device."""
        number = self._by_token.get(identity.digest(token))
        if number is None:
            raise DeniedError(Reason.TOKEN_UNKNOWN)
        session = self._sessions[number]
        if not hmac.compare_digest(session.device_key, identity.canonical_key(device_key)):
            raise DeniedError(Reason.OTHER_DEVICE)
        return Admitted(session, token)

    def stopped(self, number: int, now_ns: int) -> bool:
        """The console that drives stopped motion; True: once too often, it drives no longer."""
        if not self.drives(number):
            return False
        self._stops = [at for at in self._stops if now_ns - at < STOPS_WITHIN_NS]
        self._stops.append(now_ns)
        if len(self._stops) < STOPS_TO_DEMOTE:
            return False
        self._give_lease(0)
        return True

    def want_lease(self, number: int, want: bool) -> None:
        """A console asks to drive, or no longer does."""
        if want and not self.drives(number):
            self.wanted_by = number
        elif not want and self.wanted_by == number:
            self.wanted_by = 0

    def confirm_handover(self, state: State | None, causes: int) -> int:
        """The bedside confirms: move the lease; return its new session. DeniedError: not now."""
        if self.wanted_by == 0:
            raise DeniedError(Reason.NOBODY_ASKED)
        if state is None or not lease_may_move(state, causes):
            raise DeniedError(Reason.LEASE_NOT_NOW)
        self._give_lease(self.wanted_by)
        self.wanted_by = 0
        return self.lease

    def _give_lease(self, number: int) -> None:
        self.lease = number
        self.lease_changes += 1
        self._stops.clear()

    def _end_other_bedside(self) -> int:
        """A new bedside page ends the session of an older one: exactly one is the bedside."""
        older = next((s for s in self._sessions.values() if s.role is Role.BEDSIDE), None)
        if older is None:
            return 0
        del self._sessions[older.number]
        del self._by_token[older.token_digest]
        return older.number


def _find(code: str, codes: Codes) -> Invitation | None:
    """Look the code up without telling by timing how much of it was right."""
    found = None
    for known, meant in codes.items():
        if hmac.compare_digest(identity.normal_code(known).encode(), code.encode()):
            found = Invitation(meant) if isinstance(meant, Role) else meant
    return found


def parse_codes(raw: bytes) -> dict[str, Role | Invitation]:
    """Codes of `join.json`: role -> code or list of codes. StoreError: not usable."""
    try:
        table = msgspec.json.decode(raw, type=dict[str, str | list[str]])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError(f"join codes: {error}") from error
    codes: dict[str, Role | Invitation] = {}
    for name, value in table.items():
        if name not in list(Role):
            raise StoreError(f"join codes: unknown role {name!r}")
        codes.update(dict.fromkeys([value] if isinstance(value, str) else value, Role(name)))
    return codes


def parse_invitations(raw: bytes) -> dict[str, Invitation]:
    """Codes of `invitations.json` with what they are good for. StoreError: not usable."""
    try:
        return msgspec.json.decode(raw, type=dict[str, Invitation])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError(f"invitations: {error}") from error
