"""Python and packages: the right interpreter, our own `safety`, the tested versions."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import teleop
from teleop.doctor.finding import Finding, bad, ok, warn

ROOT = Path(teleop.__file__).parent.parent
OURS = ("safety", "transport", "haptics", "robot_sim", "teleop", "bench")
NEEDED = (
    "aiohttp", "aiortc", "av", "cryptography", "mcap", "msgspec", "numba", "numpy",
    "opencv-python-headless", "pillow", "pybullet", "pydicom", "rich", "typer", "uvloop",
)  # fmt: skip
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def check_python(found: tuple[int, int] = sys.version_info[:2]) -> Finding:
    """Python 3.11 (PyBullet has no wheels for newer versions)."""
    text = f"{found[0]}.{found[1]}"
    if found == (3, 11):
        return ok("Python", text)
    return bad("Python", f"{text}, needed: 3.11", "sudo apt-get install python3.11 python3.11-venv")


def check_environment() -> Finding:
    """An own virtual environment."""
    if sys.prefix != sys.base_prefix:
        return ok("virtual environment", sys.prefix)
    return warn("virtual environment", "none", "make setup   (other packages may interfere)")


def check_ours(root: Path = ROOT) -> Finding:
    """Our top-level packages are the ones imported (PyPI has another `safety`)."""
    for name in OURS:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            spec = None
        origin = Path(spec.origin) if spec is not None and spec.origin else None
        if origin is None:
            return bad("our packages", f"{name} is missing", "make setup")
        if origin.resolve().parent.parent != root.resolve():
            fix = f"pip uninstall {name}   then  make setup"
            return bad("our packages", f"{name} is imported from {origin.parent}", fix)
    return ok("our packages", f"imported from {root}")


def locked(text: str) -> dict[str, str]:
    """Package -> version of a requirements file (pure)."""
    return {name.lower().replace("_", "-"): v for name, v in _PIN.findall(text)}


def check_versions(lock: Path = ROOT / "requirements.lock") -> Finding:
    """Needed packages are there, in the tested versions."""
    missing, other = [], []
    pins = locked(lock.read_text("utf-8")) if lock.exists() else {}
    for name in NEEDED:
        try:
            found = version(name)
        except PackageNotFoundError:
            missing.append(name)
            continue
        if pins.get(name, found) != found:
            other.append(f"{name} {found} (tested: {pins[name]})")
    if missing:
        return bad("packages", f"missing: {', '.join(missing)}", "make setup")
    if other:
        return warn("packages", ", ".join(other), "make clean setup")
    known = "in the tested versions" if pins else "(no lock file here to compare with)"
    return ok("packages", f"{len(NEEDED)} {known}")


def check_encoder() -> Finding:
    """The H.264 encoder that the picture needs."""
    name = "x264 encoder"
    try:
        av = importlib.import_module("av")
        av.Codec("libx264", "w")
    except ImportError as error:
        return bad(name, f"PyAV cannot be imported ({error})", "make setup")
    except ValueError:
        return bad(name, "this PyAV has no libx264", "pip install --force-reinstall av")
    return ok(name, f"libx264 in PyAV {av.__version__}")


def check_physics() -> Finding:
    """PyBullet and its robot models."""
    name = "PyBullet"
    spec = importlib.util.find_spec("pybullet_data")
    origin = spec.origin if spec is not None else None
    if importlib.util.find_spec("pybullet") is None or origin is None:
        return bad(name, "missing", "make setup")
    urdf = Path(origin).parent / "kuka_iiwa" / "model.urdf"
    if not urdf.exists():
        return bad(name, f"no iiwa model at {urdf}", "pip install --force-reinstall pybullet")
    return ok(name, "with the iiwa model")
