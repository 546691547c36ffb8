"""Runs on disk: `FOLDER/BENCH/RUN/`, each case stored as soon as it is measured."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from bench.kit.bench import StoreError
from bench.kit.model import CaseResult, Run
from bench.kit.options import FOLDER

RUN_FILE = "run.json"
PAGE_FILE = "report.html"
CASES = "cases"
FORMAT = 1
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding damaged JSON raises."""


def write_atomic(path: Path, content: bytes) -> None:
    """Replace a file in one step, so that nobody reads half of it."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)


class RunFolder:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / CASES).mkdir(parents=True, exist_ok=True)

    def case_file(self, key: str) -> Path:
        """Where the result of a case is stored."""
        safe = "".join(c if c.isalnum() or c in "-_.@" else "_" for c in key)
        return self.path / CASES / f"{safe}.json"

    def put_case(self, result: CaseResult) -> None:
        """Store one result."""
        write_atomic(self.case_file(result.case.key), msgspec.json.encode(result))

    def get_case(self, key: str) -> CaseResult | None:
        """A stored result; None when there is none that can be read."""
        try:
            return msgspec.json.decode(self.case_file(key).read_bytes(), type=CaseResult)
        except (OSError, *UNREADABLE):
            return None  # it is measured again

    def put_run(self, run: Run) -> Path:
        """Store the whole run as one file."""
        path = self.path / RUN_FILE
        write_atomic(path, msgspec.json.encode(run))
        return path

    def put_page(self, page: str) -> Path:
        """Store the HTML page."""
        path = self.path / PAGE_FILE
        write_atomic(path, page.encode())
        return path


def load(path: Path) -> Run:
    """Read a run from its folder or its JSON file. StoreError says what is wrong."""
    file = path / RUN_FILE if path.is_dir() else path
    try:
        run = msgspec.json.decode(file.read_bytes(), type=Run)
    except OSError as error:
        raise StoreError(f"{file}: {error.strerror or error}; see  teleop bench list") from error
    except UNREADABLE as error:
        raise StoreError(f"{file}: not a bench result ({error})") from error
    if run.format != FORMAT:
        raise StoreError(f"{file}: format {run.format}, this version reads {FORMAT}")
    return run


def find(name: str, folder: Path = FOLDER) -> Path:
    """The run that a user means: a path, RUN or BENCH/RUN as listed, or BENCH for its newest."""
    direct = Path(name)
    if direct.exists():
        return direct
    for candidate in (folder / name, *folder.glob(f"*/{name}")):
        if (candidate / RUN_FILE).exists():
            return candidate
    newest = [path for path in stored(folder) if path.parent.name == name]
    if newest:
        return newest[-1]
    raise StoreError(f"there is no run {name!r} in {folder}; see  teleop bench list")


def stored(folder: Path = FOLDER) -> list[Path]:
    """All finished runs, oldest first."""
    return sorted((file.parent for file in folder.glob(f"*/*/{RUN_FILE}")), key=lambda p: p.name)
