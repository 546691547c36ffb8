"""Words for people, from the one text table (`teleop/text/`)."""

from __future__ import annotations

import json
from pathlib import Path

import teleop
from teleop.supervisor.errors import MachineError

FOLDER = Path(teleop.__file__).parent / "text"


class Texts:
    """Text by key in one language; a missing key shows itself."""

    def __init__(self, language: str) -> None:
        path = FOLDER / f"{language}.json"
        try:
            self._table: dict[str, str] = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise MachineError(
                f"{path}: {error}. The installation is incomplete; run  make setup  again."
            ) from error

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key` with its values filled in."""
        return self._table.get(key, key).format(**values)
