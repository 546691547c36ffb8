"""`python -m fuzz.one TARGET SECONDS`: one target under atheris (which ends the process)."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

HERE = Path(__file__).parent
MAX_BYTES = 8192

with atheris.instrument_imports(include=["fuzz", "safety", "transport", "teleop"]):
    from fuzz.targets import TARGETS


def main() -> None:
    """Run until the time is over, or an input breaks the target."""
    name, seconds = sys.argv[1:]
    found = HERE / "found"
    found.mkdir(exist_ok=True)
    arguments = [
        sys.argv[0], str(HERE / "corpus" / name), f"-max_total_time={seconds}",
        f"-max_len={MAX_BYTES}", f"-artifact_prefix={found / name}-", "-verbosity=1",
        "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup(arguments, TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
