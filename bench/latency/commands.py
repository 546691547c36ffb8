"""Cases of the command path: one way, beside running video."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from bench.kit.model import Case, Figure, Measured, Param, Series
from bench.kit.stats import share_within, summary
from bench.latency import command
from bench.latency.pictures import stored
from bench.latency.place import Place, place
from bench.latency.rig import Child, media_in
from bench.latency.spec import IN_TIME_MS, WARM_UP_S, Spec
from bench.latency.video import connect, viewer, wait, with_network

CONNECT_S = 1.0
TAIL_S = 0.5


Carrier = Literal["channel", "datagrams", "udp"]


class CommandSpec(msgspec.Struct, frozen=True, tag="command"):
    """One measurement of the command path."""

    carrier: Carrier
    rate_hz: float = 200.0
    video_fps: int = 60
    """Of the video beside it, 640 x 480; 0: none."""
    profile: str = "loopback"
    seconds: float = 20.0
    seed: int = 1


def case_of(spec: CommandSpec) -> Case:
    """The case of a spec."""
    beside = f"video@{spec.video_fps}" if spec.video_fps else "alone"
    key = f"command-{spec.carrier}-{spec.rate_hz:g}hz-{beside}-{spec.profile}"
    title = f"command by {spec.carrier} at {spec.rate_hz:g} Hz, {beside}, {spec.profile}"
    params = (Param("rate_hz", f"{spec.rate_hz:g}"), Param("seconds", f"{spec.seconds:g}"))
    return Case(key, title, params, msgspec.json.encode(spec), spec.seed,
                spec.seconds + WARM_UP_S + 6.0, baseline=spec.carrier == "udp")  # fmt: skip


@contextlib.contextmanager
def beside_video(spec: CommandSpec, folder: Path, where: Place) -> Iterator[None]:
    """Video with one native viewer runs while the block does."""
    if spec.video_fps == 0:
        yield
        return
    picture = Spec(fps=spec.video_fps, seed=spec.seed)
    pictures = stored(folder / "p.npy", picture.width, picture.height, picture.fps, picture.seed)
    with (
        media_in(folder, picture, pictures, where) as media,
        viewer(where, folder / "seen", pictures, 1) as receiver,
    ):
        connect(media, receiver, where, 1)
        wait(CONNECT_S)
        yield
        receiver.finish()


def _connect(carrier: str, server: Child, client: Child, where: Place) -> None:
    if carrier == "channel":
        server.write(sdp=client.read()["sdp"])
        client.write(sdp=server.read()["sdp"])
    else:
        client.write(host=where.robot[0], **server.read())
    client.read()


def one_way(spec: CommandSpec) -> Measured:
    """Send commands through the carrier, beside video."""
    with tempfile.TemporaryDirectory(prefix="teleop-bench-") as name:
        folder = Path(name)
        rest = (spec.carrier, str(spec.rate_hz))
        with place(spec.profile, spec.seconds + WARM_UP_S, spec.seed) as where:
            module = "uplink" if spec.carrier == "datagrams" else "command"
            robot = (where.robot_python, "-m", f"bench.latency.{module}", "serve", *rest)
            console = (where.console_python, "-m", f"bench.latency.{module}", "send", *rest)
            with (
                beside_video(spec, folder, where),
                Child("server", (*robot, str(folder / "serve"))) as server,
                Child("client", (*console, str(folder / "send"))) as client,
            ):
                _connect(spec.carrier, server, client, where)
                server.meter()
                wait(WARM_UP_S)
                where.begin()
                wait(spec.seconds)
                cpu = server.cpu_percent()
                client.finish()
                wait(TAIL_S)
                server.finish()
        found = figures(command.read(folder / "serve"), command.read(folder / "send"), cpu)
        return with_network(found, where)


def figures(served: command.CommandLog, sent: command.CommandLog, cpu: float) -> Measured:
    """Samples and figures: messages that never came count as late, repeated ones once."""
    first: dict[int, tuple[int, int]] = {}
    for number, sent_ns, arrived_ns in served.arrivals:
        first.setdefault(number, (sent_ns, arrived_ns))
    if not first:
        return Measured(notes=("no command arrived",))
    start_ns = min(a for a, _ in first.values()) + round(WARM_UP_S * 1e9)
    lowest = min((n for n, (a, _) in first.items() if a >= start_ns), default=0)
    kept = sorted((n, a, b) for n, (a, b) in first.items() if n >= lowest)
    series = Series(
        "command one way", "ms", tuple(round((b - a) / 1e6, 5) for _, a, b in kept),
        tuple(round((a - start_ns) / 1e9, 4) for _, a, _ in kept),
        max(0, sent.sent - lowest - len(kept)), IN_TIME_MS, headline=True,
    )  # fmt: skip
    rows = [*summary(series), *share_within(series, IN_TIME_MS)]
    rows += summary(msgspec.structs.replace(series, name="delivered command one way", missing=0))
    lost = 100.0 * series.missing / max(1, series.missing + len(kept))
    own_cpu = served.cpu_percent if served.cpu_percent >= 0 else cpu
    rows += [Figure("commands that never came", "%", lost, series.missing + len(kept)),
             Figure("CPU server", "% of a core", own_cpu)]  # fmt: skip
    for name, us in zip(("p50", "p99", "p99.9"), served.woke_us, strict=False):
        rows.append(Figure(f"kernel to process {name}", "ms", us / 1e3))
    real_time = served.real_time and sent.real_time
    notes = ("both ends ran with SCHED_FIFO",) if real_time else ()
    return Measured(tuple(rows), (series,), notes=notes)
