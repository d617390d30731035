"""The part of a layer that a preview is of: what is visible, or a rectangle, at the plane that is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.image import Image
from noise2detail.napari.jobs import PREVIEW_SIDE
from noise2detail.napari.resolve import Subject
from noise2detail.pipeline.layout import SMALLEST
from noise2detail.types import Pixels


@dataclass(frozen=True)
class Region:
    """A rectangle of one plane of a layer."""

    rows: tuple[int, int]
    """First, and one past the last."""
    columns: tuple[int, int]
    plane: tuple[int, ...]
    """Index over the ``T`` and ``Z`` axes that the image has, in its order."""
    cut: bool
    """True: what was asked for is larger, and this is its middle."""

    @property
    def words(self) -> str:
        """What a person is told of it."""
        size = f"{self.rows[1] - self.rows[0]} x {self.columns[1] - self.columns[0]} pixels"
        return (
            f"{size}, the middle of a larger part: a preview takes {PREVIEW_SIDE} x {PREVIEW_SIDE} at most"
            if (self.cut)
            else size
        )


def find_region(
    subject: Subject, corners: Sequence[Sequence[float]], point: Sequence[float], *, most: int = PREVIEW_SIDE
) -> Region:
    """The rectangle that a preview shows.

    Parameters
    ----------
    subject
        From ``resolve``.
    corners
        Two or more points in pixels of the largest level, one number for each dimension without samples of a colour:
        those of what is visible (``layer.world_to_data`` of the canvas' corners), or of a rectangle that was drawn.
    point
        Where the sliders stand, in the same coordinates: what it says about rows and columns is not read.
    most
        Largest side.

    Raises
    ------
    InputError
        Nothing of the layer lies there, or less than 8x8 pixels.
    """
    plain = subject.image.axes.replace("S", "")
    shape = dict(zip(subject.image.axes, subject.image.array.shape, strict=True))
    points = np.asarray(corners, float)
    sides, cut = {}, False
    for axis in "YX":
        own = points[:, plain.index(axis)]
        start, stop = max(int(np.floor(own.min())), 0), min(int(np.ceil(own.max())), shape[axis])
        if stop - start < SMALLEST:
            # a part that is smaller than any preview can be is widened where there is room
            middle = min(max((start + stop) // 2, SMALLEST // 2), shape[axis] - SMALLEST // 2)
            if own.max() < 0 or own.min() > shape[axis]:
                raise InputError(
                    f"nothing of the layer {subject.name!r} is in view; expected at least {SMALLEST}x{SMALLEST} of its "
                    "pixels: move the view to the layer, or draw a rectangle on it"
                )
            start, stop = middle - SMALLEST // 2, middle + SMALLEST // 2
        if stop - start > most:
            start, cut = start + (stop - start - most) // 2, True
            stop = start + most
        sides[axis] = start, stop
    plane = tuple(
        min(max(round(float(point[plain.index(axis)])), 0), shape[axis] - 1)
        for axis in subject.image.axes
        if axis in "TZ"
    )
    return Region(sides["Y"], sides["X"], plane, cut)


def cut_out(subject: Subject, region: Region) -> Image:
    """The image of a region, read now: axes ``YX`` with those of channels and colours where the layer has them."""
    index: list[Any] = []
    planes = iter(region.plane)
    for axis in subject.image.axes:
        if axis in "TZ":
            index.append(next(planes))
        else:
            index.append({"Y": slice(*region.rows), "X": slice(*region.columns)}.get(axis, slice(None)))
    pixels = np.ascontiguousarray(np.asarray(subject.image.array[tuple(index)]))
    axes = "".join(axis for axis in subject.image.axes if axis not in "TZ")
    return replace(subject.image, array=pixels, axes=axes)


def as_shown(pixels: Pixels, subject: Subject) -> Pixels:
    """Pixels of a preview with the dimensions of the layer: one plane where that has many."""
    shown: Pixels = pixels[tuple(None if axis in "TZ" else slice(None) for axis in subject.image.axes)]
    return shown


def preview_meta(subject: Subject, region: Region) -> dict[str, Any]:
    """Arguments with which ``viewer.add_image`` shows what ``as_shown`` gives over its place in the layer."""
    start = {"Y": region.rows[0], "X": region.columns[0]}
    start |= dict(zip((axis for axis in subject.image.axes if axis in "TZ"), region.plane, strict=True))
    offset = [float(start.get(axis, 0)) for axis in subject.image.axes if axis != "S"]
    meta = dict(subject.kept)
    meta["translate"] = moved(meta, offset)
    meta["name"], meta["multiscale"] = f"{subject.name} preview", False
    return meta


def moved(kept: Mapping[str, Any], offset: Sequence[float]) -> list[float]:
    """The translation of a layer whose first pixel is that at ``offset`` of the layer with these attributes."""
    ndim = len(offset)
    scale = np.asarray(kept.get("scale", np.ones(ndim)), float)
    rotate = np.asarray(kept.get("rotate", np.eye(ndim)), float)
    translate = np.asarray(kept.get("translate", np.zeros(ndim)), float)
    linear = rotate @ _shear_matrix(kept.get("shear"), ndim) @ np.diag(scale)
    return [float(value) for value in translate + linear @ np.asarray(offset, float)]


def _shear_matrix(shear: Any, ndim: int) -> NDArray[np.float64]:
    """As a matrix, which napari also writes as the values above its diagonal."""
    matrix: NDArray[np.float64] = np.eye(ndim)
    if shear is None:
        return matrix
    values = np.asarray(shear, float)
    if values.ndim == 2:
        return values
    matrix[np.triu_indices(ndim, 1)] = values
    return matrix
