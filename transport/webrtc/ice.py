"""Which local addresses a peer connection may use (a change to aioice, in one place).

aioice binds a socket on every address of the machine but loopback. Our listeners bind to loopback
unless the site configures an address, so the list of addresses is replaced by the site's.
Names ending in `.local` (how browsers hide their addresses) are left out of offers: resolving them
would open a multicast socket, and the browser's own checks make its address known anyway.
"""

from __future__ import annotations

import ipaddress

import aioice.ice

_machine_addresses = aioice.ice.get_host_addresses


def use_addresses(addresses: list[str]) -> None:
    """From now on peer connections of this process gather only these host addresses."""

    def chosen(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        return list(addresses)

    aioice.ice.get_host_addresses = chosen


def bind_addresses(bind: str) -> list[str]:
    """Addresses to use for a configured `bind`: itself, or every one when it is a wildcard."""
    if bind == "localhost":
        return ["127.0.0.1"]
    if ipaddress.ip_address(bind).is_unspecified:
        return list(_machine_addresses(True, False))
    return [bind]


def without_names(sdp: str) -> str:
    """`sdp` without candidates that are names instead of addresses."""
    lines = sdp.splitlines()
    kept = [line for line in lines if not (line.startswith("a=candidate") and ".local " in line)]
    return "\r\n".join(kept) + "\r\n"
