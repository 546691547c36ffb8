"""Errors of the bilateral coupling.

HapticsError
└── ScaleError   motion and force scale are outside their ranges
"""

from __future__ import annotations

from haptics.errors import HapticsError


class ScaleError(HapticsError):
    """Motion and force scale are outside their ranges; the message names value and range."""
