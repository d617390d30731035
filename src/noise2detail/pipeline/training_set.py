"""Which planes of a series a shared training sees."""

import numpy as np

from noise2detail.errors import InputError
from noise2detail.pipeline.fitting import Planes, Valid
from noise2detail.pipeline.layout import Layout
from noise2detail.pipeline.values import is_constant, to_working_range
from noise2detail.plans import Plan
from noise2detail.types import Pixels


def training_set(array: Pixels, plan: Plan, layout: Layout) -> tuple[Planes, Valid | None]:
    """Planes of a series in the working range, and where they are data; empty planes teach nothing and are left out.

    A longer series than the plan allows for lends evenly spaced planes.
    """
    view = layout.view(array)
    useful = [index for index in layout.planes if not all(map(is_constant, layout.channels_of(view, index)))]
    if not useful:
        raise InputError(
            "every plane of the image is constant or holds no finite number; there is no noise to learn from"
        )
    if len(useful) > plan.training_planes:
        useful = [useful[int(n)] for n in np.linspace(0, len(useful) - 1, plan.training_planes).round()]
    planes = np.empty((len(useful), layout.channels, *layout.size), np.float32)
    valid: Valid | None = None
    for number, index in enumerate(useful):
        planes[number], mask = to_working_range(layout.channels_of(view, index), plan.value_maps)
        if mask is not None:
            valid = np.ones(planes.shape, bool) if valid is None else valid
            valid[number] = mask
    return planes, valid
