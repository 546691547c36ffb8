"""The signalling session of one socket as a machine without input or output.

Text in, actions out; the shell (`teleop/gateway/signalling.py`) carries them out.

    challenge -> hello(code | token, device key, signature) -> welcome | refused
    then every message: size cap, rate, decode, role, deliver

Nothing raises on what a peer sends: bad input is refused, counted, and in the end closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import msgspec

from transport import identity, roles
from transport import schema as s
from transport.rates import TokenBucket
from transport.refusals import Reason
from transport.sessions import Admitted, Codes, DeniedError, Registry, Session

HELLO_TIMEOUT_NS = 10_000_000_000
"""A socket that does not say hello is closed (slow senders hold no socket)."""
MAX_HELLOS = 5
MAX_BAD_MESSAGES = 100
MAX_BAD_OF_STRANGERS = 4
"""Before anybody was let in: each answer costs more than the question."""
"""A page that keeps sending what cannot be decoded is closed; it may come back."""
MESSAGE_RATE_HZ = 100.0  # twice what the busiest page (bedside, lift pressed) sends
MESSAGE_BURST = 200.0
EVENT_RATE_HZ = 50.0  # separate, so that no flood of other messages can crowd out a stop
EVENT_BURST = 100.0
MAX_EVENT_BYTES = 256

_decoder = msgspec.json.Decoder(s.FromPage)


@dataclass(frozen=True, slots=True)
class Send:
    """Send this to the page."""

    message: s.FromServer


@dataclass(frozen=True, slots=True)
class Join:
    """The page was let in; store the registry, then answer with `Welcome`."""

    admitted: Admitted
    language: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """A message that this session may send; act on it."""

    session: Session
    message: s.FromPage


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket after what was sent."""


Action = Send | Join | Deliver | Close


class Phase(Enum):
    """Where a socket is."""

    HELLO = auto()
    JOINED = auto()
    CLOSED = auto()


class Guesses:
    """Rate limit of wrong codes over all sockets, per address and in total."""

    def __init__(self, now_ns: int, *, most_addresses: int = 256) -> None:
        self._all = TokenBucket(1.0, 100.0, now_ns)
        self._by_address: dict[str, TokenBucket] = {}
        self._most = most_addresses

    def _bucket(self, address: str, now_ns: int) -> TokenBucket:
        if address not in self._by_address and len(self._by_address) >= self._most:
            self._by_address.pop(next(iter(self._by_address)))
        return self._by_address.setdefault(address, TokenBucket(1 / 6, 10.0, now_ns))

    def blocked(self, address: str, now_ns: int) -> bool:
        """True when so many codes were wrong that no further one is even looked at."""
        return not (self._all.has(now_ns) and self._bucket(address, now_ns).has(now_ns))

    def count(self, address: str, now_ns: int) -> None:
        """One code was wrong."""
        self._all.take(now_ns)
        self._bucket(address, now_ns).take(now_ns)


class Handshake:
    """One socket, from challenge to close."""

    def __init__(
        self, registry: Registry, guesses: Guesses, nonce: str, address: str, now_ns: int
    ) -> None:
        self._registry = registry
        self._guesses = guesses
        self.nonce = nonce
        """Also part of the keys of this console's datagrams."""
        self.native = False
        """The page is a program of its own, not a browser."""
        self._address = address
        self._deadline_ns = now_ns + HELLO_TIMEOUT_NS
        self._messages = TokenBucket(MESSAGE_RATE_HZ, MESSAGE_BURST, now_ns)
        self._events = TokenBucket(EVENT_RATE_HZ, EVENT_BURST, now_ns)
        self._hellos = 0
        self._bad = 0
        self.phase = Phase.HELLO
        self.session: Session | None = None
        self.rejected = 0
        """Messages refused so far."""

    def challenge(self) -> s.Challenge:
        """The first message of the server."""
        return s.Challenge(version=s.PROTOCOL_VERSION, nonce=self.nonce)

    def timed_out(self, now_ns: int) -> list[Action]:
        """Close a socket that has not been let in for too long."""
        if self.phase is Phase.HELLO and now_ns >= self._deadline_ns:
            return self._refuse(Reason.HELLO_TIMEOUT, close=True)
        return []

    def receive(self, data: str | bytes, codes: Codes, now_ns: int) -> list[Action]:
        """Everything a page can send; never raises on it."""
        if self.phase is Phase.CLOSED:
            return []
        if len(data) > s.MAX_SIGNAL_BYTES:
            return self._refuse(Reason.TOO_LARGE, close=True)
        if not self._bucket(data).take(now_ns):
            return self._bad_message(Reason.TOO_FAST)
        try:
            message = _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return self._bad_message(Reason.MESSAGE_INVALID)
        if isinstance(message, s.Hello):
            return self._hello(message, codes, now_ns)
        if self.session is None:
            return self._refuse(Reason.HELLO_FIRST, close=True)
        return self._message(self.session, message)

    def _bucket(self, data: str | bytes) -> TokenBucket:
        """Small messages that look like events have their own budget (before parsing)."""
        if len(data) > MAX_EVENT_BYTES:
            return self._messages
        marked = '"event"' in data if isinstance(data, str) else b'"event"' in data
        return self._events if marked else self._messages

    def _message(self, session: Session, message: s.FromPage) -> list[Action]:
        reason = roles.refusal(session.role, message, drives=self._registry.drives(session.number))
        if reason is not None:
            return self._refuse(reason)
        return [Deliver(session, message)]

    def _hello(self, hello: s.Hello, codes: Codes, now_ns: int) -> list[Action]:
        self._hellos += 1
        if self.session is not None or self._hellos > MAX_HELLOS:
            return self._refuse(Reason.HELLO_AGAIN, close=True)
        if hello.version != s.PROTOCOL_VERSION:
            return self._refuse(Reason.VERSION, close=True)
        if hello.code and self._guesses.blocked(self._address, now_ns):
            return self._refuse(Reason.TOO_MANY_TRIES, close=True)
        try:
            admitted = self._admit(hello, codes, now_ns)
        except DeniedError as denied:
            if denied.guess:
                self._guesses.count(self._address, now_ns)
            last = self._hellos >= MAX_HELLOS
            return self._refuse(denied.reason, close=last, detail=denied.detail)
        self.session = admitted.session
        self.native = hello.client == "native"
        self.phase = Phase.JOINED
        return [Join(admitted, hello.language)]

    def _admit(self, hello: s.Hello, codes: Codes, now_ns: int) -> Admitted:
        if bool(hello.code) == bool(hello.token):
            raise DeniedError(Reason.CODE_OR_TOKEN)
        secret = hello.code or hello.token
        if not identity.verify(hello.device_key, hello.signature, self.nonce, secret):
            raise DeniedError(Reason.SIGNATURE)
        if hello.code:
            return self._registry.exchange(hello.code, hello.device_key, codes, now_ns)
        return self._registry.resume(hello.token, hello.device_key)

    def _bad_message(self, reason: Reason) -> list[Action]:
        self._bad += 1
        most = MAX_BAD_OF_STRANGERS if self.session is None else MAX_BAD_MESSAGES
        if self._bad > most:
            return self._refuse(Reason.TOO_MANY_ERRORS, close=True)
        return self._refuse(reason)

    def _refuse(self, reason: Reason, *, close: bool = False, detail: str = "") -> list[Action]:
        self.rejected += 1
        refused: list[Action] = [Send(s.Refused(reason=reason, detail=detail, close=close))]
        if close:
            self.phase = Phase.CLOSED
            refused.append(Close())
        return refused
