"""What each message does that a page was allowed to send (`transport/roles.py` decided that)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from safety.states import EventKind, State
from teleop.gateway.audit import AuditLine
from teleop.gateway.command import CommandPeers
from teleop.gateway.events import EventSender
from teleop.gateway.hub import Hub
from teleop.gateway.keys import KeysLine
from teleop.gateway.needle import NeedleDesk
from teleop.gateway.notes import Notes
from teleop.gateway.page import Page
from teleop.gateway.pages import TEXT
from teleop.gateway.sources import Sources
from teleop.gateway.video import VideoPeers
from transport import roles
from transport import schema as s
from transport.binding import digest, is_proven, offer_text
from transport.local.clock import now_ns
from transport.refusals import Reason
from transport.schema import Role
from transport.sessions import DeniedError, Session, StoreError
from transport.webrtc.data import DataError

PHRASE_PREFIX = "phrase."


def known_phrases() -> frozenset[str]:
    """Ids of the ready phrases in the text table."""
    try:
        table = msgspec.json.decode((TEXT / "en.json").read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return frozenset()  # no table, no phrases: each is then refused with a reason
    return frozenset(k.removeprefix(PHRASE_PREFIX) for k in table if k.startswith(PHRASE_PREFIX))


class Bedside:
    """The bedside page's own heartbeat, as guard sees it."""

    def __init__(self) -> None:
        self.beat = 0
        self.visible = False
        self.sound = False

    def take(self, beat: s.Beat) -> None:
        """The page is alive, and says whether it is seen and heard."""
        self.beat += 1
        self.visible = beat.visible
        self.sound = beat.sound

    def gone(self) -> None:
        """The page left: nobody sees or hears it."""
        self.visible = False
        self.sound = False


class Actions:
    """Carries out messages."""

    def __init__(
        self,
        hub: Hub,
        sources: Sources,
        events: EventSender,
        command: CommandPeers,
        video: VideoPeers,
        notes: Notes,
        keys: KeysLine,
        audit: AuditLine,
    ) -> None:
        self._hub = hub
        self._sources = sources
        self._events = events
        self._command = command
        self._video = video
        self._notes = notes
        self.keys = keys
        self.audit = audit
        self.bedside = Bedside()
        self.needle = NeedleDesk(hub, sources, events, notes)
        self._phrases = known_phrases()
        self._tasks: set[asyncio.Task[None]] = set()
        self._table: dict[type[s.Signal], Callable[[Page, Session, Any], None]] = {
            s.Offer: self._offer,
            s.Talk: self._talk,
            s.Phrase: self._phrase,
            s.Event: self._event,
            s.Beat: lambda page, session, beat: self.bedside.take(beat),
            s.ImageSettings: self._image,
            s.Presented: self._presented,
            s.Ping: lambda page, session, ping: page.send(s.Pong(seq=ping.seq)),
            s.LeaseRequest: self._lease,
            s.NeedlePath: self.needle.path,
            s.NeedleTip: self.needle.tip,
            s.KeyReply: self._key_reply,
            s.Audit: lambda page, session, said: self.audit.say(session.number, said.data),
        }

    def act(self, page: Page, session: Session, message: s.FromPage) -> None:
        """Do what the message asks for."""
        self._table[type(message)](page, session, message)

    def _offer(self, page: Page, session: Session, offer: s.Offer) -> None:
        if not page.offers.take(now_ns()):
            page.refuse(Reason.TOO_FAST)
        elif offer.link >= self._command.links:
            page.refuse(Reason.OFFER_INVALID, f"there is no link {offer.link}", link=offer.link)
        elif not _is_signed(page, session, offer):
            page.refuse(Reason.OFFER_INVALID, "its signature is wrong", link=offer.link)
        elif offer.peer == "video":
            self._video.offer(page, session, offer)
        else:
            task = asyncio.create_task(self._answer(page, session, offer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, page: Page, session: Session, offer: s.Offer) -> None:
        try:
            answer = await self._command.answer(session.number, offer.sdp, offer.link)
        except DataError as error:
            self._notes.write("offer_refused", session=session.number, detail=str(error))
            page.refuse(Reason.OFFER_INVALID, str(error), link=offer.link)
            return
        if self._hub.page(session.number) is page:
            await self.keys.send_answer(page, session, offer, answer)
        else:
            self._command.drop(session.number)

    def _talk(self, page: Page, session: Session, talk: s.Talk) -> None:
        other = self._other(session)
        if other is None:
            page.refuse(Reason.NOBODY_THERE)
            return
        if talk.kind == "answer":
            self._hub.talking = True
        elif talk.kind == "bye":
            self._hub.talking = False
        other.send(talk)

    def _phrase(self, page: Page, session: Session, phrase: s.Phrase) -> None:
        if phrase.id not in self._phrases:
            page.refuse(Reason.PHRASE_UNKNOWN)
            return
        other = self._other(session)
        if other is None:
            page.refuse(Reason.NOBODY_THERE)
            return
        other.send(phrase)
        self._notes.write("phrase", id=phrase.id, session=session.number)

    def _other(self, session: Session) -> Page | None:
        """The other end of the conversation."""
        return self._hub.driver if session.role is Role.BEDSIDE else self._hub.bedside

    def _event(self, page: Page, session: Session, event: s.Event) -> None:
        kind = EventKind[event.name]
        arg = event.arg
        if kind is EventKind.HANDOVER_CONFIRM:
            try:
                arg = self._hub.hand_over(self._live_report(), event.arg)
            except DeniedError as denied:
                page.refuse(denied.reason)
                return
            except StoreError as error:
                page.refuse(Reason.STORE_FAILED, str(error))
                return
            self._hub.tell_peers()
        self._notes.write("event", kind=kind.name, arg=arg, session=session.number)
        source = roles.SOURCES[session.role]
        self._events.send(kind, source, arg, session.number, lambda: self._lost(page, kind))
        if kind is EventKind.STOP and arg and session.role is Role.CONSOLE:
            self._count_stop(page, session)

    def _count_stop(self, page: Page, session: Session) -> None:
        """The stop holds in any case; who stops motion again and again no longer drives."""
        report = self._live_report()
        moving = report is not None and report.state in (State.ACTIVE, State.DEGRADED)
        if not moving or not self._hub.registry.stopped(session.number, now_ns()):
            return
        self._notes.write("demoted", session=session.number)
        page.refuse(Reason.DEMOTED)
        try:
            self._hub.save()
        except StoreError as error:
            self._notes.write("store_failed", detail=str(error))
        self._hub.tell_peers()

    def _live_report(self) -> Any:
        """Guard's report while guard is alive."""
        return self._sources.report if self._sources.guard_alive(now_ns()) else None

    def _lost(self, page: Page, kind: EventKind) -> None:
        self._notes.write("event_lost", kind=kind.name)
        page.refuse(Reason.GUARD_UNREACHABLE, kind.name)

    def _key_reply(self, page: Page, session: Session, reply: s.KeyReply) -> None:
        if not self.keys.reply(session.number, reply.data):
            page.refuse(Reason.KEY_REFUSED, "the keys process is not there")

    def _image(self, page: Page, session: Session, settings: s.ImageSettings) -> None:
        if not self._video.link.image(settings):
            page.refuse(Reason.MEDIA_UNAVAILABLE)

    def _presented(self, page: Page, session: Session, presented: s.Presented) -> None:
        """Only the screen of the one who drives counts; without media there is nothing to steer."""
        if session.number == self._hub.registry.lease:
            self._video.link.presented(presented)

    def _lease(self, page: Page, session: Session, request: s.LeaseRequest) -> None:
        self._hub.registry.want_lease(session.number, request.want)
        self._hub.tell_peers()


def _is_signed(page: Page, session: Session, offer: s.Offer) -> bool:
    """The session's device made this offer, on this socket."""
    text = offer_text(
        page.handshake.nonce, session.number, session.role, offer.peer, offer.link,
        digest(offer.sdp),
    )  # fmt: skip
    return is_proven(session.device_key, offer.proof, text)
