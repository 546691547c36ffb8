"""`teleop console`: options onto a session with a haptic handle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from teleop.cli.handleview import HandleJson, HandleTerminal
from teleop.cli.text import Texts


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asked for."""

    address: str
    run_dir: Path | None
    handle: str
    motion_scale: float
    force_scale: float
    auto_s: float
    language: str
    keys: Path | None = None
    json_wanted: bool = False


def run_handle(wanted: Wanted) -> tuple[int, str]:
    """Run the console; return the exit code and what to say on the error output."""
    from teleop.console.errors import ConsoleError
    from teleop.console.run import door_of, run_console
    from teleop.console.session import Options
    from teleop.drivers.handles import HANDLES
    from teleop.keys.errors import SetupError
    from teleop.keys.files import device_file, load_identity
    from teleop.keys.sources import source_at
    from teleop.supervisor.rundir import default_state_folder

    if wanted.language not in ("en", "zh"):
        return 2, f"--lang {wanted.language}: en and zh are known"
    if wanted.handle not in HANDLES:
        known = ", ".join(sorted(HANDLES))
        return 2, f"--handle {wanted.handle}: unknown; known handles: {known}"
    if wanted.handle == "sim" and wanted.auto_s <= 0.0:
        return 2, "--handle sim needs --auto SECONDS: nobody holds a simulated handle"
    if bool(wanted.address) == (wanted.run_dir is not None):
        return 2, "give either the console's address or --run DIR"
    try:
        door = door_of(wanted.address) if wanted.address else None
        if door is not None and wanted.keys is not None:
            door = replace(door, source=source_at(wanted.keys))
        device = load_identity(device_file())
    except (ConsoleError, SetupError) as error:
        return 2, str(error)
    options = Options(
        handle=wanted.handle,
        motion_scale=wanted.motion_scale,
        force_scale=wanted.force_scale,
        run_dir=wanted.run_dir or Path(),
        door=door,
        device=device,
        auto_s=wanted.auto_s,
        audit=default_state_folder("console"),
    )
    words = Texts(wanted.language)
    show = HandleJson() if wanted.json_wanted else HandleTerminal(words)
    result, problem = run_console(options, words, show)
    if result is None:
        return 1, problem
    show.result(result)
    return (0, "") if result["success"] is True else (1, words("handle.failure"))
