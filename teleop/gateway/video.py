"""Video connections: the page's offers go to media, and its answers come back.

Rule for pages: on `media_restarted` offer again at once; on `media_unavailable` offer again after
a second.
"""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

from teleop.config import Link
from teleop.gateway.errors import MediaError
from teleop.gateway.hub import Hub
from teleop.gateway.keys import KeysLine
from teleop.gateway.media import MediaLink
from teleop.gateway.notes import Notes
from teleop.gateway.page import Page
from teleop.gateway.welcome import Greeter
from transport import schema as s
from transport.refusals import Reason
from transport.schema import Role
from transport.sessions import Session
from transport.webrtc.ice import without_names

VIEWERS = (Role.CONSOLE, Role.OBSERVER)


class VideoPeers:
    """Which session has which video connection at media."""

    def __init__(
        self,
        run_dir: Path,
        hub: Hub,
        greeter: Greeter,
        notes: Notes,
        links: tuple[Link, ...],
        keys: KeysLine,
    ) -> None:
        self._keys = keys
        self._hub = hub
        self._greeter = greeter
        self._notes = notes
        self._links = links
        self._peers: dict[tuple[int, int], str] = {}
        """By session and link."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.link = MediaLink(run_dir, self._image, self._up, self._error)

    def is_open(self, session: int) -> bool:
        """True while media serves a connection of this session (as far as we know)."""
        return self.link.is_up and any(owner == session for owner, _ in self._peers)

    def offer(self, page: Page, session: Session, offer: s.Offer) -> None:
        """Pass a page's offer on; the answer follows when media has made it."""
        task = asyncio.create_task(self._exchange(page, session, offer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _exchange(self, page: Page, owner: Session, offer: s.Offer) -> None:
        session, link, sdp = owner.number, offer.link, offer.sdp
        peer = f"{session}.{link}.{secrets.token_hex(4)}"
        try:
            answer = await self.link.offer(peer, without_names(sdp), self._links[link].address)
        except MediaError as error:
            self._notes.write("video_refused", session=session, detail=str(error))
            page.refuse(Reason.MEDIA_UNAVAILABLE, str(error), link=link)
            return
        if self._hub.page(session) is not page:
            self.link.close_peer(peer)
            return
        self._drop_link(session, link)
        self._peers[session, link] = peer
        await self._keys.send_answer(page, owner, offer, answer)

    def drop(self, session: int) -> None:
        """The session's connections are no longer wanted."""
        for link in range(len(self._links)):
            self._drop_link(session, link)

    def _drop_link(self, session: int, link: int) -> None:
        peer = self._peers.pop((session, link), None)
        if peer is not None:
            self.link.close_peer(peer)

    def _image(self, state: s.ImageState) -> None:
        self._greeter.image = state
        self._hub.broadcast(state, *VIEWERS)

    def _up(self, again: bool) -> None:
        """Media is there; after a restart every viewer must offer anew."""
        self._peers.clear()
        self._notes.write("media_connected", again=again)
        for page in self._hub.with_role(*VIEWERS):
            page.refuse(Reason.MEDIA_RESTARTED)

    def _error(self, detail: str) -> None:
        self._notes.write("media_error", detail=detail)
