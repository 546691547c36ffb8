"""The simulated ultrasound machine: a picture formed from the arm's measured pose."""

from __future__ import annotations

from robot_sim.scene import Scene
from robot_sim.ultrasound.former import Former, Settings, View
from robot_sim.ultrasound.geometry import picture_geometry
from safety.messages import ArmState
from teleop.drivers.frames.base import Frame, Geometry, ImageParameters


class SimSource:
    """Live picture of the simulated patient.

    It has no picture without the probe's pose: when the arm is silent, there is no new frame. The
    acquisition stamp is that of the pose, so that pose, breathing and picture belong together.
    """

    name = "sim"
    live = True
    paces_itself = False

    def __init__(self, scene: Scene, width: int, height: int, fps: float, seed: int) -> None:
        self.nominal_fps = fps
        self._former = Former(scene, width, height, seed)
        self._size = (width, height)
        self._last_ns = -1
        self.apply(ImageParameters())

    def geometry_for(self, parameters: ImageParameters) -> Geometry:
        """Scale and apex of the convex picture."""
        g = picture_geometry(self._former.probe, parameters.depth_m, *self._size)
        return Geometry(g.depth_m, g.mm_per_px, g.apex_x_px, g.apex_y_px)

    def apply(self, parameters: ImageParameters) -> None:
        """Change gain, depth or dynamic range."""
        self._former.set(
            Settings(parameters.gain_db, parameters.depth_m, parameters.dynamic_range_db)
        )

    def next(self, now_ns: int, arm: ArmState | None) -> Frame | None:
        """Form the picture at the newest pose; None when there is no newer pose."""
        if arm is None or arm.stamp_ns <= self._last_ns:
            return None
        self._last_ns = arm.stamp_ns
        view = View(
            arm.base_p_probe_m,
            arm.base_q_probe,
            arm.stamp_ns,
            arm.needle_depth_m,
            arm.needle_entry_m,
            arm.needle_tip_m,
        )
        return Frame(self._former.form(view), arm.stamp_ns)

    def close(self) -> None:
        """Nothing to release."""
