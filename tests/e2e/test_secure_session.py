"""A whole session with real pages: encrypted, signed, re-keyed while it runs, without leaks."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from bench.pages.browser import open_page
from bench.pages.demo import Demo, wait_for
from safety.gate import Rejection
from safety.states import State

pytestmark = [pytest.mark.browser, pytest.mark.process]

REKEY = """
[security]
rekey_s = 5.0
"""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path, extra=REKEY)
    try:
        yield demo.start()
    finally:
        demo.stop()


def join(browser: Browser, demo: Demo, role: str) -> Page:
    page = open_page(browser, demo.url(role), 1024, 800)
    page.locator("#join").click()
    return page


def secrets_of(demo: Demo, page: Page) -> dict[str, bytes]:
    """Everything that must not appear anywhere but in its own file."""
    run, site = demo.run_dir, demo.folder / "out"
    names = [f for f in site.rglob("*") if f.name in ("identity.key", "site.tls.key")]
    assert len(names) == 2, "the site keeps its identity and its TLS key"
    found = {f.name: f.read_bytes() for f in names}
    pem = found["site.tls.key"].splitlines()[1:3]
    codes = json.loads((run / "join.json").read_text())
    pins = json.loads((run / "pins.json").read_text())
    token = page.evaluate("sessionStorage.getItem('token.console')")
    out = {"identity": found["identity.key"], "tls key": b"".join(pem), "token": token.encode()}
    out |= {f"pin {i}": pin.encode() for i, pin in enumerate(pins)}
    out |= {f"raw pin {i}": base64.urlsafe_b64decode(pin + "==") for i, pin in enumerate(pins)}
    return out | {f"code {role}": code.encode() for role, code in codes.items()}


def test_encrypted_signed_rekeyed_and_nothing_leaks(browser: Browser, demo: Demo) -> None:
    bedside, console = join(browser, demo, "bedside"), join(browser, demo, "console")
    wait_for("CONNECTED", demo.in_state(State.CONNECTED, State.QUALIFIED), 60)

    for page in (bedside, console):
        assert page.url.startswith("https://")
        assert page.evaluate("isSecureContext && crossOriginIsolated")
    wait_for("frames are taken", lambda: demo.guard.commands_accepted > 20)
    wait_for("a new key", lambda: console.evaluate("consoleApp.key.agreements") >= 2, 60)
    taken = demo.guard.commands_accepted
    wait_for("frames under the new key", lambda: demo.guard.commands_accepted > taken + 20)
    assert demo.guard.last_rejection not in (Rejection.FORGED, Rejection.NO_KEY)

    secrets = secrets_of(demo, console)
    for pid in (demo.process.pid, *demo.joined["pids"].values()):
        for part in ("cmdline", "environ"):
            text = Path(f"/proc/{pid}/{part}").read_bytes()
            assert not [n for n, value in secrets.items() if value in text], (pid, part)
    logs = [f.read_bytes() for f in (demo.run_dir / "logs").iterdir()]
    demo.stop()
    recordings = [f for f in demo.folder.rglob("*.mcap*") if f.is_file()]
    assert recordings
    for text in (*logs, *(plain_text(f) for f in recordings)):
        assert not [name for name, value in secrets.items() if value in text]
    assert not demo.run_dir.exists(), "codes, pins and tokens end with the run"
    for file in demo.folder.rglob("*.key"):
        assert os.stat(file).st_mode & 0o077 == 0, file


def plain_text(recording: Path) -> bytes:
    """All messages and metadata of a recording, uncompressed."""
    from mcap.reader import make_reader

    with recording.open("rb") as file:
        reader = make_reader(file)
        parts = [message.data for _, _, message in reader.iter_messages()]
        parts += [repr(item.metadata).encode() for item in reader.iter_metadata()]
    return b"\n".join(parts)
