"""The epoch on disk: durable before use, never used twice, never waited for."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from teleop.guard import epoch_store
from teleop.guard.epoch_store import BLOCK, FILE, EpochStore
from teleop.guard.errors import StoreError


def wait_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if condition():
            return
        pause.wait(0.005)
    pytest.fail("the helper thread did not come round")


def stored(folder: Path) -> dict[str, int]:
    value: dict[str, int] = json.loads((folder / FILE).read_bytes())
    return value


def test_each_start_counts_durably_before_anything_else(tmp_path: Path) -> None:
    for boot in (1, 2, 3):
        store = EpochStore(tmp_path)
        assert store.durable == boot << 32
        assert stored(tmp_path)["boot"] == boot
        store.close()
    store = EpochStore(tmp_path, at_least_boot=40)
    assert store.durable >> 32 == 40
    store.close()


def test_epochs_become_durable_in_blocks_ahead_of_use(tmp_path: Path) -> None:
    store = EpochStore(tmp_path)
    first = store.durable
    store.want(first)
    assert store.durable == first, "nothing more is wanted"
    store.want(first + 1)
    wait_for(lambda: store.durable > first)
    assert store.durable == first + 1 + BLOCK
    assert stored(tmp_path)["low"] == 1 + BLOCK
    store.want(first + 10)
    assert store.durable == first + 1 + BLOCK, "still far from the end of the block"
    store.want(first + 1 + BLOCK // 2 + 1)
    wait_for(lambda: store.durable > first + 1 + BLOCK)
    store.close()


def test_what_a_crash_left_in_use_is_never_issued_again(tmp_path: Path) -> None:
    used = set()
    for _ in range(5):
        store = EpochStore(tmp_path)
        for low in range(3):
            epoch = store.durable + low
            assert epoch not in used
            used.add(epoch)
        store.close()


def test_a_failing_disk_confirms_nothing_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EpochStore(tmp_path)
    first = store.durable
    real = epoch_store._write

    def full(path: Path, boot: int, low: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(epoch_store, "_write", full)
    store.want(first + 1)
    wait_for(lambda: store.error != "")
    assert store.durable == first
    monkeypatch.setattr(epoch_store, "_write", real)
    store.want(first + 1)
    wait_for(lambda: store.durable > first)
    store.close()


def test_a_thousand_damaged_files_are_refused_in_words(tmp_path: Path) -> None:
    rng = random.Random(1)
    junk = [b"", b"{}", b"[]", b"null", b'{"boot": -1}', b'{"boot": "1"}', b'{"boot": 1.5}',
            b'{"boot": 99999999999}', b'{"boot": null}']  # fmt: skip
    for _ in range(1000):
        data = rng.choice(junk) if rng.random() < 0.5 else rng.randbytes(rng.randrange(40))
        (tmp_path / FILE).write_bytes(data)
        with pytest.raises(StoreError, match="damaged"):
            EpochStore(tmp_path)


def test_a_folder_that_cannot_be_written_is_a_start_up_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="writable"):
        EpochStore(tmp_path / "file" / "inside")
