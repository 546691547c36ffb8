"""Recordings: what is written is read back bit for bit; damage is named and never spreads."""

from __future__ import annotations

import csv
import json
import random
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from mcap.reader import make_reader
from mcap.records import Channel, Message
from record_samples import guard_step, write

from safety import messages as m
from teleop.record import csvfile, info, mcapfile
from teleop.record.decode import Decoder
from teleop.record.errors import ForeignFileError, RecordingError
from teleop.record.reader import open_recording
from teleop.record.topics import PACKED, TOPICS


def test_every_packed_layout_is_described_exactly() -> None:
    for topic in TOPICS:
        if topic.fields is None:
            continue
        decoder = Decoder(topic.schema_data())
        assert struct.calcsize(decoder.format) == topic.channel.size, topic.name


def test_steps_come_back_bit_for_bit(tmp_path: Path) -> None:
    recording = open_recording(write(tmp_path / "a.mcap"))
    steps = [x for x in recording.messages() if x.topic == "guard_step"]
    assert [s.data for s in steps] == [m.GUARD_STEP.pack(guard_step(n)) for n in range(1, 21)]
    assert recording.complete
    assert recording.metadata["session"]["site"] == "test"


def test_other_mcap_readers_can_read_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mcap")
    with path.open("rb") as stream:
        rows = list(make_reader(stream).iter_messages(topics=["guard_step"]))
    schema, channel, message = rows[-1]
    assert schema is not None
    fields = json.loads(schema.data)
    assert channel.message_encoding == "teleop-struct"
    values = struct.unpack(fields["struct"], message.data)
    assert values[0] == 20 * 2_000_000


def test_the_example_reads_it_without_our_code(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "examples" / "read_recording.py"
    assert len(script.read_text().splitlines()) < 60
    command = [sys.executable, "-P", str(script), str(write(tmp_path / "a.mcap"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert [line.split()[2] for line in lines] == ["ACTIVE", "HOLD"]
    assert "COMMAND_AGE" in lines[1]


def test_info_names_states_causes_and_missing_steps(tmp_path: Path) -> None:
    recording = open_recording(write(tmp_path / "a.mcap", without=(5, 6)))
    found = info.as_json(recording, info.collect(recording))
    assert found["topics"]["guard_step"]["missing"] == 2
    assert found["topics"]["guard_step"]["rate_hz"] == pytest.approx(447.4, abs=1)
    assert [e["state"] for e in found["events"]] == ["ACTIVE", "HOLD"]
    assert found["events"][1]["cause"] == "COMMAND_AGE"
    assert found["state_s"]["ACTIVE"] == pytest.approx(0.020)


def test_csv_has_units_and_enum_names(tmp_path: Path) -> None:
    files = csvfile.export_csv(open_recording(write(tmp_path / "a.mcap")), tmp_path / "out")
    assert files[tmp_path / "out" / "guard_step.csv"] == (20, 0)
    with (tmp_path / "out" / "guard_step.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["outputs.report.state"] == "ACTIVE"
    assert rows[0]["outputs.report.loop_ms [ms]"] == "nan"
    assert rows[19]["inputs.now_ns [ns]"] == "40000000"


def test_a_file_cut_off_by_a_crash_is_read_to_its_last_whole_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcapfile, "CHUNK_BYTES", 4000)  # two steps
    part = write(tmp_path / "a.mcap", finish=False)
    assert part.name == "a.mcap.part"
    recording = open_recording(part)
    steps = [x for x in recording.messages() if x.topic == "guard_step"]
    assert len(steps) >= 18
    assert not recording.complete
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(part.read_bytes()[:-100])
    recording = open_recording(cut)
    fewer = [x for x in recording.messages() if x.topic == "guard_step"]
    assert 14 <= len(fewer) < len(steps)
    assert "not read" in recording.damage[0]


def test_a_damaged_chunk_costs_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcapfile, "CHUNK_BYTES", 4000)
    data = bytearray(write(tmp_path / "a.mcap").read_bytes())
    magic = b"\x28\xb5\x2f\xfd"  # zstd frame
    second = data.index(magic, data.index(magic) + 1)
    data[second + 40] ^= 0xFF
    damaged = tmp_path / "b.mcap"
    damaged.write_bytes(data)
    recording = open_recording(damaged)
    steps = [x.sequence for x in recording.messages() if x.topic == "guard_step"]
    assert 1 in steps
    assert 20 in steps
    assert 15 <= len(steps) < 20
    assert len(recording.damage) == 1


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89MCAP0\r\n", b"\x89MCAP0\r\n" + bytes(99)])
def test_a_foreign_file_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.mcap"
    path.write_bytes(content)
    with pytest.raises(ForeignFileError, match=r"x\.mcap"):
        list(open_recording(path).messages())
    with pytest.raises(RecordingError, match="No such file"):
        open_recording(tmp_path / "none.mcap")


def test_a_channel_without_a_decoder_is_no_topic(tmp_path: Path) -> None:
    """Its schema was lost with a damaged chunk: what comes later under its number is damage."""
    recording = open_recording(write(tmp_path / "a.mcap", steps=2))
    lost = Channel(id=99, topic="new", message_encoding=PACKED, metadata={}, schema_id=77)
    late = Message(channel_id=99, log_time=1, publish_time=1, sequence=1, data=b"")
    for record in (lost, late):
        with pytest.raises(KeyError):
            recording._fact(record)
        assert list(recording._take(record, 0)) == []
    assert len(recording.damage) == 2


def _mutate(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(out))
        kind = rng.randrange(5)
        if kind == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at : at + 8] = rng.choice((b"\xff" * 8, bytes(8), rng.randbytes(8)))
        elif kind == 2:
            del out[at : at + rng.randrange(1, 200)]
        elif kind == 3:
            out[at:at] = rng.randbytes(rng.randrange(1, 60))
        else:
            del out[max(1, at) :]
        if not out:
            break
    return bytes(out)


def test_a_thousand_mutated_recordings_never_crash_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcapfile, "CHUNK_BYTES", 4000)
    original = write(tmp_path / "a.mcap", steps=6).read_bytes()
    rng = random.Random(7)
    path, refused, damaged = tmp_path / "m.mcap", 0, 0
    for number in range(1200):
        path.write_bytes(_mutate(original, rng))
        try:
            recording = open_recording(path)
            json.dumps(info.as_json(recording, info.collect(recording)))
            if number % 20 == 0:
                csvfile.export_csv(recording, tmp_path / "out")
        except RecordingError:
            refused += 1
            continue
        damaged += bool(recording.damage) or not recording.complete
    assert refused > 0
    assert damaged > 500
