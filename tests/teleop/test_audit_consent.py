"""No session and no export without a consent; recordings name nobody."""

from __future__ import annotations

import json
import random
from pathlib import Path

import msgspec
import pytest
from record_samples import INDEX
from typer.testing import CliRunner

from teleop.audit import consent
from teleop.audit.__main__ import origin_of
from teleop.audit.book import LOG_FILE, Book, site_key, utc_ms
from teleop.audit.consent import Consent, Scope
from teleop.audit.errors import ConsentError
from teleop.audit.lines import Kind
from teleop.audit.verify import verify_one
from teleop.cli.app import app
from teleop.config import Arm, Config, Network, Record, Video
from teleop.record.mcapfile import McapFile
from teleop.record.private import Private
from teleop.supervisor.consenting import session_consent
from teleop.supervisor.errors import UsageError
from transport.identity import DeviceKey

KEY = DeviceKey(b"\x03" * 32)
HOUR_MS = 3_600_000


def given(scopes: tuple[Scope, ...] = tuple(Scope), simulated: bool = False) -> Consent:
    return consent.issue(KEY, scopes, 1000, 2.0, simulated=simulated)


def test_a_consent_is_good_for_its_scope_its_time_and_its_site() -> None:
    good = given((Scope.SESSION,))
    consent.check(good, KEY.public, Scope.SESSION, 1000 + HOUR_MS, simulated=False)
    for key, scope, at_ms, words in (
        (DeviceKey().public, Scope.SESSION, 2000, "did not sign"),
        (KEY.public, Scope.EXPORT, 2000, "not for export"),
        (KEY.public, Scope.SESSION, 1000 + 2 * HOUR_MS, "not valid now"),
        (KEY.public, Scope.SESSION, 999, "not valid now"),
    ):
        with pytest.raises(ConsentError, match=words):
            consent.check(good, key, scope, at_ms, simulated=False)
    longer = msgspec.structs.replace(good, until_ms=good.until_ms + 1)
    with pytest.raises(ConsentError, match="did not sign"):
        consent.check(longer, KEY.public, Scope.SESSION, 2000, simulated=False)


def test_a_simulated_consent_never_serves_a_real_arm() -> None:
    simulated = given(simulated=True)
    consent.check(simulated, KEY.public, Scope.SESSION, 2000, simulated=True)
    with pytest.raises(ConsentError, match="simulated one, the arm is not"):
        consent.check(simulated, KEY.public, Scope.SESSION, 2000, simulated=False)


def test_bad_consents_are_refused_in_words() -> None:
    """1,500 texts: none of them is taken, none of them raises anything else."""
    good = msgspec.json.encode(given())
    chance = random.Random(3)
    for _ in range(1500):
        raw = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        bad = bytes(raw[: chance.randrange(len(raw) + 1)]) if chance.random() < 0.5 else bytes(raw)
        try:
            found = consent.parse(bad)
            consent.check(found, KEY.public, Scope.SESSION, 2000, simulated=False)
        except ConsentError:
            continue
        assert msgspec.json.encode(found) == good
    with pytest.raises(ConsentError, match="no consent"):
        consent.parse(b" " * 5000)


def test_a_session_starts_only_with_a_consent(tmp_path: Path) -> None:
    state, file = tmp_path / "site", tmp_path / "consent.json"
    assert session_consent(state, True, None).simulated
    with pytest.raises(UsageError, match="teleop audit consent"):
        session_consent(state, False, None)
    key = site_key(state)
    real = consent.issue(key, (Scope.SESSION,), utc_ms(), 1.0, simulated=False)
    file.write_bytes(msgspec.json.encode(real))
    assert session_consent(state, False, file) == real
    file.write_bytes(msgspec.json.encode(given()))
    with pytest.raises(UsageError, match="did not sign"):
        session_consent(state, False, file)
    with pytest.raises(UsageError, match=r"none\.json"):
        session_consent(state, False, tmp_path / "none.json")


def recording(tmp_path: Path, number: str) -> Path:
    facts = {"session": {"site": "demo", "version": "test", "consent": number}}
    file = McapFile(tmp_path / "a.mcap", "teleop test", facts)
    note = json.dumps({"from": "supervisor", "kind": "started"}).encode()
    file.add(INDEX["note"], 1, 1, note)
    return file.finish({"why": "end", "missing": "{}"})


def export(tmp_path: Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["export", "csv", str(tmp_path / "a.mcap")])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("number", "scopes", "words"),
    [
        ("", "session export", "recorded without a consent"),
        ("A" * 16, "session", "is not for export"),
        ("B" * 16, "session export", "is not in the site's audit log"),
    ],
)
def test_an_export_without_consent_is_refused(
    tmp_path: Path, number: str, scopes: str, words: str
) -> None:
    recording(tmp_path, number)
    with Book(tmp_path / "site-demo", origin_of("demo")) as book:
        book.add(Kind.CONSENT, name="A" * 16, detail=scopes)
        book.add(Kind.CLOSED)
    code, text = export(tmp_path)
    assert code == 2
    assert words in " ".join(text.split())
    assert not (tmp_path / "a_csv").exists()


def test_an_export_with_consent_is_logged_before_it_happens(tmp_path: Path) -> None:
    path = recording(tmp_path, "A" * 16)
    site = tmp_path / "site-demo"
    with Book(site, origin_of("demo")) as book:
        book.add(Kind.CONSENT, name="A" * 16, detail="session export")
        book.add(Kind.CLOSED)
        assert book.store()
        code, _ = export(tmp_path)
        assert code == 2, "no export beside a running session: its entry could not be written"
    assert export(tmp_path)[0] == 0
    assert (tmp_path / "a_csv" / "note.csv").exists()
    with Book(site, origin_of("demo")) as book:
        entries = book.stored
    assert [e.kind for e in entries[-2:]] == [Kind.EXPORT, Kind.CLOSED]
    assert entries[-2].name == "A" * 16
    assert len(entries[-2].detail) == 64
    assert path.exists()
    assert verify_one((site / LOG_FILE).read_bytes()) == ()


def test_the_commands_show_verify_and_consent_work_together(tmp_path: Path) -> None:
    runner = CliRunner()
    out, state = tmp_path / "c.json", tmp_path / "site-demo"
    made = runner.invoke(app, ["audit", "consent", "-o", str(out), "--state", str(state)])
    assert made.exit_code == 0
    number = consent.read(out).number
    assert number in made.output
    with Book(state, origin_of("demo")) as book:
        book.add(Kind.CONSENT, name=number, detail="session")
        book.add(Kind.CLOSED)
    shown = runner.invoke(app, ["audit", "show", str(state), "--json"])
    assert json.loads(shown.output)[0]["name"] == number
    assert number in runner.invoke(app, ["audit", "show", str(state)]).output
    assert runner.invoke(app, ["audit", "verify", str(state)]).exit_code == 0
    log = state / LOG_FILE
    log.write_bytes(log.read_bytes().replace(b'"closed"', b'"opened"'))
    broken = runner.invoke(app, ["audit", "verify", str(state), "--json"])
    assert broken.exit_code == 1
    assert json.loads(broken.output)["findings"][str(state)][0]["fault"] == "edited"
    assert "CHANGED" in runner.invoke(app, ["audit", "verify", str(state)]).output
    assert runner.invoke(app, ["audit", "verify", str(tmp_path / "none")]).exit_code == 2


def test_recordings_hold_no_name_of_a_file_that_may_name_a_patient() -> None:
    config = Config(
        video=Video(source="/data/Muster^Erika/Muster_Erika_19700101.dcm"),
        arm=Arm(scene="/data/scenes/erika.toml"),
        network=Network(certificate="/keys/site.crt", private_key="/keys/site.key"),
        record=Record(folder="/data/out"),
    )
    private = Private(config)
    kept = json.loads(private.config_json(config))
    assert "uster" not in json.dumps(kept)
    assert "erika" not in json.dumps(kept).lower()
    assert kept["video"]["source"] == "file.dcm"
    assert kept["video"]["width"] == config.video.width
    assert kept["site"] == "demo"
    tail = "cannot read /data/Muster^Erika/Muster_Erika_19700101.dcm: Muster_Erika_19700101"
    note = {"note": "ready", "source": "Muster_Erika_19700101.dcm", "tail": [tail]}
    cleaned = private.clean_json(json.dumps(note).encode()).decode()
    assert "uster" not in cleaned
    assert set(json.loads(cleaned)) == {"note", "source", "tail"}
