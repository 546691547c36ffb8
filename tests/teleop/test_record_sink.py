"""The writer thread: a full, slow or broken disk costs records, never the caller's time."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from record_samples import INDEX, METADATA

from teleop.record import sink as sink_module
from teleop.record.info import collect
from teleop.record.mcapfile import McapFile, free_name
from teleop.record.reader import open_recording
from teleop.record.sink import Sink
from teleop.record.sources import Item

WAIT_S = 120.0


class FakeFile:
    """A file whose disk does what the test says."""

    def __init__(self, path: Path, on_add: Callable[[], None]) -> None:
        self.path, self.part = path, path.with_name(path.name + ".part")
        self.size = 0
        self.added: list[int] = []
        self.finished: dict[str, str] | None = None
        self.abandoned = False
        self._on_add = on_add

    def add(self, topic: int, stamp_ns: int, sequence: int, data: bytes) -> None:
        self._on_add()
        self.added.append(sequence)

    def flush(self, sync: bool = False) -> None:
        pass

    def finish(self, end: dict[str, str]) -> Path:
        self.finished = end
        self.path.touch()
        return self.path

    def abandon(self) -> None:
        self.abandoned = True


def item(number: int) -> Item:
    return Item(INDEX["guard_step"], number, number, b"x")


def test_a_blocked_disk_never_blocks_the_caller_and_drops_are_counted(tmp_path: Path) -> None:
    entered, go = threading.Event(), threading.Event()

    def block() -> None:
        entered.set()
        assert go.wait(WAIT_S)

    file = FakeFile(tmp_path / "a.mcap", block)
    sink = Sink(tmp_path, lambda: file, 1, queue_items=10)
    sink.start()
    sink.offer(item(1))
    assert entered.wait(WAIT_S)
    for number in range(2, 102):  # 10 fit into the queue while the disk hangs
        sink.offer(item(number))
    assert sink.status().drops == 90
    assert sink.counts() == {"guard_step": 90}
    go.set()
    assert sink.close(WAIT_S)
    assert [n for n in file.added if n] == list(range(1, 12))
    assert file.finished is not None
    assert '"guard_step": 90' in file.finished["missing"]


def test_a_full_disk_is_reported_and_the_file_given_up(tmp_path: Path) -> None:
    failed = threading.Event()

    def full() -> None:
        failed.set()
        raise OSError(errno.ENOSPC, "No space left on device")

    file = FakeFile(tmp_path / "a.mcap", full)
    sink = Sink(tmp_path, lambda: file, 1)
    sink.start()
    for number in range(5):
        sink.offer(item(number))
    assert failed.wait(WAIT_S)
    assert sink.close(WAIT_S)
    assert file.abandoned
    assert "No space left" in sink.status().error
    assert sink.status().drops == 5


def test_below_the_free_space_limit_it_closes_the_file_and_keeps_draining(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_mb = [500]
    usage = type("Usage", (), {"free": property(lambda _self: free_mb[0] << 20)})
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: usage())
    monkeypatch.setattr(sink_module, "FLUSH_NS", 0)
    files: list[FakeFile] = []
    reopened, closed = threading.Event(), threading.Event()

    def open_file() -> FakeFile:
        files.append(FakeFile(tmp_path / f"{len(files)}.mcap", lambda: None))
        if len(files) == 2:
            reopened.set()
        original = files[-1].finish

        def finish(end: dict[str, str]) -> Path:
            closed.set()
            return original(end)

        files[-1].finish = finish  # type: ignore[method-assign]
        return files[-1]

    sink = Sink(tmp_path, open_file, 200)
    sink.start()
    sink.offer(item(1))
    free_mb[0] = 100
    assert closed.wait(WAIT_S)
    assert files[0].finished is not None
    free_mb[0] = 500
    assert reopened.wait(WAIT_S), "space is back: a new file"
    assert sink.close(WAIT_S)


def test_the_name_carries_time_only_and_is_never_reused(tmp_path: Path) -> None:
    first = free_name(tmp_path, "2026-01-31T120000Z_demo")
    assert first.name == "2026-01-31T120000Z_demo.mcap"
    McapFile(first, "test", METADATA).abandon()  # a crash leaves the .part
    second = free_name(tmp_path, "2026-01-31T120000Z_demo")
    assert second.name == "2026-01-31T120000Z_demo_2.mcap"


def test_drops_stand_in_the_file_and_in_info(tmp_path: Path) -> None:
    file = McapFile(tmp_path / "a.mcap", "test", METADATA)
    sink = Sink(tmp_path, lambda: file, 1)
    sink.set_lost({"servo_step": 12, "guard_step": 0})
    sink.start()
    sink.offer(item(1))
    assert sink.close(WAIT_S)
    recording = open_recording(tmp_path / "a.mcap")
    assert collect(recording).dropped == {"servo_step": 12}
