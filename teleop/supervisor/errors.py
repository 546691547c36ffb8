"""Errors of the supervisor. Each message names the next action.

SupervisorError
|-- UsageError      what the person asked for cannot be done (exit code 2)
|-- MachineError    something is missing on this machine (exit code 3)
`-- ProcessError    a process did not come up or gave up (exit code 1)
"""

from __future__ import annotations


class SupervisorError(Exception):
    """Base class; `exit_code` is what the command returns."""

    exit_code = 1


class UsageError(SupervisorError):
    """An option, a file or the configuration cannot be used."""

    exit_code = 2


class MachineError(SupervisorError):
    """The machine or the installation lacks something."""

    exit_code = 3


class ProcessError(SupervisorError):
    """A process of the table did not start, or crashed too often."""

    exit_code = 1
