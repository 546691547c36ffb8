"""Errors of the native console.

ConsoleError
├── HandleUnknownError   the handle is not in the table
├── KeyRefusedError      the robot and this console agreed on no command key
└── LoopError            the haptic loop ended
"""

from __future__ import annotations


class ConsoleError(RuntimeError):
    """Base of what ends a native console; the message says what to do."""


class HandleUnknownError(ConsoleError):
    """The handle is not in the table."""


class LoopError(ConsoleError):
    """The haptic loop ended by itself."""


class KeyRefusedError(ConsoleError):
    """Robot and console agreed on no command key; the message is the reason that was given."""
