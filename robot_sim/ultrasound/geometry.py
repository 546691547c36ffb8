"""Convex probe and picture: beam widths, scale, scan conversion maps (pure).

Probe frame (`safety/messages.py`): origin at the centre of the face, z into the patient, x to the
right in the picture. The virtual apex lies `radius_m` behind the face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SOUND_M_S = 1540.0
"""Speed of sound in soft tissue."""
MARGIN_PX = 8
"""Black border around the sector."""


@dataclass(frozen=True, slots=True)
class Probe:
    """An abdominal convex probe (radius, angle and frequency of common abdominal probes)."""

    radius_m: float = 0.060
    view_rad: float = math.radians(60.0)
    lines: int = 160
    samples: int = 480
    frequency_hz: float = 3.5e6
    bandwidth: float = 0.6
    f_number: float = 2.0
    aperture_m: float = 0.022
    focus_m: float = 0.07

    @property
    def wavelength_m(self) -> float:
        """0.44 mm at 3.5 MHz."""
        return SOUND_M_S / self.frequency_hz

    @property
    def axial_fwhm_m(self) -> float:
        """Half the pulse length: 0.88 / (bandwidth * frequency) * c / 2."""
        return 0.88 / (self.bandwidth * self.frequency_hz) * SOUND_M_S / 2.0

    def lateral_fwhm_m(self, depth_m: float) -> float:
        """1.05 lambda z / aperture, wider away from the transmit focus.

        The aperture grows with depth at the F-number up to its maximum.
        """
        depth = max(depth_m, 1e-3)
        aperture = min(depth / self.f_number, self.aperture_m)
        defocus = min(abs(depth - self.focus_m) / self.focus_m, 1.5)
        return 1.05 * self.wavelength_m * depth / aperture * math.sqrt(1.0 + 0.3 * defocus**2)


@dataclass(frozen=True, slots=True)
class PictureGeometry:
    """Scale of the converted picture."""

    depth_m: float
    mm_per_px: float
    apex_x_px: float
    apex_y_px: float


def picture_geometry(probe: Probe, depth_m: float, width: int, height: int) -> PictureGeometry:
    """The largest scale at which the whole sector fits."""
    half = probe.view_rad / 2.0
    sagitta_m = probe.radius_m * (1.0 - math.cos(half))
    wide_m = 2.0 * (probe.radius_m + depth_m) * math.sin(half)
    m_per_px = max(
        (sagitta_m + depth_m) / (height - 2 * MARGIN_PX), wide_m / (width - 2 * MARGIN_PX)
    )
    apex_y_px = MARGIN_PX - probe.radius_m * math.cos(half) / m_per_px
    return PictureGeometry(depth_m, m_per_px * 1e3, (width - 1) / 2.0, apex_y_px)


def conversion_maps(
    probe: Probe, picture: PictureGeometry, width: int, height: int
) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    """Maps for `cv2.remap` from (samples x lines) to the picture."""
    m_per_px = picture.mm_per_px / 1e3
    x_m = (np.arange(width) - picture.apex_x_px) * m_per_px
    z_m = (np.arange(height) - picture.apex_y_px) * m_per_px
    x, z = np.meshgrid(x_m, z_m)
    line = (np.arctan2(x, z) / probe.view_rad + 0.5) * (probe.lines - 1)
    sample = (np.hypot(x, z) - probe.radius_m) / picture.depth_m * (probe.samples - 1)
    outside = (line < 0) | (line > probe.lines - 1) | (sample < 0) | (sample > probe.samples - 1)
    line[outside] = sample[outside] = -10.0
    coarse, fine = cv2.convertMaps(line.astype(np.float32), sample.astype(np.float32), cv2.CV_16SC2)
    return np.asarray(coarse, np.int16), np.asarray(fine, np.uint16)


def lateral_kernels(probe: Probe, depth_m: float, taps: int) -> NDArray[np.float32]:
    """Gaussian lateral kernels, one row per sample, 2 * taps + 1 wide, unit energy."""
    depths = np.linspace(0.0, depth_m, probe.samples)
    spacing = (probe.radius_m + depths) * probe.view_rad / (probe.lines - 1)
    sigma = np.array([probe.lateral_fwhm_m(d) for d in depths]) / 2.355 / spacing
    offsets = np.arange(-taps, taps + 1)
    kernels = np.exp(-0.5 * (offsets[None, :] / sigma[:, None]) ** 2)
    kernels /= np.sqrt((kernels**2).sum(axis=1, keepdims=True))
    return np.asarray(kernels, np.float32)


def axial_kernel(probe: Probe, depth_m: float) -> NDArray[np.float32]:
    """Gaussian pulse envelope over 5 samples, unit energy."""
    sigma = probe.axial_fwhm_m / 2.355 / (depth_m / (probe.samples - 1))
    kernel = np.exp(-0.5 * (np.arange(-2, 3) / max(sigma, 0.3)) ** 2)
    return np.asarray(kernel / np.sqrt((kernel**2).sum()), np.float32)
