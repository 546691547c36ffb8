"""The picture thread: source, stamp, encoder, on a monotonic schedule, nothing queues.

Everything heavy (image formation in numba, x264) runs here with the GIL released; the event loop
of the process only sends. While it is held up, pictures are dropped before encoding and counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from safety.messages import ArmState
from teleop import channels
from teleop.drivers.frames.base import FrameSource, ImageParameters
from teleop.media.adaptive import AdaptiveEncoder
from teleop.media.rate import Average
from teleop.media.stamp import Stamped, stamp
from transport.genlock import Steering, step_ns
from transport.ladder import Rung
from transport.local.clock import now_ns
from transport.local.loop import Cycle
from transport.webrtc.video import EncodedPicture

WAITING = 3
"""Pictures that may wait for the event loop, which sends all of them at once."""
LOST_NS = 50_000_000
"""An arm state or guard report older than this is lost."""


@dataclass(frozen=True, slots=True)
class Product:
    """One picture, encoded when somebody watches."""

    stamped: Stamped
    encoded: EncodedPicture | None


@dataclass(slots=True)
class Times:
    """Averages for the status, ms."""

    form_ms: Average
    encode_ms: Average


class Inputs:
    """The mailboxes that a picture depends on."""

    def __init__(self, run_dir: Path) -> None:
        self._arm = channels.box(run_dir, channels.ARM_STATE)
        self._guard = channels.box(run_dir, channels.GUARD_REPORT)

    def arm(self, at_ns: int) -> ArmState | None:
        """Newest state of the arm, None when it is silent."""
        item = self._arm.read()
        if item is None or at_ns - item[1].stamp_ns > LOST_NS:
            return None
        state: ArmState = item[1]
        return state

    def mark(self, at_ns: int) -> int:
        """The mark to draw, -1 for none or when guard is silent."""
        item = self._guard.read()
        if item is None or at_ns - item[1].stamp_ns > LOST_NS:
            return -1
        return int(item[1].mark)


class Producer:
    """Runs the source and the encoder on a thread of its own."""

    def __init__(
        self,
        open_source: Callable[[], FrameSource],
        best: Rung,
        inputs: Inputs,
        fps: float,
        ready: Callable[[], None],
        ended: Callable[[BaseException | None], None],
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        """`begin` is called on the picture's thread when the source is open."""
        self._open_source = open_source
        self._inputs, self._fps = inputs, fps
        self._ready, self._ended, self._begin = ready, ended, begin
        self.source: FrameSource | None = None
        self.rung = best
        """The quality to send, set by the event loop."""
        self.viewers = 0
        """Set by the event loop; without viewers nothing is encoded."""
        self.times = Times(Average(), Average())
        self.skipped = 0
        """Schedule slots that were missed."""
        self.overwritten = 0
        """Pictures that were dropped because the event loop did not take the ones before."""
        self._keyframe = threading.Event()
        self._stop = threading.Event()
        self.period_ns = 0
        """Nominal time between two pictures; 0: not known yet, or the source sets its own pace."""
        self._wanted: ImageParameters | None = None
        self._steering: Steering | None = None
        self._owed_ns = 0
        """What is left of the last correction."""
        self._waiting: list[Product] = []
        self._count = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="picture", daemon=True)

    def start(self) -> None:
        """Open the source (numba compiles here) and begin."""
        self._thread.start()

    def stop(self, patience_s: float) -> None:
        """End the thread, which releases the source; one that is still compiling is left alone."""
        self._stop.set()
        self._thread.join(patience_s)

    def want_keyframe(self) -> None:
        """Ask for a keyframe; requests are rate-limited by the encoder and kept until granted."""
        self._keyframe.set()

    def set_image(self, parameters: ImageParameters) -> None:
        """Change the image settings from the next picture on."""
        self._wanted = parameters

    def steer(self, steering: Steering) -> None:
        """Make pictures at another rate, later or earlier, from the next one on."""
        self._steering = steering

    def take(self) -> list[Product]:
        """What was made since the last call, oldest first: one, unless the loop was held up."""
        with self._lock:
            products, self._waiting = self._waiting, []
        return products

    def _run(self) -> None:
        failure: BaseException | None = None
        try:
            source = self._open_source()
            try:
                self.source = source
                self._begin()
                self._produce(source)
            finally:
                source.close()
        except BaseException as error:  # handed to the event loop, which ends the process
            failure = error
        self._ended(failure)

    def _produce(self, source: FrameSource) -> None:
        fps = min(self._fps, source.nominal_fps)
        encoder = AdaptiveEncoder(_at(self.rung, fps / self._fps))
        cycle = Cycle(round(1e9 / fps))
        self.period_ns = 0 if source.paces_itself else cycle.period_ns
        last_pts = -1
        while not self._stop.is_set():
            at_ns = now_ns() if source.paces_itself else cycle.wait()
            self.skipped = cycle.overruns
            self._follow_screen(cycle)
            rung = self.rung
            encoder.follow(_at(rung, fps / self._fps))
            stamped = self._picture(source, at_ns, last_pts, encoder.size)
            if stamped is None or self._leave_out(rung):
                continue
            last_pts = stamped.pts
            if not self._has_room():
                self.overwritten += 1
                continue
            self._put(Product(stamped, self._encode(encoder, stamped)))

    def _follow_screen(self, cycle: Cycle) -> None:
        steering, self._steering = self._steering, None
        if steering is not None:
            cycle.period_ns = steering.period_ns
            self._owed_ns = steering.move_ns
        step = step_ns(self._owed_ns, cycle.period_ns)
        self._owed_ns -= step
        cycle.move(step)

    def _picture(
        self, source: FrameSource, at_ns: int, last_pts: int, size: tuple[int, int]
    ) -> Stamped | None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            source.apply(wanted)
        begun_ns = now_ns()
        frame = source.next(at_ns, self._inputs.arm(at_ns))
        if frame is None:
            return None
        if not source.paces_itself:  # else most of the time is waiting for the device
            self.times.form_ms.add((now_ns() - begun_ns) / 1e6)
        return stamp(frame, source.live, self._inputs.mark(at_ns), last_pts, size)

    def _leave_out(self, rung: Rung) -> bool:
        """Whether this picture is one of those that a lower frame rate leaves out."""
        self._count += 1
        return self._count % max(1, round(self._fps / rung.fps)) != 0

    def _encode(self, encoder: AdaptiveEncoder, stamped: Stamped) -> EncodedPicture | None:
        if self.viewers == 0:
            return None
        begun_ns = now_ns()
        wanted = self._keyframe.is_set()
        encoded = encoder.encode(stamped.luma, stamped.pts, wanted)
        if encoded.keyframe:
            self._keyframe.clear()
        self.times.encode_ms.add((now_ns() - begun_ns) / 1e6)
        return encoded

    def _has_room(self) -> bool:
        """False: the event loop is stuck, and a picture is dropped before it is encoded.

        Dropping it afterwards would break what the next ones refer to.
        """
        with self._lock:
            return len(self._waiting) < WAITING

    def _put(self, product: Product) -> None:
        with self._lock:
            self._waiting.append(product)
        self._ready()


def _at(rung: Rung, share: float) -> Rung:
    """The rung for a source that gives only this share of the configured frame rate."""
    return rung if share == 1.0 else replace(rung, fps=rung.fps * share)
