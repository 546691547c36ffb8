"""Version of this software: package version and, in a checkout, the git revision."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import teleop

DISTRIBUTION = "teleop-ultrasound"


def package_version() -> str:
    """Version of the installed package."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "not installed"


def git_revision() -> str:
    """Revision of the checkout this package lies in, empty when it is none."""
    folder = Path(teleop.__file__).parent.parent
    if not (folder / ".git").exists():
        return ""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):  # no git here: the version alone must do
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def version_text() -> str:
    """One line for people and recordings."""
    revision = git_revision()
    return f"teleop {package_version()}" + (f" ({revision})" if revision else "")
