"""Read a recording without this project: only the `mcap` package and the standard library.

Each packed topic carries its own schema (JSON): the struct format and the fields with units.
Usage:  python examples/read_recording.py runs/2026-01-31T120000Z_demo.mcap
"""

import json
import struct
import sys
from collections.abc import Iterator
from typing import Any

from mcap.reader import make_reader


def rows(path: str, topic: str) -> Iterator[dict[str, Any]]:
    """Yield each message of a packed topic as a dict of field name -> value."""
    with open(path, "rb") as stream:
        for schema, _channel, message in make_reader(stream).iter_messages(topics=[topic]):
            assert schema is not None, "every packed topic has one"
            layout = json.loads(schema.data)
            values = iter(struct.unpack(layout["struct"], message.data))
            row: dict[str, Any] = {}
            for field in layout["fields"]:
                many = [next(values) for _ in range(field["count"])]
                value = many if field["count"] > 1 else many[0]
                row[field["name"]] = field.get("names", {}).get(str(value), value)
            yield row


def main(path: str) -> None:
    """Print the state, its cause, the force and the loop latency at every change of state."""
    before = None
    for row in rows(path, "guard_step"):
        state = row["outputs.report.state"]
        if state != before:
            seconds = row["inputs.now_ns"] / 1e9
            cause = row["outputs.report.first_out"]
            force_n = row["inputs.arm.force_n"][2]
            loop_ms = row["outputs.report.loop_ms"]
            print(f"{seconds:12.3f} s  {state:<10} {cause:<18} {force_n:5.1f} N  {loop_ms:.0f} ms")
        before = state


if __name__ == "__main__":
    main(sys.argv[1])
