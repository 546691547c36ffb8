"""Puts the gateway together and runs it until its life ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec
from aiohttp import web

from teleop import channels
from teleop.config import Config, links_of
from teleop.gateway.actions import Actions
from teleop.gateway.audit import AuditLine
from teleop.gateway.command import CommandPeers
from teleop.gateway.doorman import Doorman
from teleop.gateway.errors import StartError
from teleop.gateway.events import EventSender
from teleop.gateway.hub import Hub
from teleop.gateway.keys import KeysLine
from teleop.gateway.life import Life
from teleop.gateway.listen import Door, Listener, open_listener, with_links
from teleop.gateway.notes import Notes
from teleop.gateway.pages import DOOR, add_pages, guard_door
from teleop.gateway.pump import SLOW_NS, Pump
from teleop.gateway.signalling import Signalling
from teleop.gateway.sources import Sources
from teleop.gateway.store import SessionStore, write_private
from teleop.gateway.video import VideoPeers
from teleop.gateway.welcome import Greeter, read_site
from teleop.keys.errors import KeysError
from teleop.keys.files import read_devices
from teleop.tasks import end_tasks
from teleop.whatif.routes import add_routes
from transport.dscp import TrafficClass
from transport.identity import canonical_key
from transport.local.clock import now_ns
from transport.refusals import Reason
from transport.schema import Role
from transport.sessions import Registry
from transport.webrtc.data import CLOSED_BY_PEER
from transport.webrtc.ice import bind_addresses, mark_socket, use_addresses

GATEWAY_FILE = "gateway.json"
"""Where the gateway listens, for the supervisor and native clients."""
SHUTDOWN_S = 0.3


class Gateway:
    """All parts of one gateway process."""

    def __init__(self, run_dir: Path, config: Config, listener: Listener) -> None:
        self._run_dir = run_dir
        self._limits = config.limits
        self._network = config.network
        self._listener = listener
        self._notes = Notes(run_dir)
        self._doorman = Doorman()
        store = SessionStore(run_dir)
        registry = Registry(
            store.load(), lambda: secrets.token_urlsafe(32), _doors(run_dir, config)
        )
        links = links_of(config)
        self._links = links
        self._greeter = greeter = Greeter(config, read_site(run_dir))
        sources = Sources(run_dir, config.limits)
        self._hub = Hub(registry, store, self._notes)
        self._keys = KeysLine(run_dir, self._hub, self._notes)
        self._audit = AuditLine(run_dir, self._hub, self._notes)
        self._video = VideoPeers(run_dir, self._hub, greeter, self._notes, links, self._keys)
        self._command = CommandPeers(
            run_dir, links, registry.drives, self._command_gone,
            config.network.repeat_ms(near=False), self._alone,
        )  # fmt: skip
        events = EventSender(run_dir)
        actions = Actions(
            self._hub, sources, events, self._command, self._video, self._notes, self._keys,
            self._audit,
        )  # fmt: skip
        status_box = channels.box(run_dir, channels.GATEWAY_STATUS)
        self._pump = Pump(self._hub, sources, actions, self._command, self._video, status_box)
        self._signalling = Signalling(
            self._hub, store, actions, self._command, self._video, greeter, sources,
            self._notes, self._pump.newest_status, self._doorman.callers.know,
        )  # fmt: skip
        self._sources = sources

    def _alone(self, session: int) -> bool:
        """True while a console needs no second copies, because no link is in between."""
        return self._network.repeat_ms(near=self._hub.near(session)) == 0.0

    def _command_gone(self, session: int, detail: str, link: int) -> None:
        """Tell the page to make a command connection anew, unless it closed it itself."""
        self._notes.write("command_gone", session=session, detail=detail, link=link)
        page = self._hub.page(session)
        if page is not None and detail not in CLOSED_BY_PEER:
            page.refuse(Reason.REBUILD, detail, link=link)

    def _application(self) -> web.Application:
        app = web.Application(
            middlewares=[self._doorman.middleware(), guard_door], client_max_size=4096
        )
        app[DOOR] = Door(self._listener)
        add_pages(app)
        add_routes(app, self._limits)
        app.router.add_get("/health", self._health)
        app.router.add_get("/ws", self._signalling.serve)
        return app

    async def _health(self, request: web.Request) -> web.Response:
        """For a person or a script that asks whether the gateway works."""
        body = {
            "ok": True,
            "guard": self._sources.guard_alive(now_ns()),
            "media": self._video.link.is_up,
            "sockets": self._signalling.sockets,
            "turned_away": self._doorman.callers.turned_away,
        }
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")

    async def _watch_sockets(self) -> None:
        while True:
            await asyncio.sleep(SLOW_NS / 2e9)
            self._doorman.dismiss_idle(now_ns())
            self._signalling.check_timeouts(now_ns())

    async def run(self, life: Life) -> None:
        """Serve until the life pipe closes or SIGTERM; errors of our own parts end it too."""
        runner = web.AppRunner(
            self._application(), access_log=None, shutdown_timeout=SHUTDOWN_S, handle_signals=False
        )
        await runner.setup()
        assert runner.server is not None
        entrances = [
            self._doorman.open(runner.server, one, self._listener.tls)
            for one in self._listener.sockets
        ]
        ports = self._command.datagrams.open(self._links, self._listener.host)
        self._greeter.datagram_ports(ports)
        self._announce()
        gc.collect()
        gc.freeze()
        parts = [
            asyncio.create_task(self._pump.run()),
            asyncio.create_task(self._video.link.run()),
            asyncio.create_task(self._keys.run()),
            asyncio.create_task(self._audit.run()),
            asyncio.create_task(self._watch_sockets()),
        ]
        ending = asyncio.create_task(life.ended.wait())
        try:
            done, _ = await asyncio.wait([ending, *parts], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            ending.cancel()
            await end_tasks(parts)
            for entrance in entrances:
                await entrance.close()
            await self._command.close()
            await self._signalling.close()
            await runner.cleanup()

    def _announce(self) -> None:
        where = {
            "port": self._listener.port,
            "host": self._listener.host,
            "tls": self._listener.tls is not None,
        }
        write_private(self._run_dir / GATEWAY_FILE, msgspec.json.encode(where))
        self._notes.write("listening", host=self._listener.host, port=self._listener.port)


def _doors(run_dir: Path, config: Config) -> Callable[[str, Role], bool]:
    """Which devices may come in which role. StartError: the list is damaged."""
    if not config.security.enrolled_only:
        return lambda device, role: True
    try:
        known = {(canonical_key(d.device_key), d.role) for d in read_devices(run_dir)}
    except KeysError as error:
        raise StartError(f"{error}; start the processes with `teleop demo`") from error
    return lambda device, role: role is Role.OBSERVER or (device, role) in known


class _Where(msgspec.Struct):
    port: int = 0


def _earlier_port(run_dir: Path) -> int:
    """Port of an earlier life in this run, so that open pages find the gateway again; 0: none."""
    try:
        return msgspec.json.decode((run_dir / GATEWAY_FILE).read_bytes(), type=_Where).port
    except (OSError, msgspec.MsgspecError):
        return 0


async def serve(run_dir: Path, config: Config, life_fd: int | None) -> None:
    """Run the gateway of one run folder. StartError, ConfigError, StoreError: with the fix."""
    listener = open_listener(config.network, _earlier_port(run_dir))
    listener = with_links(listener, config.network, config.links)
    for one in listener.sockets:
        mark_socket(one, TrafficClass.SIGNALLING)
    with contextlib.closing(listener):
        use_addresses(bind_addresses(config.network.bind))
        gateway = Gateway(run_dir, config, listener)
        await gateway.run(Life(asyncio.get_running_loop(), life_fd))
