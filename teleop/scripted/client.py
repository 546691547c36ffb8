"""A native page: joins the gateway over its WebSocket with a join code and a device key.

Same handshake as a browser (`transport/schema.py`): challenge, hello with a signature of an Ed25519
key that never leaves this process, welcome. After a lost socket it joins again with the token.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec

from teleop.config import ConfigError, read_run
from teleop.keys.errors import SetupError
from teleop.keys.files import read_pins, read_site_key
from teleop.keys.sources import Source, open_source
from teleop.pinning import fingerprint_of
from teleop.scripted.commandkey import CommandKey
from teleop.tasks import end_tasks
from transport import schema
from transport.binding import answer_text, digest, is_proven, offer_text
from transport.datagrams import Direction, derive_key
from transport.identity import DeviceKey, decode, encode, fingerprint
from transport.schema import (
    Answer,
    Challenge,
    Event,
    FromServer,
    Hello,
    KeyDone,
    KeyOffer,
    Offer,
    Refused,
    Role,
    Signal,
    Welcome,
)

JOIN_TIMEOUT_S = 15.0
ANSWER_TIMEOUT_S = 20.0
CLOSE_TIMEOUT_S = 1.0
"""How long a robot that does not answer is waited for when a page leaves."""
GATEWAY_FILE = "gateway.json"
JOIN_FILE = "join.json"


class ClientError(RuntimeError):
    """Base of what a scripted client can meet; the message says what to look at."""


class GatewayError(ClientError):
    """The gateway said no or spoke nonsense (theirs)."""


class RefusedError(GatewayError):
    """The gateway said no, with a reason of the text table (`refused.REASON`)."""

    def __init__(self, role: Role, refused: Refused) -> None:
        super().__init__(f"{role.value}: refused: {refused.reason} {refused.detail}".strip())
        self.reason, self.detail = refused.reason, refused.detail


class RunFolderError(ClientError):
    """The run folder lacks what a client needs (ours): is the demo running?"""


async def wait_for_json(path: Path, timeout_s: float) -> dict[str, object]:
    """Read a JSON object that another process writes once it is ready."""
    problem = ""
    for _ in range(max(1, int(timeout_s / 0.1))):
        try:
            found = json.loads(path.read_text("utf-8"))
            if isinstance(found, dict):
                return found
            problem = "not a JSON object"
        except (OSError, ValueError) as error:  # not there yet, or being written
            problem = str(error)
        await asyncio.sleep(0.1)
    raise RunFolderError(f"{path}: {problem} after {timeout_s:.0f} s; is the demo running?")


def _source(run_dir: Path) -> Source | None:
    """The key source of a run on this machine."""
    try:
        return open_source(read_run(run_dir).security)
    except (ConfigError, SetupError) as error:
        raise RunFolderError(f"{run_dir}: {error}") from error


def _seal(run_dir: Path) -> bytes:
    """Fingerprint of the certificate that this run serves."""
    try:
        return fingerprint_of(Path(read_run(run_dir).network.certificate))
    except (ConfigError, OSError, ValueError) as error:
        raise RunFolderError(f"{run_dir}: its certificate cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Door:
    """Where a page joins."""

    origin: str
    """Such as http://127.0.0.1:8443."""
    code: str
    """One-time join code of the role."""
    pin: bytes | None = None
    """Pin of a console's invitation; the gateway is never told."""
    certificate: bytes | None = None
    """SHA-256 of the only certificate to believe; None: whatever this machine's roots vouch for."""
    site: str = ""
    """Fingerprint of the robot's site key; empty: the first that is seen."""
    source: Source | None = None
    """This console's end of the site's key source."""

    @property
    def trust(self) -> aiohttp.Fingerprint | bool:
        """For aiohttp's `ssl`."""
        return True if self.certificate is None else aiohttp.Fingerprint(self.certificate)


class PageClient:
    """One joined page. `on_message` gets every message that is not an answer to a request."""

    def __init__(
        self,
        run_dir: Path,
        role: Role,
        on_message: Callable[[Signal], None],
        door: Door | None = None,
        device: DeviceKey | None = None,
    ) -> None:
        """`door`: where to join; None: as the files of the run folder say.

        `device`: this machine's own key (enrolled, perhaps); None: a new one.
        """
        self._run_dir = run_dir
        self._door = door
        self.role = role
        self._on_message = on_message
        self._key = device or DeviceKey()
        self.command_key = CommandKey(self._key)
        """Signs the frames of a console."""
        self._site = ""
        """Fingerprint of the robot's site key; empty: not known."""
        self._token = ""
        self._nonce = ""
        self.host = ""
        """The robot's address that this page joined at."""
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._http: aiohttp.ClientSession | None = None
        self._answers: dict[tuple[str, int], asyncio.Future[Answer]] = {}
        """By peer and link."""
        self._reader: asyncio.Task[None] | None = None
        self.welcome: Welcome | None = None
        self._others: list[str] = []
        """Origins of the robot's other links: tried in turn when the one in use is lost."""
        self.refused: list[str] = []
        self.joins = 0
        self.closed = asyncio.Event()
        """Set when the socket was lost; `join` again."""

    async def join(self) -> Welcome:
        """Connect and say hello with the join code, or with the token of an earlier join."""
        door = self._door or await self._find_door()
        await self._hang_up()
        if self._http is None:
            self._http = aiohttp.ClientSession()
        origin = self._others[0] if self._others else door.origin
        self._others = self._others[1:] + self._others[:1]
        try:
            self._socket = await self._http.ws_connect(
                f"{origin}/ws",
                headers={"Origin": origin},
                max_msg_size=schema.MAX_SIGNAL_BYTES,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                ssl=door.trust,
            )
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                self.welcome = await self._handshake(door.code)
        except aiohttp.ServerFingerprintMismatch as error:
            raise GatewayError(
                f"{self.role.value}: {origin} shows another certificate than its address names: "
                "copy the address anew; if that does not help, somebody stands between"
            ) from error
        except aiohttp.ClientConnectorError as error:
            why = error.strerror or error
            raise GatewayError(f"{self.role.value}: cannot join {origin}: {why}") from error
        except (aiohttp.ClientError, TimeoutError, KeyError) as error:
            raise GatewayError(f"{self.role.value}: cannot join {origin}: {error!r}") from error
        self._token = self.welcome.token
        if self.joins == 0:
            self.command_key = CommandKey(self._key, door.pin, door.site, door.source)
            self._site = door.site
        self._know_origins(origin, self.welcome)
        self.host = urlsplit(origin).hostname or ""
        self.joins += 1
        self.closed.clear()
        self._reader = asyncio.create_task(self._read())
        return self.welcome

    def _know_origins(self, origin: str, welcome: Welcome) -> None:
        """The next join tries another link first: this one's socket was lost then."""
        url = urlsplit(origin)
        hosts = [link.address for link in welcome.links if link.address not in ("", url.hostname)]
        shown = [f"[{host}]" if ":" in host else host for host in hosts]
        others = [f"{url.scheme}://{host}:{url.port}" for host in shown]
        self._others = [*others, origin]

    async def _find_door(self) -> Door:
        gateway = await wait_for_json(self._run_dir / GATEWAY_FILE, JOIN_TIMEOUT_S)
        codes = await wait_for_json(self._run_dir / JOIN_FILE, JOIN_TIMEOUT_S)
        if self.role.value not in codes:
            raise RunFolderError(f"{self._run_dir / JOIN_FILE}: no code for {self.role.value}")
        pins = read_pins(self._run_dir) if self.role is Role.CONSOLE else []
        seal = _seal(self._run_dir) if gateway["tls"] else None
        scheme = "https" if gateway["tls"] else "http"
        origin = f"{scheme}://{gateway['host']}:{gateway['port']}"
        pin, key = pins[0] if pins else None, read_site_key(self._run_dir)
        code = str(codes[self.role.value])
        return Door(
            origin, code, pin, seal, fingerprint(key) if key else "", _source(self._run_dir)
        )

    async def _handshake(self, code: str) -> Welcome:
        challenge = await self._receive()
        if not isinstance(challenge, Challenge):
            raise GatewayError(f"{self.role.value}: {type(challenge).__name__} before a challenge")
        self._nonce = challenge.nonce
        secret = self._token or code
        await self.send(
            Hello(
                version=schema.PROTOCOL_VERSION,
                device_key=self._key.public,
                signature=self._key.sign(challenge.nonce, secret),
                code="" if self._token else code,
                token=self._token,
                client="native",
            )
        )
        while not isinstance(reply := await self._receive(), Welcome):
            if isinstance(reply, Refused):
                raise RefusedError(self.role, reply)
            self._on_message(reply)
        return reply

    def datagram_key(self, direction: Direction) -> bytes:
        """Key of this join's datagrams."""
        return derive_key(self._token, self._nonce, direction)

    async def send(self, message: Signal) -> None:
        """Send one signalling message; a lost socket shows in `closed`."""
        if self._socket is None or self._socket.closed:
            self.closed.set()
            return
        try:
            await self._socket.send_str(msgspec.json.encode(message).decode())
        except (aiohttp.ClientError, ConnectionError):
            self.closed.set()

    async def event(self, name: str, arg: int = 0) -> None:
        """Tell guard what the person did."""
        await self.send(Event(name, arg))

    async def exchange(self, offer: Offer) -> Answer:
        """Send an offer and wait for its answer."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[offer.peer, offer.link] = future
        nonce = self._nonce
        await self.send(self._proven(offer))
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                answer = await future
            self._check(nonce, offer, answer)
            return answer
        except TimeoutError as error:
            raise GatewayError(
                f"no answer to the {offer.peer} offer within {ANSWER_TIMEOUT_S:.0f} s "
                f"(refused so far: {self.refused})"
            ) from error
        finally:
            self._answers.pop((offer.peer, offer.link), None)

    def _proven(self, offer: Offer) -> Offer:
        """The offer with this device's signature."""
        assert self.welcome is not None
        text = offer_text(
            self._nonce, self.welcome.session, self.role, offer.peer, offer.link, digest(offer.sdp)
        )
        return msgspec.structs.replace(offer, proof=encode(self._key.sign_bytes(text)))

    def _check(self, nonce: str, offer: Offer, answer: Answer) -> None:
        """GatewayError: the answer is not of the robot that we know."""
        assert self.welcome is not None
        if not answer.proof and not self._site:
            return  # nobody told us who the robot is: TLS alone vouches for the answer
        text = answer_text(
            nonce, self.welcome.session, self.role, offer.peer, offer.link,
            digest(offer.sdp), digest(answer.sdp),
        )  # fmt: skip
        name = fingerprint(decode(answer.site_key) or b"")
        if self._site not in ("", name) or not is_proven(answer.site_key, answer.proof, text):
            raise GatewayError(f"the {offer.peer} answer is not signed by the robot of this site")
        self._site = name

    async def close(self) -> None:
        """Leave."""
        await self._hang_up()
        if self._http is not None:
            await self._http.close()

    async def _hang_up(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await end_tasks([reader])
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    async def _receive(self) -> FromServer:
        assert self._socket is not None
        message = await self._socket.receive()
        if message.type != aiohttp.WSMsgType.TEXT:
            raise GatewayError(f"{self.role.value}: the gateway closed the socket")
        try:
            decoded: FromServer = msgspec.json.decode(message.data, type=FromServer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise GatewayError(f"{self.role.value}: unreadable message: {error}") from error
        return decoded

    async def _agree(self, message: KeyOffer | KeyDone) -> None:
        if isinstance(message, KeyDone):
            self.command_key.done(message)
            return
        assert self.welcome is not None
        reply = self.command_key.offer(self.welcome.session, message)
        if reply is not None:
            await self.send(reply)

    def _note_refusal(self, message: Refused) -> None:
        """Fail the exchange that the refusal speaks of, instead of waiting for its time-out."""
        self.refused.append(message.reason)
        word = message.reason.split("_")[0]
        peer = {"media": "video", "offer": "command"}.get(word, "")
        for (kind, link), future in self._answers.items():
            if kind == peer and message.link in (-1, link) and not future.done():
                future.set_exception(GatewayError(f"{message.reason}: {message.detail}"))

    async def _read(self) -> None:
        try:
            while True:
                message = await self._receive()
                if isinstance(message, Answer):
                    future = self._answers.get((message.peer, message.link))
                    if future is not None and not future.done():
                        future.set_result(message)
                    continue
                if isinstance(message, KeyOffer | KeyDone):
                    await self._agree(message)
                    continue
                if isinstance(message, Refused):
                    self._note_refusal(message)
                self._on_message(message)
        except GatewayError:
            self.closed.set()  # the runner joins again
