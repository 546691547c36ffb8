"""Start the media process: `python -m teleop.media --run RUN_DIR --life FD`."""

from __future__ import annotations

import argparse
import os
import sys
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
        failure, clean = uvloop.run(app.run(arguments.run, config, arguments.life))
    except (ConfigError, FrameSourceError) as error:
        failure, clean = error, True
    if not clean:  # a compiler at work cannot be interrupted; nothing of ours is left to do
        os._exit(0 if failure is None else 1)
    if failure is None:
        return 0
    if isinstance(failure, (*app.EXPECTED, ConfigError)):
        sys.stderr.write(f"media: {failure}\n")
        return 2
    raise failure


if __name__ == "__main__":
    sys.exit(main())
