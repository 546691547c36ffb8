"""Who is here: pages by session, presence, and the lease."""

from __future__ import annotations

import msgspec

from safety.messages import GuardReport
from safety.states import State
from teleop.gateway.notes import Notes
from teleop.gateway.page import Page
from teleop.gateway.store import SessionStore
from transport import schema as s
from transport.refusals import Reason
from transport.schema import Role
from transport.sessions import Admitted, DeniedError, Registry


class Hub:
    """All pages that were let in, at most one per session."""

    def __init__(self, registry: Registry, store: SessionStore, notes: Notes) -> None:
        self.registry = registry
        self._store = store
        self._notes = notes
        self._pages: dict[int, Page] = {}
        self.talking = False

    def page(self, session: int) -> Page | None:
        """The connected page of a session."""
        return self._pages.get(session)

    def near(self, session: int) -> bool:
        """True while the page of a session is on the gateway's own machine."""
        page = self._pages.get(session)
        return page is not None and page.near

    def with_role(self, *wanted: Role) -> list[Page]:
        """Connected pages of these roles."""
        return [p for p in self._pages.values() if p.session and p.session.role in wanted]

    @property
    def driver(self) -> Page | None:
        """The page that holds the lease, when it is connected."""
        return self._pages.get(self.registry.lease)

    @property
    def bedside(self) -> Page | None:
        """The bedside page, when it is connected."""
        return next(iter(self.with_role(Role.BEDSIDE)), None)

    def join(self, page: Page, admitted: Admitted) -> None:
        """Register a page. StoreError: not stored, so the page must not be let in."""
        number = admitted.session.number
        self.save()
        self._replace(admitted.ended, Reason.REPLACED_BY_OTHER)
        self._replace(number, Reason.REPLACED)
        self._pages[number] = page
        self._notes.write("joined", session=number, role=str(admitted.session.role))

    def leave(self, page: Page) -> bool:
        """A page's socket ended; True when it was its session's current one."""
        if page.session is None or self._pages.get(page.session.number) is not page:
            return False
        del self._pages[page.session.number]
        self._notes.write("left", session=page.session.number, role=str(page.session.role))
        if page.session.role is not Role.OBSERVER:
            self.talking = False
        return True

    def broadcast(self, message: s.FromServer, *wanted: Role) -> None:
        """Send to every page of these roles."""
        for page in self.with_role(*wanted):
            page.send(message)

    def tell_peers(self) -> None:
        """Tell everybody who is here."""
        self.broadcast(self.peers(), *Role)

    def peers(self) -> s.Peers:
        """Who is here now."""
        return s.Peers(
            console=self.driver is not None,
            bedside=self.bedside is not None,
            observers=len(self.with_role(Role.OBSERVER)),
            lease_session=self.registry.lease,
            lease_wanted_by=self.registry.wanted_by,
        )

    def hand_over(self, report: GuardReport | None, wanted: int) -> int:
        """Move the lease to the console that asked (`wanted`, or 0: whoever it is).

        DeniedError: nobody asked, somebody else did meanwhile, or the arm is not at rest.
        """
        if wanted not in (0, self.registry.wanted_by):
            raise DeniedError(Reason.NOBODY_ASKED)
        state: State | None = report.state if report else None
        session = self.registry.confirm_handover(state, report.causes if report else 0)
        self.save()
        self._notes.write("lease", session=session)
        return session

    def save(self) -> None:
        """Store sessions and lease. StoreError: not stored."""
        self._store.save(self.registry.snapshot())

    def _replace(self, number: int, reason: Reason) -> None:
        older = self._pages.pop(number, None)
        if older is not None:
            older.refuse(reason, close=True)


def encode_status(telemetry: s.Telemetry) -> str:
    """One `Status` message for all pages that get it."""
    return msgspec.json.encode(s.Status(telemetry=telemetry)).decode()
