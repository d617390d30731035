"""Which planes of a series a shared training sees."""

import numpy as np

from noise2detail.errors import InputError
from noise2detail.pipeline.fitting import Planes, Valid
from noise2detail.pipeline.layout import Layout
from noise2detail.pipeline.values import is_constant, to_working_range
from noise2detail.plans import Plan
from noise2detail.types import Pixels

LARGEST = 2**30
"""Bytes of float32 planes; a longer series lends evenly spaced planes."""


def training_set(array: Pixels, plan: Plan, layout: Layout, largest: int = LARGEST) -> tuple[Planes, Valid | None]:
    """Planes of a series in the working range, and where they are data; empty planes teach nothing and are left out."""
    y, x = layout.size
    view = layout.view(array)
    useful = [index for index in layout.planes if not is_constant(layout.read(view, index))]
    if not useful:
        raise InputError(
            "every plane of the image is constant or holds no finite number; there is no noise to learn from"
        )
    most = max(1, largest // (4 * y * x * layout.channels))
    if len(useful) > most:
        useful = [useful[int(n)] for n in np.linspace(0, len(useful) - 1, most).round()]
    mapped = [to_working_range(layout.read(view, index), plan.value_maps) for index in useful]
    planes = np.stack([plane for plane, _ in mapped])
    if all(mask is None for _, mask in mapped):
        return planes, None
    return planes, np.stack([np.ones(plane.shape, bool) if mask is None else mask for plane, mask in mapped])
