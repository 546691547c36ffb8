"""The whole table of faults (docs/fault-matrix.md shows it with what was measured)."""

from __future__ import annotations

from bench.faults.model import Fault
from bench.faults.table_arm import ARM_ROWS, FRAME_ROWS, SENSOR_ROWS
from bench.faults.table_link import CLOCK_ROWS, LINK_ROWS, PICTURE_ROWS
from bench.faults.table_load import LOAD_ROWS
from bench.faults.table_process import PEOPLE_ROWS, PROCESS_ROWS

TABLE: tuple[Fault, ...] = (
    *LINK_ROWS, *FRAME_ROWS, *PICTURE_ROWS, *PROCESS_ROWS, *SENSOR_ROWS, *ARM_ROWS, *LOAD_ROWS,
    *PEOPLE_ROWS, *CLOCK_ROWS,
)  # fmt: skip
BY_NAME: dict[str, Fault] = {fault.name: fault for fault in TABLE}
