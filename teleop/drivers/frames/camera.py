"""A frame grabber or camera by device path (V4L2): live.

The device is read on a thread of its own that keeps only the newest picture: whoever asks waits
at most 100 ms and never gets an old one out of a queue.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import av
from av.error import FFmpegError

from safety.messages import ArmState
from teleop.drivers.frames import fit
from teleop.drivers.frames.base import (
    NO_SCALE,
    Frame,
    FrameSourceError,
    Geometry,
    ImageParameters,
    SourceLostError,
    SourceMissingError,
)
from teleop.drivers.frames.clip import Luma
from teleop.drivers.frames.video import lumas
from transport.local.clock import now_ns as clock_ns

WAIT_S = 0.1
SILENT_S = 2.0
"""A device that gives nothing for this long is lost."""


class Camera:
    """A live source fed by `read`, an endless iterator that blocks for each picture."""

    live = True
    paces_itself = True

    def __init__(
        self,
        name: str,
        read: Callable[[], Iterator[Luma]],
        target: tuple[int, int],
        fps: float,
    ) -> None:
        self.name, self.nominal_fps = name, fps
        self._read, self._target = read, target
        self._newest: tuple[Luma, int] | None = None
        self._failure: Exception | None = None
        self._last_ns = clock_ns()
        self._stop = threading.Event()
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def geometry_for(self, parameters: ImageParameters) -> Geometry:
        """A frame grabber does not know the scale."""
        return NO_SCALE

    def apply(self, parameters: ImageParameters) -> None:
        """Settings are made at the ultrasound machine."""

    def next(self, now_ns: int, arm: ArmState | None) -> Frame | None:
        """Wait for a new picture; None when there was none for 100 ms."""
        with self._change:
            self._change.wait_for(lambda: self._newest is not None or self._failure, WAIT_S)
            newest, self._newest = self._newest, None
            failure = self._failure
        if newest is not None:
            luma, at_ns = newest
            self._last_ns = at_ns
            plan = fit.plan((luma.shape[1], luma.shape[0]), self._target, None)
            return Frame(fit.apply(plan, luma), at_ns)
        if failure is not None:
            raise SourceLostError(f"{self.name}: {failure}; check its cable") from failure
        if clock_ns() - self._last_ns > SILENT_S * 1e9:
            raise SourceLostError(f"{self.name} gives no pictures; is its input connected?")
        return None

    def close(self) -> None:
        """Let the reading thread end; one that is stuck in the device ends with the process."""
        self._stop.set()
        self._thread.join(WAIT_S)

    def _run(self) -> None:
        failure: Exception = RuntimeError("the device ended the stream")
        try:
            for luma in self._read():
                if self._stop.is_set():
                    return
                with self._change:
                    self._newest = (luma, clock_ns())
                    self._change.notify()
        except (FFmpegError, OSError, ValueError, FrameSourceError) as error:
            failure = error
        with self._change:
            self._failure = failure
            self._change.notify()


def open_v4l2(path: Path, target: tuple[int, int], fps: int) -> Camera:
    """Open a V4L2 device; asks it for the configured size and rate, takes what it gives."""
    if not path.is_char_device():
        raise SourceMissingError(
            f"{path}: no such video device; list them with  ls /dev/video*  and check the cable"
        )
    options = {"video_size": f"{target[0]}x{target[1]}", "framerate": str(fps)}
    try:
        try:
            container = av.open(str(path), format="v4l2", options=options)
        except FFmpegError:  # the device has not exactly this size or rate: take its own
            container = av.open(str(path), format="v4l2")
    except (FFmpegError, OSError) as error:
        raise SourceMissingError(
            f"{path}: cannot be opened ({error.strerror}); is it a camera, does another "
            "program use it, and are you in the group video?"
        ) from error
    return Camera(str(path), lambda: lumas(container, str(path)), target, float(fps))
