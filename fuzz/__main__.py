"""`python -m fuzz [TARGET ...] [--seconds N]`: coverage-guided runs with atheris, one by one.

New inputs that reach new code stay in the corpus; an input that breaks a parser is written to
`fuzz/found/` and the exit code is 1. Without atheris the exit code is 3.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys

from fuzz.targets import TARGETS

EXIT_MISSING = 3


def main() -> int:
    """All targets, or those that are named."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=" ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    given = parser.parse_args()
    unknown = set(given.targets) - set(TARGETS)
    if unknown:
        parser.error(f"unknown: {' '.join(sorted(unknown))}")
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write("fuzz: atheris is missing; run  make fuzz\n")
        return EXIT_MISSING
    broken = []
    for name in given.targets or TARGETS:
        sys.stdout.write(f"== {name}\n")
        sys.stdout.flush()
        command = [sys.executable, "-m", "fuzz.one", name, str(given.seconds)]
        if subprocess.run(command, check=False).returncode:
            broken.append(name)
    sys.stdout.write(f"broken: {' '.join(broken)}\n" if broken else "nothing broke\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
