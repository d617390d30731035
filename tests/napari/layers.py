"""Stand-ins for layers of napari: the attributes that are read, and nothing else."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray


def layer(data: Any, **attributes: Any) -> Any:
    """An image layer, as napari makes one of this array where nothing is said."""
    rgb = attributes.get("rgb", False)
    first = data[0] if attributes.get("multiscale") else data
    ndim = len(first.shape) - rgb
    usual = {
        "name": "cells",
        "rgb": False,
        "multiscale": False,
        "axis_labels": tuple(f"axis {number - ndim}" for number in range(ndim)),
        "units": ("pixel",) * ndim,
        "scale": (1.0,) * ndim,
        "metadata": {},
        "_type_string": "image",
        "source": SimpleNamespace(path=None),
    }
    return SimpleNamespace(data=data, **usual | attributes)


def noisy(*shape: int, seed: int = 0) -> NDArray[np.uint16]:
    """Counted photons on a wave."""
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    wave = 60 + 40 * np.sin(x / 5) * np.cos(y / 7)
    return np.random.default_rng(seed).poisson(np.broadcast_to(wave, shape)).astype(np.uint16)
