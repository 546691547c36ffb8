"""Mailboxes and rings between processes: no torn value, losses counted, restarts continue."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from transport.local import mailbox
from transport.local.datagram import DatagramReceiver, DatagramSender
from transport.local.mailbox import MailboxError, RawMailbox
from transport.local.ring import RingReader, RingWriter


@pytest.fixture
def box_path(tmp_path: Path) -> Path:
    path = tmp_path / "box"
    mailbox.create(path, 64)
    return path


def test_empty_then_latest_value(box_path: Path) -> None:
    writer, reader = RawMailbox(box_path, 64), RawMailbox(box_path, 64)
    assert reader.read() is None
    for i in range(1, 6):
        assert writer.write(b"v%d" % i) == i
    assert reader.read() == (5, b"v5")


def test_a_torn_slot_falls_back_to_the_value_before(box_path: Path) -> None:
    writer, reader = RawMailbox(box_path, 64), RawMailbox(box_path, 64)
    writer.write(b"first")
    writer.write(b"second")
    data = bytearray(box_path.read_bytes())
    data[16] ^= 0xFF  # slot 0 holds sequence 2
    box_path.write_bytes(bytes(data))
    assert RawMailbox(box_path, 64).read() == (1, b"first")
    assert reader.read() in [(1, b"first"), (2, b"second")]


def test_only_what_is_newer_is_read(box_path: Path) -> None:
    writer, reader = RawMailbox(box_path, 64), RawMailbox(box_path, 64)
    assert reader.read_newer(0) is None
    assert writer.write(b"one") == 1
    assert reader.read_newer(0) == (1, b"one")
    assert reader.read_newer(1) is None
    writer.write(b"two")
    with box_path.open("r+b") as file:
        file.seek(16)  # the payload of slot 0, which holds the newer value
        file.write(b"?")
    assert reader.read_newer(1) is None, "what is whole is known already"
    assert reader.read_newer(2) is None, "what is whole is older"
    assert reader.read_newer(3) is None


def test_a_full_disk_is_said_when_the_mailbox_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(MailboxError, match=r"no room for \d+ bytes: No space left"):
        mailbox.create(tmp_path / "box", 64)
    assert not list(tmp_path.iterdir())


def test_a_mailbox_has_its_room_before_anything_is_written(box_path: Path) -> None:
    status = box_path.stat()
    assert status.st_blocks * 512 >= status.st_size > 0


def test_a_restarted_writer_continues_the_sequence(box_path: Path) -> None:
    RawMailbox(box_path, 64).write(b"a")
    assert RawMailbox(box_path, 64).write(b"b") == 2


def test_wrong_size_and_missing_file_are_clear_errors(box_path: Path, tmp_path: Path) -> None:
    with pytest.raises(MailboxError, match="expected"):
        RawMailbox(box_path, 65)
    with pytest.raises(MailboxError, match="nothing"):
        RawMailbox(tmp_path / "nothing", 64)
    with pytest.raises(MailboxError, match="limit 64"):
        RawMailbox(box_path, 64).write(bytes(65))


WRITER = """
import sys
from pathlib import Path
from transport.local.mailbox import RawMailbox
box = RawMailbox(Path(sys.argv[1]), 64)
print("ready", flush=True)
for i in range(200_000):
    box.write(bytes([i % 251]) * 64)
"""


@pytest.mark.process
def test_no_reader_ever_sees_a_torn_value(box_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(box_path)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        reader = RawMailbox(box_path, 64)
        last = seen = 0
        while child.poll() is None:
            item = reader.read()
            if item is None:
                continue
            assert len(set(item[1])) == 1
            assert item[0] >= last
            last, seen = item[0], seen + 1
    assert seen > 100
    final = reader.read()
    assert final is not None
    assert final[0] == 200_000


def test_ring_reads_in_order_and_counts_what_was_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    mailbox.create(path, 16, 8)
    writer = RingWriter(path, 16, 8)
    reader = RingReader(path, 16, 8, from_oldest=True)
    for i in range(5):
        writer.write(b"%d" % i)
    assert [p for _, p in reader.read()] == [b"0", b"1", b"2", b"3", b"4"]
    for i in range(5, 25):
        writer.write(b"%d" % i)
    got = reader.read()
    assert got[-1] == (25, b"24")
    assert [s for s, _ in got] == list(range(got[0][0], 26))
    assert reader.lost == got[0][0] - 6
    assert reader.read() == []


def test_a_late_reader_starts_where_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    mailbox.create(path, 16, 8)
    writer = RingWriter(path, 16, 8)
    for i in range(12):
        writer.write(b"%d" % i)
    assert RingReader(path, 16, 8, from_oldest=False).read() == []
    assert len(RingReader(path, 16, 8, from_oldest=True).read()) == 8


def test_datagrams_never_block_and_losses_are_counted(tmp_path: Path) -> None:
    sender = DatagramSender(tmp_path / "events")
    assert not sender.send(b"nobody listens")
    receiver = DatagramReceiver(tmp_path / "events")
    sent = sum(sender.send(b"x" * 100) for _ in range(5000))
    assert 0 < sent < 5000
    assert sender.lost == 5001 - sent
    assert len(receiver.receive(most=3)) == 3
    sender.close()
    receiver.close()
