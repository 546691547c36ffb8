"""How often an address may open connections (pure; time is an argument).

A TLS handshake costs the event loop that also carries commands a millisecond or two: whoever opens
hundreds a second would hold the arm, without ever saying a word. So a caller is judged before it.
"""

from __future__ import annotations

import ipaddress

from transport.rates import TokenBucket

PER_ADDRESS_HZ, PER_ADDRESS_BURST = 10.0, 60.0
"""An address from which somebody has joined. A browser opens up to six connections for a page and
keeps them: three pages of one machine that are loaded anew at once stay far below the burst."""
PER_STRANGER_HZ, PER_STRANGER_BURST = 1.0, 30.0
"""One from which nobody has: four pages may be opened at once before the first of them joins. What
each costs (handshake, upgrade, end: some 4 ms) stays below a hundredth of the time, so that the
99th percentile of the commands' age does not see it."""
STRANGERS_HZ, STRANGERS_BURST = 10.0, 60.0
"""All of those together: many addresses are cheap to have."""
MOST_ADDRESSES = 1024
MOST_KNOWN = 256
_V6_NETWORK = 64
"""A subscriber has at least a /64 of IPv6 addresses (RFC 6177): it counts as one address."""


class Callers:
    """One bucket for each address, one for all strangers."""

    def __init__(self, now_ns: int) -> None:
        self._strangers = TokenBucket(STRANGERS_HZ, STRANGERS_BURST, now_ns)
        self._buckets: dict[str, TokenBucket] = {}
        self._known: dict[str, None] = {}
        self.turned_away = 0
        """Connections that were closed before their first byte was read."""

    def admit(self, address: str, now_ns: int) -> bool:
        """True: this connection may go on to its handshake."""
        name = _name(address)
        stranger = name not in self._known
        bucket = self._bucket(name, stranger, now_ns)
        if not bucket.has(now_ns) or (stranger and not self._strangers.take(now_ns)):
            self.turned_away += 1
            return False
        return bucket.take(now_ns)

    def know(self, address: str) -> None:
        """Somebody joined from here: a flood of strangers does not close this way."""
        name = _name(address)
        if name not in self._known:
            self._buckets.pop(name, None)  # it gets that of somebody who joined
        self._known.pop(name, None)
        self._known[name] = None
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    def _bucket(self, name: str, stranger: bool, now_ns: int) -> TokenBucket:
        bucket = self._buckets.pop(name, None)
        if bucket is None and stranger:
            bucket = TokenBucket(PER_STRANGER_HZ, PER_STRANGER_BURST, now_ns)
        elif bucket is None:
            bucket = TokenBucket(PER_ADDRESS_HZ, PER_ADDRESS_BURST, now_ns)
        self._buckets[name] = bucket  # the newest is the last: the longest silent one is forgotten
        if len(self._buckets) > MOST_ADDRESSES:
            del self._buckets[next(iter(self._buckets))]
        return bucket


def _name(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _V6_NETWORK), strict=False))
