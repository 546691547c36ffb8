"""Static pages with strict headers: only our own scripts run, nothing is cached or framed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from teleop.gateway.listen import Door

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
TEXT = ROOT / "text"
PAGES = {
    "/console": "console.html",
    "/bedside": "bedside.html",
    "/observe": "observe.html",
    "/whatif": "whatif.html",
}
LANGUAGES = ("en", "zh")

HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), gamepad=(self),"
    " screen-wake-lock=(self), autoplay=(self), fullscreen=(self), geolocation=()",
    "Cache-Control": "no-store",
}
"""COOP and COEP also give the page its fine timer (W3C High Resolution Time)."""


def security_policy(host: str, *, tls: bool, others: Sequence[str] = ()) -> str:
    """The content-security policy; `host` is the checked Host header, `others` the other links."""
    scheme = "wss" if tls else "ws"
    sockets = " ".join(f"{scheme}://{one}" for one in dict.fromkeys((host, *others)))
    return (
        f"default-src 'self'; connect-src 'self' {sockets}; img-src 'self' blob: data:;"
        " media-src 'self' blob: mediastream:; object-src 'none'; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    )


@web.middleware
async def guard_door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse foreign hosts, and put the security headers on every answer."""
    door = request.app[DOOR]
    if not door.host_allowed(request.host):
        return web.Response(status=421, text="This address is not served here.\n")
    try:
        response = await handler(request)
    except web.HTTPException as error:
        _add_headers(request, error)
        raise
    if not response.prepared:
        _add_headers(request, response)
    return response


def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers["Content-Security-Policy"] = security_policy(
        request.host, tls=request.secure, others=request.app[DOOR].other_hosts
    )


DOOR = web.AppKey("door", Door)


def _file(path: Path) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        if not path.is_file():
            raise web.HTTPNotFound(text=f"{path.name} is not installed.\n")
        return web.FileResponse(path)

    return serve


async def _to_console(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/console")


async def _no_icon(request: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


def add_pages(app: web.Application) -> None:
    """Routes of the pages, their parts, and the text tables."""
    app.router.add_get("/", _to_console)
    app.router.add_get("/favicon.ico", _no_icon)
    for path, name in PAGES.items():
        app.router.add_get(path, _file(WEB / name))
    for language in LANGUAGES:
        app.router.add_get(f"/text/{language}.json", _file(TEXT / f"{language}.json"))
    app.router.add_static("/static", WEB, follow_symlinks=False, show_index=False)
