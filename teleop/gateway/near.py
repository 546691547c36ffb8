"""Is a page on the gateway's own machine?"""

from __future__ import annotations

from aiohttp import web

FORWARDED = ("Forwarded", "X-Forwarded-For", "Via")
"""A proxy on this machine speaks for somebody who may be far away (RFC 7239, RFC 9110 7.6.3)."""


def is_near(request: web.Request) -> bool:
    """True when both ends of the connection have one address, and no proxy is named."""
    transport = request.transport
    here = transport.get_extra_info("sockname") if transport is not None else None
    if not here or any(name in request.headers for name in FORWARDED):
        return False
    return bool(here[0] == request.remote)
