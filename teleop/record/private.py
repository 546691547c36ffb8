"""What a recording must not hold: file and folder names of the site, which may name a patient.

Messages hold numbers only. Text comes in by the configuration and by notes, and the only texts of
people's choice in them are names of files (a clip called after its patient) and folders.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from teleop.config import Config

SHORTEST = 4
"""Shorter names are left in: they would be found in ordinary words."""
BUILT_IN = frozenset({"sim", "sample", "key", ""})


def _names(config: Config) -> Iterable[tuple[str, str]]:
    """Texts to take out, and what stands there instead."""
    source = Path(config.video.source)
    if config.video.source not in BUILT_IN:
        for part in (source.name, source.stem):
            yield part, f"file{source.suffix}"
    network = config.network
    for text in (
        config.video.source, config.arm.scene, network.certificate, network.private_key,
        config.bedside.input, config.record.folder, config.security.key_path,
    ):  # fmt: skip
        if text not in BUILT_IN:
            yield text, f"file{Path(text).suffix}"
            yield str(Path(text).parent), "folder"
    yield str(Path.home()), "home"


class Private:
    """Takes the names of files and folders out of texts."""

    def __init__(self, config: Config) -> None:
        names = {name: shown for name, shown in _names(config) if len(name) >= SHORTEST}
        self._names = sorted(names.items(), key=lambda item: -len(item[0]))

    def clean(self, value: Any) -> Any:
        """A JSON value whose texts are without these names; keys stay as they are."""
        if isinstance(value, str):
            for name, shown in self._names:
                value = value.replace(name, shown)
            return value
        if isinstance(value, dict):
            return {key: self.clean(item) for key, item in value.items()}
        return [self.clean(item) for item in value] if isinstance(value, list | tuple) else value

    def clean_json(self, data: bytes) -> bytes:
        """A JSON text whose texts are without these names."""
        return json.dumps(self.clean(json.loads(data)), ensure_ascii=False).encode()

    def config_json(self, config: Config) -> str:
        """The configuration as a recording holds it: every setting, no path."""
        return json.dumps(self.clean(msgspec.to_builtins(config)), ensure_ascii=False)
