"""The commands. Each imports what it needs only when it runs, so that --help is fast."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from teleop.cli import options as o
from teleop.cli.audit_app import audit_app
from teleop.cli.whatif import EXAMPLES as WHATIF_EXAMPLES
from teleop.cli.whatif import whatif

app = typer.Typer(
    name="teleop",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
export_app = typer.Typer(no_args_is_help=True, help="Turn a recording into other formats.")
app.add_typer(export_app, name="export")
app.add_typer(audit_app, name="audit")


def fail(message: object, code: int) -> NoReturn:
    """Say what is wrong on the error output and leave with `code`."""
    typer.echo(f"teleop: {message}", err=True)
    raise typer.Exit(code)


def _version(wanted: bool) -> None:
    if wanted:
        from teleop.version import version_text

        typer.echo(version_text())
        raise typer.Exit


@app.callback()
def root(
    _version_wanted: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Scan a patient from afar: a robot arm holds the ultrasound probe, two people drive it.

    Start with **teleop doctor** (is this machine ready?) and **teleop demo** (a simulated arm
    and patient, no hardware needed). Research software; not a medical device.

    Exit codes: 0 done, 1 failed or differs, 2 wrong usage or input, 3 something is missing on
    this machine.
    """


@app.command(
    epilog="Examples:  teleop demo  |  teleop demo --port 0 --lang zh  |  "
    "teleop demo --source clip.dcm  |  teleop demo --auto 60"
)
def demo(
    auto: o.AutoSeconds = 0.0,
    trajectory: o.Trajectory = None,
    source: o.PictureSource = None,
    config: o.ConfigFile = None,
    port: o.Port = None,
    bedside_input: o.BedsideInput = None,
    seed: o.Seed = None,
    record: o.Record = None,
    out: o.OutFolder = None,
    lang: o.Language = None,
    consent: o.ConsentFile = None,
    insecure_lan: o.InsecureLan = False,
    json_lines: o.JsonLines = False,
) -> None:
    """Run everything here: simulated arm and patient, both pages, the safety guard.

    Prints two addresses with one-time codes and a live line that says what to do next.
    Ctrl-C stops the arm first, then everything else, within two seconds.
    """
    from teleop.cli.demo import Request, run_demo

    request = Request(
        auto_s=auto, trajectory=trajectory, source=source, config=config, port=port,
        bedside_input=bedside_input, seed=seed, record=record, out=out, language=lang,
        insecure_lan=insecure_lan, json_lines=json_lines, consent=consent,
    )  # fmt: skip
    code, message = run_demo(request)
    if message:
        fail(message, code)
    raise typer.Exit(code)


@app.command(
    epilog="Examples:  teleop console --handle NAME ADDRESS  |  "
    "teleop console --handle sim --auto 20 --run RUN_FOLDER"
)
def console(
    address: o.ConsoleAddress = "",
    handle: o.HandleName = "sim",
    run: o.RunInstead = None,
    keys: o.KeySource = None,
    motion_scale: o.MotionScale = 0.5,
    force_scale: o.ForceScale = 0.5,
    auto: o.SimulatedPerson = 0.0,
    lang: o.OutputLanguage = "en",
    json_wanted: o.Json = False,
) -> None:
    """Drive with a haptic handle: feel the contact, see the picture in a window of its own.

    The handle's force loop runs at 1 kHz beside the handle; the link only carries commands and
    forces. Prints the address of the picture window, a status line, and at the end what was felt.
    Ctrl-C lets go. With --auto the exit code says whether the contact was felt as it should be.
    """
    from teleop.cli.console import Wanted, run_handle

    code, message = run_handle(
        Wanted(address, run, handle, motion_scale, force_scale, auto, lang, keys, json_wanted)
    )
    if message:
        fail(message, code)
    raise typer.Exit(code)


@app.command(epilog="Examples:  teleop invite console  |  teleop invite bedside --minutes 5")
def invite(
    role: Annotated[str, typer.Argument(help="console, bedside or observer.")],
    run: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Run folder of the session (default: the one running)."),
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=1, max=1440, help="How long the code can be used.")
    ] = 10.0,
    device: Annotated[
        str, typer.Option(metavar="KEY", help="Only this device key may use it.")
    ] = "",
    json_wanted: o.Json = False,
) -> None:
    """Print a fresh single-use address for a running session.

    For a second console, an observer, or to replace a page that is gone for good.
    """
    from teleop.cli.inviting import show_invitation

    code, message = show_invitation(role, run, minutes, device, json_wanted)
    if message:
        fail(message, code)
    raise typer.Exit(code)


@app.command(epilog="Example:  teleop enrol KEY --name 'desk 2' --role console")
def enrol(
    key: Annotated[str, typer.Argument(help="Device key; nothing: print this machine's.")] = "",
    name: Annotated[str, typer.Option(help="What people call the device.")] = "",
    role: Annotated[str, typer.Option(help="console or bedside.")] = "console",
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Configuration of the site.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="As of `teleop demo`: site state is there.")
    ] = None,
) -> None:
    """Enrol a device at this site, or (without a key) print the key of this machine's console.

    An enrolled console needs no pin; with `security.enrolled_only` no other device may join.
    It counts from the next session on.
    """
    from teleop.cli.enrolling import enrol_device

    code, message = enrol_device(key, name, role, config, out)
    if message:
        fail(message, code)
    raise typer.Exit(code)


@app.command(epilog="Example:  teleop info runs/2026-01-31T120000Z_demo.mcap")
def info(
    file: o.Recording,
    json_wanted: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Show what is in a recording: topics, rates, states, causes, what is missing."""
    from teleop.cli.files import show_info

    _on_recording(lambda: show_info(file, json_wanted))


@app.command(epilog="Example:  teleop replay runs/2026-01-31T120000Z_demo.mcap")
def replay(
    file: o.Recording,
    json_wanted: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Feed the recorded inputs through the same safety and control code; compare every decision.

    Exit code 0: every decision came out identical. 1: one differs (the first is shown, with the
    fields that differ). Spans that cannot be replayed are named with their reason.
    """
    from teleop.cli.replaying import show_replay

    _on_recording(lambda: show_replay(file, json_wanted))


@export_app.command("csv", epilog="Example:  teleop export csv runs/demo.mcap -o tables")
def export_as_csv(
    file: o.Recording,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Folder (default: beside the recording)."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the recording's site keeps its state (audit log)."),
    ] = None,
) -> None:
    """One CSV table per topic; column names carry units.

    Needs the consent for export of the recorded session in the site's audit log, and writes the
    export into it first.
    """
    from teleop.cli.files import write_csv

    _on_recording(lambda: write_csv(file, out, state))


def _on_recording(work: Callable[[], int]) -> NoReturn:
    """Run work on a recording; its errors become one line and exit code 2."""
    from teleop.audit.errors import AuditError
    from teleop.record.errors import RecordingError

    try:
        code = work()
    except (AuditError, RecordingError) as error:
        fail(error, 2)
    raise typer.Exit(code)


@app.command("zero-force", epilog="Example:  teleop zero-force")
def zero_force(
    run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run folder, when several sessions run here.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--probe-in-the-air", help="Do not ask; you looked at the probe.")
    ] = False,
) -> None:
    """Take the force reading as zero. For the person at the bedside, with the probe in the air.

    Only while nobody drives (IDLE) or the bedside has the arm (LOCAL), at rest, and within 3 N of
    the stored bias. Exit code 1: refused; the reason is shown.
    """
    from teleop.cli.zeroing import ZeroError, find_run
    from teleop.cli.zeroing import zero_force as ask

    if not yes and not typer.confirm("Does the probe hang free in the air, touching nothing?"):
        fail("nothing was changed", 1)
    try:
        left_n = ask(find_run(run))
    except ZeroError as error:
        fail(error, 1)
    typer.echo(f"done: {left_n:+.2f} N is read now")


@app.command("check-config", epilog="Example:  teleop check-config site.toml")
def check_config(
    file: Annotated[Path, typer.Argument(help="Configuration (TOML).")],
    json_wanted: o.Json = False,
) -> None:
    """Check a configuration file: names, ranges, limits, files it points to.

    Exit code 0: it can be used. 2: it cannot; each problem is named with its field.
    """
    from teleop.cli.checkconfig import show_check

    raise typer.Exit(show_check(file, json_wanted))


@app.command(epilog="Examples:  teleop doctor  |  teleop doctor --quick --json")
def doctor(
    json_wanted: o.Json = False,
    quick: Annotated[bool, typer.Option("--quick", help="1 s loop test instead of 5 s.")] = False,
) -> None:
    """Check everything on this machine that can be wrong; the fix stands on the next line.

    Exit code 0: ready (warnings allowed). 3: something necessary is missing.
    """
    from teleop.cli.doctoring import show_doctor

    raise typer.Exit(show_doctor(json_wanted, quick))


def _add_installed_commands() -> None:
    """Command groups of other packages (`bench`): entry points of the group `teleop.commands`."""
    for entry in sorted(entry_points(group="teleop.commands"), key=lambda e: e.name):
        try:
            app.add_typer(entry.load(), name=entry.name)
        except (ImportError, AttributeError) as error:
            # A broken addition must not take `teleop demo` away.
            typer.echo(f"teleop: the command {entry.name} cannot be loaded: {error}", err=True)


app.command(epilog=WHATIF_EXAMPLES)(whatif)
_add_installed_commands()
