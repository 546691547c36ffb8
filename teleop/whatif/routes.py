"""The page and its one question, for the gateway and for `teleop whatif`. It moves nothing.

An answer needs about half a millisecond of the server's time; the rate is capped so that nobody can
slow a running session by asking.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from safety.limits import Limits
from teleop.whatif.messages import Question, QuestionError
from teleop.whatif.model import answer
from transport.local.clock import now_ns
from transport.rates import TokenBucket

RATE_HZ, BURST = 20.0, 20.0
"""Of all pages together: at most 1 % of a core."""
MAX_BYTES = 4096
_DECODER = msgspec.json.Decoder(Question)
_JSON = "application/json"


class WhatIf:
    """Answers questions within the rate."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bucket = TokenBucket(RATE_HZ, BURST, now_ns())

    async def ask(self, request: web.Request) -> web.Response:
        """Answer one question; 400: it is none, 413: too long, 429: too many."""
        if not self._bucket.take(now_ns()):
            return web.Response(status=429, text="Too many questions; wait a second.\n")
        if request.content_length is None or request.content_length > MAX_BYTES:
            return web.Response(status=413, text=f"At most {MAX_BYTES} bytes.\n")
        try:
            reply = answer(_DECODER.decode(await request.read()), self._limits)
        except (msgspec.MsgspecError, QuestionError, UnicodeDecodeError) as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.Response(body=msgspec.json.encode(reply), content_type=_JSON)


def add_routes(app: web.Application, limits: Limits) -> None:
    """Add the question to an application that already serves the pages."""
    app.router.add_post("/whatif/ask", WhatIf(limits).ask)
