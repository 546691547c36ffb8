"""Errors of the native console.

ConsoleError
├── HandleUnknownError   the handle is not in the table
└── LoopError            the haptic loop ended
"""

from __future__ import annotations


class ConsoleError(RuntimeError):
    """Base of what ends a native console; the message says what to do."""


class HandleUnknownError(ConsoleError):
    """The handle is not in the table."""


class LoopError(ConsoleError):
    """The haptic loop ended by itself."""
