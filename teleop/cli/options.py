"""Options of the commands (light: loaded for --help)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# teleop demo
AutoSeconds = Annotated[
    float,
    typer.Option(
        "--auto",
        min=0,
        max=86400,
        metavar="SECONDS",
        help="No people: a scripted expert and nurse scan for SECONDS over the same "
        "WebRTC path; prints what was measured, fails if the scan failed.",
    ),
]
Trajectory = Annotated[
    Path | None,
    typer.Option(
        "--trajectory",
        metavar="FILE",
        help="With --auto: the hand motion of this tracked sequence "
        "(.igs.mha), scaled onto the patient.",
    ),
]
PictureSource = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="FILE|sample|sim",
        help="Ultrasound picture: the simulator, the real "
        "clip that is included (sample), a video, an image folder, a DICOM clip, a "
        "tracked sequence, or /dev/videoN.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Configuration (TOML); see check-config."),
]
Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65535, help="Port of the pages; 0: any free one."),
]
BedsideInput = Annotated[
    str | None,
    typer.Option(
        "--bedside-input",
        metavar="PATH",
        help="Bedside stop that does not pass through the network: "
        "tty, pty, evdev device or Unix socket. Default: a key in this terminal.",
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of every simulated randomness.")]
Record = Annotated[bool | None, typer.Option("--record/--no-record", help="Record.")]
OutFolder = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="Folder of recordings (default: runs) and site state."
    ),
]
Language = Annotated[
    str | None, typer.Option("--lang", metavar="en|zh", help="Language of this output.")
]
ConsentFile = Annotated[
    Path | None,
    typer.Option(
        "--consent",
        metavar="FILE",
        help="Consent of the patient (teleop audit consent); a "
        "simulated arm makes a simulated one.",
    ),
]
InsecureLan = Annotated[
    bool, typer.Option("--insecure-lan", help="Serve other machines without encryption.")
]
JsonLines = Annotated[
    bool, typer.Option("--json", help="One JSON object per line instead of text.")
]

# teleop console
ConsoleAddress = Annotated[
    str, typer.Argument(help="Console address with its code, as `teleop demo` shows it.")
]
HandleName = Annotated[str, typer.Option("--handle", metavar="NAME", help="Haptic handle to use.")]
RunInstead = Annotated[
    Path | None,
    typer.Option("--run", metavar="DIR", help="Instead of an address: run folder of a demo here."),
]
KeySource = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        metavar="PATH",
        help="The site's key source: a file of pre-shared keys, or the socket of a key service.",
    ),
]
MotionScale = Annotated[
    float, typer.Option("--motion-scale", min=0.2, max=1.0, help="Robot motion per grip motion.")
]
ForceScale = Annotated[
    float, typer.Option("--force-scale", min=0.3, max=1.0, help="Felt force per robot force.")
]
SimulatedPerson = Annotated[
    float,
    typer.Option("--auto", min=0, metavar="SECONDS", help="Handle sim: a simulated person."),
]
OutputLanguage = Annotated[
    str, typer.Option("--lang", metavar="en|zh", help="Language of this output.")
]

# files
Recording = Annotated[Path, typer.Argument(help="Recording (.mcap, or .mcap.part after a crash).")]
Json = Annotated[bool, typer.Option("--json", help="The result as JSON.")]
