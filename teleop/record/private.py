"""What a recording must not hold: file and folder names of the site, which may name a patient.

Messages hold numbers only. Text comes in by the configuration and by notes, and the only texts of
people's choice in them are names of files (a clip called after its patient) and folders.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import msgspec

from teleop.config import Config

SHORTEST = 4
"""Shorter names are left in: they would be found in ordinary words."""
BUILT_IN = frozenset({"sim", "sample", "key", ""})


def _paths(config: Config) -> Iterable[str]:
    """Every path of the configuration."""
    yield config.video.source
    yield config.arm.scene
    yield config.network.certificate
    yield config.network.private_key
    yield config.bedside.input
    yield config.record.folder
    yield config.security.key_path


class Private:
    """Takes the names of files and folders out of texts."""

    def __init__(self, config: Config) -> None:
        names: dict[str, str] = {}
        for text in _paths(config):
            if text in BUILT_IN:
                continue
            path = Path(text)
            shown = f"file{path.suffix}" if path.suffix else "file"
            for part in (text, str(path.parent), path.name, path.stem):
                if len(part) >= SHORTEST:
                    names.setdefault(part, shown)
                    names.setdefault(json.dumps(part, ensure_ascii=False)[1:-1], shown)
        home = str(Path.home())
        if len(home) >= SHORTEST:
            names.setdefault(home, "home")
        self._names = sorted(names.items(), key=lambda item: -len(item[0]))

    def clean(self, text: str) -> str:
        """The text without these names."""
        for name, shown in self._names:
            text = text.replace(name, shown)
        return text

    def config_json(self, config: Config) -> str:
        """The configuration as a recording holds it: every setting, no path."""
        table = msgspec.to_builtins(config)
        return self.clean(json.dumps(table, ensure_ascii=False))
