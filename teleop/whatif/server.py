"""`teleop whatif`: the page alone, on this machine, without robot and session."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from aiohttp import web

from safety.limits import DEFAULT, Limits
from teleop.config import Network
from teleop.gateway.listen import Door, Listener, open_listener
from teleop.gateway.pages import DOOR, add_pages, guard_door
from teleop.whatif.routes import MAX_BYTES, add_routes


def application(listener: Listener, limits: Limits) -> web.Application:
    """Pages, texts and the question, behind the same headers and host check as in a session."""
    app = web.Application(middlewares=[guard_door], client_max_size=MAX_BYTES)
    app[DOOR] = Door(listener)
    add_pages(app)
    add_routes(app, limits)
    return app


def serve(port: int, tell: Callable[[str], None], limits: Limits = DEFAULT) -> None:
    """Serve on the loopback address until Ctrl-C; `tell` gets the address. StartError: no port."""
    listener = open_listener(Network(port=port))
    with contextlib.closing(listener):
        tell(f"{listener.scheme}://{listener.host}:{listener.port}")
        web.run_app(
            application(listener, limits),
            sock=listener.socket,
            print=None,
            access_log=None,
            shutdown_timeout=0.3,
        )
