"""One log in memory: entries and heads go in, lines come out (pure)."""

from __future__ import annotations

from collections import deque

from teleop.audit.lines import FORMAT, Entry, Head, Header, Kind, sign_head, to_line
from teleop.audit.merkle import Tree
from transport.identity import DeviceKey

KEPT_HEADS = 4096
"""More than an hour at one head per second: the other site's answers come within seconds."""
MOST_VALUE = 2**63 - 1


def _printable(name: str) -> str:
    """Printable ASCII without spaces, as much as a line holds."""
    return "".join(letter for letter in name if "!" <= letter <= "~")[:64]


class Log:
    """The writing side. `take_lines` gives what is to be stored, in order."""

    def __init__(self, origin: str, key: DeviceKey) -> None:
        self.origin = origin
        self._key = key
        self.tree = Tree()
        self.head: Head | None = None
        """Newest head."""
        self._heads: deque[Head] = deque(maxlen=KEPT_HEADS)
        self._lines: list[bytes] = []

    @property
    def key(self) -> DeviceKey:
        """The site's key."""
        return self._key

    def begin(self) -> None:
        """Start a log that has no line yet."""
        self._lines.append(to_line(Header(FORMAT, self.origin, self._key.public)))

    def restore(self, entries: list[bytes], heads: list[Head]) -> None:
        """Continue a stored log that was checked."""
        for raw in entries:
            self.tree.append(raw)
        self._heads.extend(heads)
        self.head = heads[-1] if heads else None

    def head_of(self, size: int) -> Head | None:
        """The head that covers exactly `size` entries, unless it is long past."""
        return next((head for head in reversed(self._heads) if head.size == size), None)

    def add(
        self,
        kind: Kind,
        utc_ms: int,
        mono_ns: int,
        *,
        session: int = 0,
        name: str = "",
        value: int = 0,
        detail: str = "",
    ) -> Entry:
        """Append an entry; what a line cannot hold is cut, so that the log can always be read."""
        entry = Entry(
            self.tree.size, utc_ms, max(0, mono_ns), kind, int(session), _printable(name),
            int(max(-MOST_VALUE, min(value, MOST_VALUE))), detail[:1024],
        )  # fmt: skip
        raw = to_line(entry)
        self.tree.append(raw)
        self._lines.append(raw)
        return entry

    def sign(self, utc_ms: int) -> Head:
        """Sign what is there; the head before stands when nothing was added since."""
        if self.head is not None and self.head.size == self.tree.size:
            return self.head
        root = self.tree.root()
        number = self.head.number + 1 if self.head is not None else 0
        self.head = sign_head(self._key, self.origin, number, root, self.tree.size, utc_ms)
        self._heads.append(self.head)
        self._lines.append(to_line(self.head))
        return self.head

    def take_lines(self) -> list[bytes]:
        """Lines that were not taken before."""
        lines, self._lines = self._lines, []
        return lines
