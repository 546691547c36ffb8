"""Errors of this folder (`SceneError` of `robot_sim/scene.py` is its sibling for scene files).

SimulationError
└── BoxError   the arm box cannot start; the message says what to do
"""


class SimulationError(RuntimeError):
    """Base of what can be wrong with the simulation."""


class BoxError(SimulationError):
    """The arm box cannot start; the message says what to do."""
