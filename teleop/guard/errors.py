"""Errors of guard's start-up. Once it runs, guard never raises: it changes state.

GuardError
  SetupError    the run folder is not what the supervisor makes
  StoreError    the site's epoch file cannot be used
  InputError    the bedside input cannot be what was asked for
"""


class GuardError(Exception):
    """Guard cannot start; the message says what to do."""


class SetupError(GuardError):
    """The run folder lacks a file or holds a wrong one."""


class StoreError(GuardError):
    """The epoch file is damaged or cannot be written."""


class InputError(GuardError):
    """The bedside input path cannot be used."""
