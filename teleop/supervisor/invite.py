"""Addresses that invite people: a join code for everybody, pin and certificate for native consoles.

Everything after `#` stays in the client: a browser does not send it, a native console sends the
code alone. The pin authenticates the command key (`transport/keyagreement.py`), `cert` pins TLS.
"""

from __future__ import annotations

from pathlib import Path

from teleop.keys.files import read_pins
from transport.identity import encode


def native_address(console_url: str, run_dir: Path, seal: bytes) -> str:
    """The console's address with what only a native console can use."""
    pins = read_pins(run_dir)
    pin = f"&pin={encode(pins[-1])}" if pins else ""
    return console_url + pin + (f"&cert={encode(seal)}" if seal else "")
