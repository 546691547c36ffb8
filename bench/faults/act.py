"""How faults are done to a virtual world: small makers of `inject` functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

from bench.clock import Task
from bench.world import World
from robot_sim.sensor import SensorFault
from safety.messages import ArmCommand, ArmState
from safety.states import EventKind
from transport.impair import Link, LinkProfile, Noise

Inject = Callable[[World], None]
MS = 1_000_000


def pause(*names: str) -> Inject:
    """Processes die."""

    def inject(world: World) -> None:
        for name in names:
            _task(world, name).paused = True

    return inject


def freeze(name: str, duration_ms: float) -> Inject:
    """A process stalls (SIGSTOP and SIGCONT, a collection, a blocked event loop)."""
    return lambda world: world.clock.freeze(_task(world, name), round(duration_ms * MS))


def _task(world: World, name: str) -> Task:
    task = getattr(world, f"{name}_task")
    assert isinstance(task, Task)
    return task


def put(path: str, value: object) -> Inject:
    """Set an attribute of the world (`source.frozen`)."""
    *parents, last = path.split(".")

    def inject(world: World) -> None:
        target: object = world
        for name in parents:
            target = getattr(target, name)
        setattr(target, last, value)

    return inject


def click(kind: EventKind, arg: int = 0, *, console: bool = False) -> Inject:
    """Somebody presses something on a page."""
    return lambda world: world.page_event(kind, arg, console=console)


def sensor(fault: SensorFault) -> Inject:
    """The force sensor breaks."""

    def inject(world: World) -> None:
        world.site.arm_box.sensor.fault = fault

    return inject


def after(task: Task, then: Callable[[int], None]) -> None:
    """Call `then(now_ns)` after each step of a task."""
    inner = task.run

    def run(now_ns: int, lateness_ns: int) -> None:
        inner(now_ns, lateness_ns)
        then(now_ns)

    task.run = run


def lie(change: Callable[[ArmState, float], ArmState]) -> Inject:
    """What the arm box publishes is wrong: `change(truth, seconds since the fault)`.

    The world's trace keeps the truth.
    """

    def inject(world: World) -> None:
        start_ns = world.clock.now_ns
        state = world.site.arm

        def falsify(now_ns: int) -> None:
            state.value = change(state.value, (now_ns - start_ns) / 1e9)

        after(world.arm_task, falsify)

    return inject


def order(change: Callable[[ArmCommand, World, float], ArmCommand]) -> Inject:
    """Servo sends something else than it decided."""

    def inject(world: World) -> None:
        start_ns = world.clock.now_ns
        command = world.site.arm_command

        def falsify(now_ns: int) -> None:
            command.value = change(command.value, world, (now_ns - start_ns) / 1e9)

        after(world.servo_task, falsify)

    return inject


def links(world: World) -> list[Link]:
    """The three simple links; each fault of the network changes their profiles."""
    found = [world.up, world.down, world.video]
    return [link for link in found if isinstance(link, Link)]


def profile(*ways: str, **changes: float) -> Inject:
    """From now on links (`up`, `down`, `video`; none named: all) have worse figures."""

    def inject(world: World) -> None:
        for index, name in enumerate(ways or ("up", "down", "video")):
            before: LinkProfile = getattr(world, name).profile
            seed = world.clock.now_ns // MS + index
            link = Link(_worse(before, changes), seed, world.clock.now_ns)
            world.replace_link(name, link)

    return inject


def _worse(before: LinkProfile, changes: dict[str, float]) -> LinkProfile:
    """A second fault never mends what the first one broke: the larger figure counts."""
    figures = {field.name: getattr(before, field.name) for field in fields(LinkProfile)}
    worse = {name: max(figures[name], figure) for name, figure in changes.items()}
    return LinkProfile(**{**figures, **worse})


def ramp(ms_per_s: float, step_ms: float = 10.0) -> Inject:
    """The delay of all links grows steadily."""

    def inject(world: World) -> None:
        def grow(now_ns: int) -> None:
            for link in links(world):
                delay_ms = link.profile.delay_ms + ms_per_s * step_ms / 1000.0
                link.profile = replace(link.profile, delay_ms=delay_ms)
            world.clock.at(now_ns + round(step_ms * MS), grow)

        grow(world.clock.now_ns)

    return inject


def outage(duration_ms: float, *, up: bool = True, down: bool = True, video: bool = True) -> Inject:
    """The link is gone for a while."""

    def inject(world: World) -> None:
        world.cut_link(up=up, down=down, video=video)
        end_ns = world.clock.now_ns + round(duration_ms * MS)
        world.clock.at(end_ns, lambda now_ns: world.heal_link(up=up, down=down, video=video))

    return inject


def bursts(mean_ms: float, every_ms: float) -> Inject:
    """Outages of random length (exponential) again and again."""

    def inject(world: World) -> None:
        noise = Noise(world.clock.now_ns // MS)

        def strike(now_ns: int) -> None:
            world.cut_link()
            end_ns = now_ns + round(noise.exponential() * mean_ms * MS)
            world.clock.at(end_ns, lambda at_ns: world.heal_link())
            world.clock.at(end_ns + round(noise.exponential() * every_ms * MS), strike)

        strike(world.clock.now_ns)

    return inject


def together(*injects: Inject) -> Inject:
    """Several things at once."""

    def inject(world: World) -> None:
        for each in injects:
            each(world)

    return inject
