"""Errors of recordings.

RecordingError
|-- ForeignFileError theirs: not a recording of this software, or of another layout
`-- DiskError        ours: the recording cannot be written here
"""

from __future__ import annotations


class RecordingError(Exception):
    """Base class; the message names the file and the next action."""


class ForeignFileError(RecordingError):
    """The file is no recording, is damaged beyond use, or has another layout."""


class DiskError(RecordingError):
    """The recording cannot be written (full, read-only, failing disk)."""
