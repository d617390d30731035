"""What tests of the dock put into the viewer."""

from typing import TYPE_CHECKING, Any

import numpy as np

from noise2detail.napari.jobs import Planned

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Image

PLAN = Planned("method  auto\nrecipe  fast", ("the noise grows with the brightness", "one plane is small"), 4.0, 3)


def stack(planes: int = 3, side: int = 40, seed: int = 0) -> Any:
    return np.random.default_rng(seed).poisson(50, (planes, side, side)).astype(np.uint16)


def add(viewer: "Viewer", name: str = "cells", **more: Any) -> "Image":
    layer: Image = viewer.add_image(
        stack(), name=name, axis_labels=("z", "y", "x"), scale=(2, 0.5, 0.5), translate=(1, 2, 3), **more
    )
    return layer
