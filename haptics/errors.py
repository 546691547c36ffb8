"""Errors of this folder.

HapticsError
└── KinematicsError   the description of an arm cannot be used
"""


class HapticsError(ValueError):
    """Base of what can be wrong in the control laws' configuration."""


class KinematicsError(HapticsError):
    """The description of an arm cannot be used; the message names the joint."""
