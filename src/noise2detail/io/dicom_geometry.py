"""Where DICOM slices and frames lie, and how far apart."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from noise2detail.io.dicom_fields import FieldError, group, numbers, whole
from noise2detail.io.placement import Placement, placed

EVEN = 0.05
"""Share of the usual step by which a step may differ: positions are often rounded, and a missing slice doubles it."""


_ALIKE = 1e-3


def along_normal(orientation: Sequence[float], position: Sequence[float]) -> float:
    """Millimetres along the normal of a slice.

    Parameters
    ----------
    orientation
        ImageOrientationPatient: directions of a row and of a column.
    position
        ImagePositionPatient: centre of the first pixel.

    >>> along_normal((1, 0, 0, 0, 1, 0), (5, 7, 2.5))
    2.5
    """
    return float(np.dot(np.cross(orientation[:3], orientation[3:]), position))


def uneven_step(places: Sequence[float]) -> int | None:
    """Index of the first step between neighbours that differs from the usual one; None where all are alike.

    >>> uneven_step([0, 2, 4, 8, 10]), uneven_step([3, 1, -1])
    (2, None)
    """
    steps = np.diff(np.asarray(places, float))
    if not steps.size:
        return None
    usual = float(np.median(steps))
    wrong = np.flatnonzero(~(np.abs(steps - usual) <= EVEN * abs(usual)) | (steps == 0))
    return int(wrong[0]) if wrong.size else None


def mean_step(places: Sequence[float]) -> float:
    """Millimetres between neighbours, of at least two."""
    return abs(places[-1] - places[0]) / (len(places) - 1)


def pixel_spacing(header: Any) -> dict[str, float]:
    """Millimetres between rows and between columns, as far as they are known."""
    measures = group(header, 0, "PixelMeasuresSequence")
    return dict(zip("YX", numbers(measures, "PixelSpacing"), strict=False))


def scale(header: Any, frames: int) -> tuple[str, dict[str, float], float | None]:
    """Axes of an image, micrometres by axis, and seconds between frames.

    Parameters
    ----------
    header
        Of one file.
    frames
        Its frames: over time where they have a rate or all lie in one place, else over depth.
    """
    letters = "YXS" if whole(header, "SamplesPerPixel", 1) > 1 else "YX"
    spacing = pixel_spacing(header)
    increment = next(iter(numbers(header, "FrameTime")), 0.0) / 1000
    if frames > 1:
        places = _places(header, frames)
        moving = increment > 0 or (bool(places) and max(places) == min(places))
        letters = ("T" if moving else "Z") + letters
        if places and not moving and uneven_step(places) is None:
            spacing["Z"] = mean_step(places)
        elif not places:
            measures = group(header, 0, "PixelMeasuresSequence")
            spacing["Z"] = abs(next(iter(numbers(measures, "SpacingBetweenSlices")), 0.0))
    return letters, micrometres(spacing), increment if increment > 0 else None


def micrometres(spacing: dict[str, float]) -> dict[str, float]:
    """From millimetres; without those that are no length."""
    return {axis: 1000 * size for axis, size in spacing.items() if size > 0 and math.isfinite(size)}


def placement(header: Any, frames: int, axes: str, shape: tuple[int, ...]) -> Placement | None:
    """Where the voxels of one file lie; None where it does not say so.

    Parameters
    ----------
    header, frames
        Of the file.
    axes, shape
        Of its image.
    """
    try:
        planes = [_plane(header, frame) for frame in range(frames)]
    except FieldError:
        return None
    orientation = planes[0][0]
    same = all(len(own) == len(orientation) and np.allclose(own, orientation, atol=_ALIKE) for own, _ in planes)
    return placed(orientation, [place for _, place in planes], pixel_spacing(header), axes, shape) if same else None


def _plane(header: Any, frame: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Orientation and position of a frame; those of a single one may stand in the header itself."""
    plane, orientation = (group(header, frame, f"Plane{kind}Sequence") for kind in ("Position", "Orientation"))
    return numbers(orientation, "ImageOrientationPatient"), numbers(plane, "ImagePositionPatient")


def _places(header: Any, frames: int) -> list[float]:
    """Millimetres along the normal of each frame; empty where not all say where they lie."""
    found: list[float] = []
    for frame in range(frames):
        directions, position = _plane(header, frame)
        if group(header, frame, "PlanePositionSequence") is header or len(directions) != 6 or len(position) != 3:
            return []
        found.append(along_normal(directions, position))
    return found
