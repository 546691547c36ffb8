"""Start the media process: `python -m teleop.media --run RUN_DIR --life FD`."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from pathlib import Path

import cv2
import uvloop

from teleop.config import ConfigError, read_run
from teleop.drivers.frames.base import FrameSourceError
from teleop.media import app


def main() -> int:
    """Run until told to leave; 0: as asked, 2: the user must change something, 1: a bug."""
    parser = argparse.ArgumentParser(prog="teleop.media")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--life", type=int)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        config = read_run(arguments.run)
        failure = uvloop.run(app.run(arguments.run, config, arguments.life))
    except (ConfigError, FrameSourceError) as error:
        failure = error
    if failure is None:
        return 0
    if isinstance(failure, (*app.EXPECTED, ConfigError)):
        sys.stderr.write(f"media: {failure}\n")
        return 2
    traceback.print_exception(failure)
    return 1


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # Nothing of ours is left to do. The interpreter's own end would wait for a compiler at work,
    # and taking numba apart takes 0.3 s, more than a second on a busy machine.
    os._exit(status)
