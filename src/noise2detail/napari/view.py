"""What the viewer shows of a layer, in the layer's own pixels; the only file that asks the viewer where it looks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from noise2detail.errors import InputError
from noise2detail.napari.resolve import Subject
from noise2detail.types import Pixels

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari.layers import Image, Shapes


def visible_in(layer: "Image") -> Pixels:
    """Two corners of what the canvas shows of a layer, in pixels of its largest level."""
    corners = np.array(layer.corner_pixels, float)
    if layer.multiscale:
        corners *= np.asarray(layer.downsample_factors)[layer.data_level]
    shape = np.asarray((layer.data[0] if layer.multiscale else layer.data).shape[: layer.ndim], float)
    if not np.any(corners[1] > corners[0]):  # nothing has been drawn yet
        return np.stack([np.zeros(layer.ndim), shape])
    corners[1] += 1  # they are the first and the last pixel
    return corners


def rectangle_in(shapes: "Shapes | None", layer: "Image") -> Pixels:
    """The corners of the rectangle that was drawn last, in pixels of the layer's largest level.

    Raises
    ------
    InputError
        There is none.
    """
    if shapes is None or not len(shapes.data):
        raise InputError("no rectangle was drawn; draw one in the layer of the region, or choose the visible part")
    drawn = np.asarray(shapes.data[-1], float)
    world = np.array([shapes.data_to_world(corner)[-2:] for corner in drawn])
    origin = np.asarray(layer.data_to_world(np.zeros(layer.ndim)), float)
    found = []
    for corner in world:
        place = origin.copy()
        place[-2:] = corner
        found.append(np.asarray(layer.world_to_data(place), float) + 0.5)
    return np.array(found)


def shown_plane(viewer: "ViewerModel", layer: "Image") -> Sequence[float]:
    """Where the sliders stand, in pixels of the layer's largest level."""
    return [float(value) for value in layer.world_to_data(viewer.dims.point[-layer.ndim :])]


def why_turned(viewer: "ViewerModel", layer: "Image", subject: Subject) -> str:
    """Why no preview can lie over the layer as it is seen now; empty: it can."""
    if viewer.dims.ndisplay != 2:
        return "a preview lies over a plane; switch the viewer to 2D"
    plain = subject.image.axes.replace("S", "")
    shown = [int(axis) - (viewer.dims.ndim - layer.ndim) for axis in viewer.dims.displayed]
    if {plain.index("Y"), plain.index("X")} != set(shown):
        return "the layer is seen from the side; a preview is of rows and columns: roll the axes back, or correct them"
    return ""
