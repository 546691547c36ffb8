"""Network, disk, browser and the terminal of the bedside key."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

from teleop.doctor.finding import Finding, bad, ok, warn

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PORT = 8080
RECORD_MB_PER_H = 2000
"""Measured: 500 Hz guard and servo, compressed, is well below (docs/adr/0003-recording.md)."""


def check_port(host: str = "127.0.0.1", port: int = PORT) -> Finding:
    """The port of the pages is free."""
    name = f"port {port}"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            fix = "teleop demo --port 0   (any free port), or stop the other program"
            return warn(name, f"not free ({error.strerror})", fix)
    return ok(name, "free")


def check_udp() -> Finding:
    """Media and commands travel over UDP, in the demo over this machine's own address."""
    name = "UDP"
    try:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b,
        ):
            a.bind(("127.0.0.1", 0))
            a.settimeout(2.0)
            b.sendto(b"hello", a.getsockname())
            a.recv(16)
    except OSError as error:
        return bad(
            name, f"loopback does not carry it ({error})", "check the firewall of this machine"
        )
    return ok(name, "passes over loopback")


def check_disk(folder: Path = Path()) -> Finding:
    """Room for recordings."""
    try:
        free_mb = shutil.disk_usage(folder).free >> 20
    except OSError as error:
        return bad("disk", f"{folder}: {error.strerror}", "run it in a folder that exists")
    if not os.access(folder, os.W_OK):
        return warn("disk", f"{folder.absolute()} is not writable", "teleop demo --out DIR")
    detail = f"{free_mb} MB free"
    if free_mb < 500:
        return bad("disk", detail, "free some space, or teleop demo --no-record")
    if free_mb < RECORD_MB_PER_H:
        return warn("disk", f"{detail}: less than an hour of recording", "free some space")
    return ok("disk", detail)


def find_browser() -> str | None:
    """Path of a Chromium."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def check_browser() -> Finding:
    """A Chromium is there and starts (any recent browser on another machine works too)."""
    path = find_browser()
    fix = "sudo apt-get install chromium fonts-noto-cjk"
    if path is None:
        return warn("browser", "no Chromium here: pages need one, browser tests too", fix)
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return warn("browser", f"{path} does not start ({error})", fix)
    if done.returncode != 0:
        return warn("browser", f"{path} does not start: {done.stderr.strip()[-200:]}", fix)
    return ok("browser", done.stdout.strip())


def check_terminal() -> Finding:
    """The key that stops the arm without any network."""
    name = "bedside key"
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        fix = "run teleop demo in a terminal, or name another input: --bedside-input PATH"
        return warn(name, "no terminal here", fix)
    return ok(name, "this terminal can be the bedside stop")


def check_git() -> Finding:
    """The revision in recordings comes from git."""
    if shutil.which("git"):
        return ok("git", "recordings name their revision")
    return warn("git", "missing: recordings carry the version only", "sudo apt-get install git")
