"""The log on disk: one writer, whole lines, honest after a crash, patient with a bad disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from teleop.audit.book import LOG_FILE, Book
from teleop.audit.errors import BookError
from teleop.audit.expert import open_book
from teleop.audit.lines import Kind
from teleop.audit.read import Fault, parse
from teleop.audit.verify import verify_one


def written(tmp_path: Path, entries: int = 3) -> Path:
    with Book(tmp_path, "demo/robot") as book:
        book.add(Kind.OPENED, value=1)
        for number in range(entries):
            book.add(Kind.ACT, session=1, name="STOP", value=number)
            assert book.store()
        book.add(Kind.CLOSED)
    return tmp_path / LOG_FILE


def test_a_log_is_continued_and_stays_whole(tmp_path: Path) -> None:
    path = written(tmp_path)
    first = path.read_bytes()
    with Book(tmp_path, "demo/robot") as book:
        assert [e.kind for e in book.stored][-1] is Kind.CLOSED
        book.add(Kind.OPENED, value=2)
        book.add(Kind.CLOSED)
    assert path.read_bytes().startswith(first), "append-only"
    assert verify_one(path.read_bytes()) == ()
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert oct((tmp_path / "audit.key").stat().st_mode & 0o777) == "0o600"


def test_only_one_writes(tmp_path: Path) -> None:
    with Book(tmp_path, "demo/robot"), pytest.raises(BookError, match="a session of this site"):
        Book(tmp_path, "demo/robot")


def test_a_line_that_was_cut_by_a_crash_is_no_entry(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"line":"entry","n":5,"utc')
    with Book(tmp_path, "demo/robot") as book:
        book.add(Kind.OPENED)
    assert path.read_bytes().startswith(whole)
    assert [f.fault for f in verify_one(path.read_bytes())] == [Fault.OPEN_END]


@pytest.mark.parametrize("damage", ["edit", "other origin", "other key", "no header"])
def test_a_log_that_is_not_ours_or_not_whole_is_never_continued(
    tmp_path: Path, damage: str
) -> None:
    path = written(tmp_path)
    data = path.read_bytes()
    if damage == "edit":
        path.write_bytes(data.replace(b'"STOP"', b'"STEP"', 1))
    if damage == "other key":
        (tmp_path / "audit.key").write_bytes(b"\x07" * 32)
    if damage == "no header":
        path.write_bytes(data.split(b"\n", 1)[1])
    before = path.read_bytes()
    with pytest.raises(BookError, match=LOG_FILE):
        Book(tmp_path, "other/robot" if damage == "other origin" else "demo/robot")
    assert path.read_bytes() == before, "evidence is left as it is"


def test_a_full_disk_costs_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book(tmp_path, "demo/robot")
    book.add(Kind.OPENED)
    assert book.store()
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[: len(data) // 2], at))
    for number in range(5):
        book.add(Kind.ACT, name="STOP", value=number)
        assert not book.store()
    assert "bytes were written" in book.error
    monkeypatch.undo()
    book.add(Kind.CLOSED)
    book.close()
    log = parse((tmp_path / LOG_FILE).read_bytes())
    assert [e.value for e, _ in log.entries if e.kind is Kind.ACT] == list(range(5))
    assert not log.found
    assert not log.end_faults()


def test_whatever_is_added_can_be_read_again(tmp_path: Path) -> None:
    """Stamps of a machine that runs for years, epochs of 64 bits, names of any kind."""
    with Book(tmp_path, "demo/robot") as book:
        book.add(Kind.ALLOWED, value=2**64 - 1, at_ns=2**62)
        book.add(Kind.ACT, name="STOP", value=True)
        book.add(Kind.ACT, name="two words\n" + "x" * 500, value=-(2**70), at_ns=-5)
        book.add(Kind.FORKED, detail="é" * 5000)
        book.add(Kind.CLOSED)
    assert verify_one((tmp_path / LOG_FILE).read_bytes()) == ()
    with Book(tmp_path, "demo/robot") as book:
        assert [e.kind for e in book.stored][1] is Kind.ACT
        assert book.stored[0].mono_ns == 2**62
        book.add(Kind.CLOSED)


def test_consoles_at_the_same_time_keep_logs_of_their_own(tmp_path: Path) -> None:
    first = open_book(tmp_path / "console")
    second = open_book(tmp_path / "console")
    assert first.path != second.path
    assert first.log.origin != second.log.origin
    for book in (first, second):
        book.add(Kind.CLOSED)
        book.close()
    first.path.write_bytes(first.path.read_bytes().replace(b"closed", b"opened"))
    with pytest.raises(BookError, match="Keep it as evidence"):  # and no quiet second log
        open_book(tmp_path / "console")
