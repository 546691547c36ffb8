"""One B-mode picture from one probe pose: `Former.form(view)` (no clock, no randomness)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from haptics.iiwa import PROBE_GUIDE_AXIS, PROBE_P_GUIDE_M
from robot_sim.scene import Scene, breathing_lift_m
from robot_sim.ultrasound import beam, cast
from robot_sim.ultrasound.anatomy import ACOUSTICS, Anatomy, parse_anatomy
from robot_sim.ultrasound.geometry import (
    Probe,
    axial_kernel,
    conversion_maps,
    lateral_kernels,
    picture_geometry,
)
from robot_sim.ultrasound.needle import add_needle
from robot_sim.ultrasound.noise import make_fields
from robot_sim.ultrasound.shapes import Shapes

TAPS = 5
"""Half width of the lateral filter (lines)."""
GAP_M, PRESSED_M = 0.0012, 0.0008
"""A line couples from a gel film of this thickness on, fully at this compression."""
NOISE = 10.0 ** (-85.0 / 20.0)
"""Electronic noise before gain, relative to 0 dB speckle: visible from about 150 mm on."""
TGC_DB_CM_MHZ = 0.52
"""Attenuation that the time-gain compensation assumes."""
HOME_M, AXIS = np.array(PROBE_P_GUIDE_M), np.array(PROBE_GUIDE_AXIS)
SHORTEST_M = 0.001
"""Less than this of the needle in tissue shows no bend."""
WHITE_DB = 30.0
"""Echo level (dB over 0 dB speckle, after compensation) shown as white at 0 dB gain."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user sets on the machine."""

    gain_db: float = 0.0
    depth_m: float = 0.16
    dynamic_range_db: float = 60.0


@dataclass(frozen=True, slots=True)
class View:
    """What the picture depends on besides the scene."""

    base_p_probe_m: tuple[float, ...]
    base_q_probe: tuple[float, ...]
    """xyzw."""
    stamp_ns: int
    """Monotonic time: breathing, heartbeat, electronic noise."""
    needle_depth_m: float = 0.0
    """NaN (not measured): no needle is drawn."""
    needle_entry_m: float = -1.0
    """Depth at which it entered the skin; negative or NaN: it did not, and is drawn straight."""
    needle_tip_m: tuple[float, ...] = ()
    """The tip where it is (probe frame); empty or NaN: not measured, drawn straight."""


class Former:
    """Holds what does not change from picture to picture; `form` is a pure function of its view."""

    def __init__(
        self, scene: Scene, width: int, height: int, seed: int, probe: Probe | None = None
    ) -> None:
        self._scene = scene
        self._size = (width, height)
        self._seed = seed
        self.probe = probe or Probe()
        self._anatomy: Anatomy = parse_anatomy(scene)
        self._shapes = Shapes(self._anatomy, seed)
        self._fields = make_fields(seed)
        self._angles = np.linspace(-0.5, 0.5, self.probe.lines) * self.probe.view_rad
        self._relief = _relief_table(scene)
        rng = np.random.default_rng(seed + 1)
        self._dither = rng.random(self._fields.electronic.shape, np.float32)
        self._allocate()
        self.set(Settings())

    def _allocate(self) -> None:
        rows, lines = self.probe.samples, self.probe.lines
        padded = (rows, lines + 2 * TAPS)
        self._i, self._q = np.zeros(padded, np.float32), np.zeros(padded, np.float32)
        self._fi = np.zeros((rows, lines), np.float32)
        self._fq, self._power = np.zeros_like(self._fi), np.zeros_like(self._fi)
        self._grey = np.zeros((rows, lines), np.uint8)
        blocks = (-(-rows // cast.BLOCK_SAMPLES), -(-lines // cast.BLOCK_LINES))
        self._masks = np.zeros(blocks, np.uint64)

    def set(self, settings: Settings) -> None:
        """Change gain, depth or dynamic range from the next picture on."""
        probe, depth = self.probe, settings.depth_m
        self.settings = settings
        self.geometry = picture_geometry(probe, depth, *self._size)
        self._maps = conversion_maps(probe, self.geometry, *self._size)
        self._lateral = lateral_kernels(probe, depth, TAPS)
        self._axial = axial_kernel(probe, depth)
        depths = np.linspace(0.0, depth, probe.samples)
        self._step_m = float(depths[1])
        self._rays = (probe.radius_m + depths, np.exp(-depths / self._anatomy.tissue_depth_m))
        self._tissue = _tissue_table(probe, self._step_m)
        self._ring = _ring_down(depths)
        megahertz = probe.frequency_hz / 1e6
        tgc_db = 2.0 * TGC_DB_CM_MHZ * megahertz * depths * 100.0
        floor_db = settings.dynamic_range_db - WHITE_DB
        self._gain_db = (tgc_db + settings.gain_db + floor_db).astype(np.float32)
        self._scale = np.float32(254.0 / settings.dynamic_range_db)

    def form(self, view: View) -> NDArray[np.uint8]:
        """The picture (height x width, 0..255) for this pose and time."""
        self._cast(view)
        if view.needle_depth_m > 0.0:  # also false for NaN
            add_needle(
                HOME_M, AXIS, *bent(view),
                self.probe.radius_m, self._angles, self._step_m, self._i, self._q,
            )  # fmt: skip
        beam.lateral(self._i, self._lateral, self._fi)
        beam.lateral(self._q, self._lateral, self._fq)
        shift = _shift(view.stamp_ns, self._seed)
        electronic = self._fields.electronic
        beam.power(self._fi, self._fq, self._axial, electronic, shift, NOISE, self._power)
        bits = self._power.view(np.int32)
        beam.compress(bits, self._gain_db, self._scale, self._dither, shift, self._grey)
        picture = cv2.remap(self._grey, *self._maps, cv2.INTER_LINEAR)
        return np.asarray(picture, np.uint8)

    def _cast(self, view: View) -> None:
        axes = rotation(view.base_q_probe)
        face = np.array(view.base_p_probe_m) - self._scene.surface.base_p_patient_m
        origin = face - self.probe.radius_m * axes[:, 2]
        directions = np.outer(np.sin(self._angles), axes[:, 0])
        directions += np.outer(np.cos(self._angles), axes[:, 2])
        lift = breathing_lift_m(self._scene, view.stamp_ns)
        pressed = self._pressed_m(origin, directions, lift)
        push, coupling = np.maximum(pressed, 0.0), coupling_of(pressed)
        body = self._body(lift)
        shapes = self._shapes.at(view.stamp_ns)
        cast.mark_blocks(
            origin, directions, self._rays, push, shapes, body, self._relief, self._masks
        )
        fields = self._fields
        tables = (
            fields.speckle, fields.texture, fields.undulation, self._relief, self._tissue,
            self._ring,
        )  # fmt: skip
        cast.cast(
            origin, directions, self._rays, push, coupling, shapes, self._masks, tables, body,
            slab_weights(axes[:, 1]), self._i, self._q,
        )  # fmt: skip

    def _pressed_m(
        self, origin: NDArray[np.float64], directions: NDArray[np.float64], lift_m: float
    ) -> NDArray[np.float64]:
        """How deep each line's element is pressed below the resting skin (m); negative: gap."""
        face = origin + self.probe.radius_m * directions
        surface = self._scene.surface
        wave = np.sin(2.0 * np.pi * face[:, 1] / surface.relief_length_m)
        skin = surface.relief_m * wave - face[:, 0] ** 2 / (2.0 * surface.radius_m) + lift_m
        return np.asarray(skin - face[:, 2])

    def _body(self, lift_m: float) -> NDArray[np.float64]:
        """The vector of `cast.py` (positions named there)."""
        layers, surface = self._anatomy.layers, self._scene.surface
        return np.array([
            lift_m, self._anatomy.breathing_slide, 0.5 / surface.radius_m, surface.relief_m,
            1024.0 / surface.relief_length_m, layers.skin_m, layers.fat_m, layers.muscle_m,
            layers.undulation_m,
        ])  # fmt: skip


def bent(view: View) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far the tip is beside the guide's line (m), and (entry, length) of the shaft."""
    length, entry = view.needle_depth_m, view.needle_entry_m
    inside = 0.0 <= entry < length - SHORTEST_M
    if not inside or len(view.needle_tip_m) != 3 or not all(map(math.isfinite, view.needle_tip_m)):
        return np.zeros(3), np.array([0.0, length])
    return np.array(view.needle_tip_m) - (HOME_M + length * AXIS), np.array([entry, length])


def rotation(quaternion: tuple[float, ...]) -> NDArray[np.float64]:
    """Rotation matrix of a quaternion xyzw (normalised here)."""
    x, y, z, w = np.array(quaternion) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def coupling_of(pressed_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the sound that passes per line, 0..1, from its compression (m)."""
    share = np.clip((pressed_m + GAP_M) / (GAP_M + PRESSED_M), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))


def slab_weights(elevation: NDArray[np.float64]) -> tuple[float, float]:
    """Weights of the speckle with slabs across patient y and across x (unit power).

    One of them serves unless the probe is turned to about 45 degrees, where they cross over.
    """
    angle = math.atan2(abs(elevation[0]), abs(elevation[1]))
    share = min(1.0, max(0.0, (angle - math.radians(40.0)) / math.radians(10.0)))
    return math.cos(0.5 * math.pi * share), math.sin(0.5 * math.pi * share) if share else 0.0


def _tissue_table(probe: Probe, step_m: float) -> NDArray[np.float64]:
    """Per tissue: speckle amplitude, transmission per sample (round trip), impedance."""
    db = np.array(ACOUSTICS)
    loss_db = 2.0 * db[:, 1] * probe.frequency_hz / 1e6 * step_m * 100.0
    return np.stack([10.0 ** (db[:, 0] / 20.0), 10.0 ** (-loss_db / 20.0), db[:, 2]], axis=1)


def _ring_down(depths_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Echoes of the probe face itself: always, and additionally on lines without contact."""
    always = 2.5 * np.exp(-depths_m / 0.0007)
    bands = np.maximum(0.0, np.cos(2.0 * np.pi * depths_m / 0.0026)) ** 4
    return np.stack([always, 5.0 * bands * np.exp(-depths_m / 0.0045)])


def _relief_table(scene: Scene) -> NDArray[np.float64]:
    """One period of the skin's relief along y, 1024 values (m)."""
    return np.asarray(scene.surface.relief_m * np.sin(2.0 * np.pi * np.arange(1024) / 1024.0))


def _shift(stamp_ns: int, seed: int) -> tuple[int, int, int]:
    """Where this picture's electronic noise starts in its table: a hash of the time stamp."""
    word = (stamp_ns * 0x9E3779B97F4A7C15 + seed * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    word ^= word >> 29
    return word & 511, (word >> 9) & 255, (word >> 17) & 255
