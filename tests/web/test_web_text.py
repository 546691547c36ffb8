"""The text tables: both languages complete, and no key that the pages use is missing."""

from __future__ import annotations

import enum
import json
import re
from pathlib import Path

import pytest

from safety import states
from transport import describe
from transport.refusals import Reason

ROOT = Path(__file__).resolve().parents[2] / "teleop"
WEB = ROOT / "web"
TABLES = {lang: json.loads((ROOT / "text" / f"{lang}.json").read_text()) for lang in ("en", "zh")}

PREFIXES: dict[str, type[enum.Enum]] = {
    "state": states.State,
    "cause": states.Cause,
    "clamp": states.Clamp,
    "step": states.Step,
    "instrument": states.Instrument,
    "permit": states.PermitKind,
    "alarm": states.Alarm,
}
SCRIPTS = [path for path in WEB.rglob("*.js") if "generated" not in path.parts]
PAGES = list(WEB.glob("*.html"))


def test_both_languages_have_the_same_keys() -> None:
    assert TABLES["en"].keys() == TABLES["zh"].keys()


def test_both_languages_use_the_same_placeholders() -> None:
    for key, text in TABLES["en"].items():
        other = TABLES["zh"][key]
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", other)), key


def test_no_text_is_empty_or_left_untranslated() -> None:
    same = {k for k, v in TABLES["en"].items() if v == TABLES["zh"][k] and re.search("[a-z]{3}", v)}
    assert all(text.strip() for table in TABLES.values() for text in table.values())
    assert all(re.fullmatch(r"[\W\d]*(\{\w+\}[\W\d]*)+", TABLES["en"][k]) or k.startswith("latency")
               for k in same), same  # fmt: skip


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_value_of_an_enum_has_words(prefix: str) -> None:
    missing = [n for n in PREFIXES[prefix].__members__ if f"{prefix}.{n}" not in TABLES["en"]]
    assert not missing


def test_every_contact_and_refusal_has_words() -> None:
    contacts = {*states.Contact.__members__, *states.ContactState.__members__}
    wanted = {f"contact.{name}" for name in contacts} | {f"refused.{r.value}" for r in Reason}
    assert wanted <= TABLES["en"].keys()


def test_every_key_that_pages_name_exists() -> None:
    for page in PAGES:
        for key in re.findall(r'data-(?:text|label|title|hint)="([^"]+)"', page.read_text()):
            assert key in TABLES["en"], f"{page.name}: {key}"
    for script in SCRIPTS:
        for key in re.findall(r'"([a-z0-9]+\.[a-z_0-9]+)"', script.read_text()):
            if key.split(".")[0] in {k.split(".")[0] for k in TABLES["en"]}:
                assert key in TABLES["en"], f"{script.name}: {key}"


def test_every_reason_to_let_go_has_words() -> None:
    source = "".join(path.read_text() for path in SCRIPTS)
    reasons = re.findall(
        r'deadman\.(?:release|block)\("([a-z_]+)"|, release\("([a-z_]+)"\)', source
    )
    assert reasons
    for first, second in reasons:
        assert f"deadman.{first or second}" in TABLES["en"]


def test_every_phrase_of_the_panels_has_words() -> None:
    lists = re.search(r"PHRASES = \{(.*?)\};", (WEB / "talk" / "panel.js").read_text(), re.S)
    assert lists
    phrases = re.findall(r'"([a-z_]+)"', lists[1])
    assert len(phrases) > 10
    assert all(f"phrase.{phrase}" in TABLES["en"] for phrase in phrases)


def test_generated_files_are_current() -> None:
    assert describe.stale() == [], "run python -m transport.describe --write"


def test_pages_have_no_inline_code_or_foreign_address() -> None:
    for page in PAGES:
        html = page.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", html), page.name
        assert not re.search(r"https?://", html), page.name
    for script in SCRIPTS:
        source = script.read_text()
        assert not re.search(r"innerHTML|insertAdjacentHTML|\beval\(|new Function", source), script
        assert not re.search(r"from \"(?!\.)", source), f"{script.name}: only own modules"
    for sheet in (WEB / "style").glob("*.css"):
        assert "@import" not in sheet.read_text()
        assert "http" not in sheet.read_text()
