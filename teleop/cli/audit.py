"""`teleop audit ...` and the gate of `teleop export`: what is done with audit logs and consents."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console

from teleop.audit import consent
from teleop.audit.__main__ import origin_of
from teleop.audit.book import LOG_FILE, Book, site_key, utc_ms
from teleop.audit.consent import Scope
from teleop.audit.errors import AuditError, ConsentError
from teleop.audit.lines import Entry, Kind
from teleop.audit.read import Finding, parse
from teleop.audit.verify import verify, verify_one
from teleop.cli.text import Texts
from teleop.keys.files import write_private
from teleop.record.reader import Recording
from teleop.supervisor.rundir import default_state_folder

MOST_SHOWN = 20
LONGEST = 60
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Names of sites, which are parts of folder names."""


def _data(path: Path) -> bytes:
    """Bytes of a log, or of the log in a site's folder. AuditError: it cannot be read."""
    file = path / LOG_FILE if path.is_dir() else path
    try:
        return file.read_bytes()
    except OSError as error:
        raise AuditError(f"{file}: {error.strerror or error}") from error


def _clock(ms: int) -> str:
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{ms % 1000:03d}"


def verify_logs(first: Path, second: Path | None, json_wanted: bool, language: str) -> int:
    """Check one log by itself, or two against each other; 0: nothing is wrong, 1: something is."""
    data = _data(first)
    if second is None:
        found = {str(first): verify_one(data)}
        seen: dict[str, int] = {}
    else:
        verdict = verify(data, _data(second))
        found = {str(first): verdict.a, str(second): verdict.b}
        seen = {str(first): verdict.witnessed_a, str(second): verdict.witnessed_b}
    good = not any(found.values())
    if json_wanted:
        listed = {name: [_row(f) for f in findings] for name, findings in found.items()}
        print(json.dumps({"good": good, "findings": listed, "witnessed": seen}, indent=1))
    else:
        _print(found, seen, Texts(language))
    return 0 if good else 1


def _row(finding: Finding) -> dict[str, str | int]:
    return {"fault": finding.fault.value, "line": finding.at, "text": finding.text}


def _print(found: dict[str, tuple[Finding, ...]], seen: dict[str, int], texts: Texts) -> None:
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    for name, findings in found.items():
        if not findings:
            count = seen.get(name)
            console.print(f"✓ {name}: " + (
                texts("audit.good_pair", count=count) if count is not None else
                texts("audit.good_alone")
            ))  # fmt: skip
        for finding in findings[:MOST_SHOWN]:
            where = f":{finding.at}" if finding.at > 0 else ""
            console.print(f"✗ {name}{where}: {texts(f'audit.fault.{finding.fault}')}")
            console.print(f"    {finding.text}")
        if len(findings) > MOST_SHOWN:
            console.print(f"  ... {len(findings) - MOST_SHOWN} more")


def show_log(path: Path, json_wanted: bool, everything: bool) -> int:
    """Print the entries of a log; heads that were exchanged only when everything is wanted."""
    log = parse(_data(path))
    rows = [
        e for e, _ in log.entries if everything or e.kind not in (Kind.WITNESSED, Kind.COSIGNED)
    ]
    if json_wanted:
        print(json.dumps([msgspec.to_builtins(entry) for entry in rows], indent=1))
        return 0
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    key = hashlib.sha256(log.header.key.encode()).hexdigest()[:16]
    console.print(
        f"{log.header.origin}  key {key}  {len(log.entries)} entries, {len(log.heads)} heads"
    )
    for entry in rows:
        console.print(_shown(entry))
    faults = [*log.found, *log.end_faults()]
    for finding in faults[:MOST_SHOWN]:
        console.print(f"✗ {finding}")
    return 0


def _shown(entry: Entry) -> str:
    """One line: number, time, what, whose session, name, value, detail."""
    session = f"session {entry.session}" if entry.session else ""
    detail = entry.detail if len(entry.detail) <= LONGEST else f"{entry.detail[:LONGEST]} ..."
    words = (entry.name, str(entry.value) if entry.value else "", session, detail)
    said = "  ".join(word for word in words if word)
    return f"{entry.n:6}  {_clock(entry.utc_ms)}  {entry.kind:<10}  {said}"


def give_consent(state: Path, scopes: tuple[Scope, ...], hours: float, out: Path) -> int:
    """Sign a consent and write it to `out`."""
    made = consent.issue(site_key(state), scopes, utc_ms(), hours, simulated=False)
    write_private(out, msgspec.json.encode(made))
    print(
        f"{out}: consent {made.number} for {', '.join(scopes)}, until {_clock(made.until_ms)} UTC"
    )
    print("It names nobody: write its number into the patient's file.")
    return 0


class ExportGate:
    """Opens for recordings whose session has a consent for export in its site's audit log."""

    def __init__(self, recording: Recording, state: Path | None) -> None:
        self._recording = recording
        facts = recording.metadata.get("session", {})
        self._site, self._number = facts.get("site", ""), facts.get("consent", "")
        self._state = state

    def _folder(self) -> Path:
        """Where the site keeps its log: as asked for, beside the recording, or where demos do."""
        if self._state is not None:
            return self._state
        beside = self._recording.path.parent / f"site-{self._site}"
        return beside if beside.is_dir() else default_state_folder(self._site)

    def pass_through(self) -> None:
        """Write the export into the log, before it happens. ConsentError: it may not happen."""
        path = self._recording.path
        if not NAME.fullmatch(self._site):
            raise ConsentError(f"{path}: its site has no usable name.")
        if not self._number:
            raise ConsentError(f"{path}: recorded without a consent, so it cannot be exported.")
        folder = self._folder()
        if not (folder / LOG_FILE).exists():
            raise ConsentError(
                f"{folder / LOG_FILE}: no audit log of site {self._site!r} here, so no consent. "
                "Say where the site keeps its state:  --state DIR"
            )
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        with Book(folder, origin_of(self._site)) as book:
            given = [e for e in book.stored if e.kind is Kind.CONSENT and e.name == self._number]
            if not any(Scope.EXPORT in e.detail.split() for e in given):
                raise ConsentError(
                    f"{path}: consent {self._number} "
                    + ("is not for export." if given else "is not in the site's audit log.")
                )
            last = book.stored[-1].kind if book.stored else Kind.CLOSED
            book.add(Kind.EXPORT, name=self._number, detail=digest.hexdigest())
            if last is Kind.CLOSED:
                book.add(Kind.CLOSED)
            if not book.store():
                raise AuditError(f"{book.path}: {book.error}: without its entry, no export.")
