"""Where the gateway listens, and whose requests it answers."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from teleop.config import Link, Network
from teleop.gateway.errors import StartError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
BACKLOG = 64
Socket = socket.socket


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound socket and how it is served."""

    socket: socket.socket
    host: str
    port: int
    tls: ssl.SSLContext | None
    more: tuple[Socket, ...] = ()
    """Bound to the other links' addresses, at the same port."""
    addresses: tuple[str, ...] = ()
    """Addresses of the links."""

    @property
    def sockets(self) -> tuple[Socket, ...]:
        """All bound sockets."""
        return (self.socket, *self.more)

    def close(self) -> None:
        """Close all sockets."""
        for one in self.sockets:
            one.close()

    @property
    def scheme(self) -> str:
        """URL scheme: http or https."""
        return "https" if self.tls else "http"


def _address(bind: str) -> Address:
    try:
        return ipaddress.ip_address("127.0.0.1" if bind == "localhost" else bind)
    except ValueError:
        raise StartError(
            f"network.bind = {bind!r} is not an address; use 127.0.0.1 or one of this machine's"
        ) from None


def _tls(network: Network) -> ssl.SSLContext | None:
    if not network.certificate and not network.private_key:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(network.certificate, network.private_key or None)
    except (OSError, ValueError) as error:
        raise StartError(
            f"network.certificate = {network.certificate!r}, network.private_key ="
            f" {network.private_key!r}: {error}; give PEM files that belong together"
        ) from error
    return context


def open_listener(network: Network, earlier_port: int = 0) -> Listener:
    """Bind as configured; where any port will do, to the earlier one when it is still free.

    StartError: not allowed or not possible, with the fix.
    """
    address = _address(network.bind)
    tls = _tls(network)
    if not address.is_loopback and tls is None and not network.insecure_lan:
        raise StartError(
            f"network.bind = {network.bind!r} is reachable from other machines and has no TLS; set"
            " network.certificate and network.private_key, or accept the risk with --insecure-lan"
        )
    if network.port == 0 and earlier_port:
        with contextlib.suppress(StartError):
            return _bind(address, earlier_port, tls)
    return _bind(address, network.port, tls)


def with_links(listener: Listener, network: Network, links: Sequence[Link]) -> Listener:
    """Listen on the links' addresses too, so that a page finds another way when one link is lost.

    StartError: not allowed or not possible, with the fix; nothing stays open then.
    """
    covered = {listener.socket.getsockname()[0], "0.0.0.0", "::"}
    more: list[socket.socket] = []
    try:
        for link in links:
            if not link.address:
                continue
            address = _address(link.address)
            if not address.is_loopback and listener.tls is None and not network.insecure_lan:
                raise StartError(
                    f"links: {link.address} is reachable from other machines and has no TLS; set"
                    " network.certificate and network.private_key, or accept --insecure-lan"
                )
            if str(address) not in covered and listener.socket.getsockname()[0] != "0.0.0.0":
                more.append(_bind(address, listener.port, listener.tls).socket)
                covered.add(str(address))
    except StartError:
        for one in (*more, listener.socket):
            one.close()
        raise
    known = tuple(link.address for link in links if link.address)
    return dataclasses.replace(listener, more=tuple(more), addresses=known)


def _bind(address: Address, port: int, tls: ssl.SSLContext | None) -> Listener:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    try:
        listener.bind((str(address), port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(_why_not(error, str(address), port)) from error
    host = "127.0.0.1" if address.is_unspecified and address.version == 4 else str(address)
    return Listener(listener, host, int(listener.getsockname()[1]), tls)


def _why_not(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {address} is in use; stop the program that uses it, or choose another"
            " with --port N (--port 0 takes any free one)"
        )
    if error.errno == errno.EACCES:
        return f"port {port} needs rights that this user does not have; choose one above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"network.bind = {address!r} is not an address of this machine"
    return f"cannot listen on {address} port {port}: {error}"


def _host(address: str, port: int) -> str:
    return f"[{address.lower()}]:{port}" if ":" in address else f"{address.lower()}:{port}"


class Door:
    """Checks the Host and Origin headers: no DNS rebinding, no pages of other sites."""

    def __init__(self, listener: Listener) -> None:
        self._scheme = listener.scheme
        self._port = listener.port
        self._loopback = _address(listener.host).is_loopback
        name = socket.gethostname().lower()
        self._names = {"localhost"} if self._loopback else {"localhost", name, f"{name}.local"}
        self._names |= {address.lower() for address in listener.addresses}
        hosts = [_host(address, listener.port) for address in (listener.host, *listener.addresses)]
        self._origins = frozenset(f"{listener.scheme}://{host}" for host in hosts)
        self.other_hosts = tuple(hosts)
        """Where else a page of ours may open its socket."""

    def host_allowed(self, host: str) -> bool:
        """True for our own port under a literal address or a name of this machine."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        default = 443 if self._scheme == "https" else 80
        if (port or default) != self._port or parts.username is not None or parts.path:
            return False
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self._loopback

    def origin_allowed(self, origin: str | None, host: str) -> bool:
        """True for our own pages (on any link), and for native programs (which send no Origin)."""
        if origin is None or origin.lower() == f"{self._scheme}://{host.lower()}":
            return True
        return len(self._origins) > 1 and origin.lower() in self._origins
