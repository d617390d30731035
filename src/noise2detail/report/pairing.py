"""Whether two images are one before and after: told before anything is measured on them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import AxesError, InputError
from noise2detail.image import Image
from noise2detail.pipeline.layout import Layout, check_pixel_type, lay_out
from noise2detail.types import Pixels

BLOCK = 8
"""Side of the blocks whose means are compared: they hold an eighth of the noise of a pixel."""

ALIKE = 0.5
"""Correlation of block means from which a difference in scale is believed to be one."""

RESCALED = 2.0
"""Factor between the contrasts of both images beyond which one of them was rescaled: no denoiser does that."""

PLANES = 8
"""Planes that are compared, spread over the image."""

_FEWEST = 16


@dataclass(frozen=True, eq=False)
class Pair:
    """An image before and after, of the same pixels, in the same units."""

    noisy: Image
    denoised: Image
    layout: Layout
    """Of both."""
    told: tuple[str, ...] = ()
    """What people should know about how they were brought together, one sentence each."""


def pair(noisy: Image, denoised: Image) -> Pair:
    """Both images, if they can be compared pixel by pixel.

    Parameters
    ----------
    noisy
        The image before.
    denoised
        The image after, by any program. Where the file calls its axes otherwise and has the same shape, they are taken
        for those of the noisy image.

    Raises
    ------
    AxesError
        Different shapes.
    InputError
        Pixels that are no real numbers, or intensities on another scale.
    """
    noisy, denoised = noisy.in_memory(), denoised.in_memory()
    shapes = noisy.array.shape, denoised.array.shape
    if shapes[0] != shapes[1]:
        raise AxesError(
            f"the denoised image has the shape {shapes[1]} (axes {denoised.axes}), the noisy one {shapes[0]} (axes "
            f"{noisy.axes}); expected the same pixels before and after: was one cropped or resized, or is it another?"
        )
    told: list[str] = []
    if noisy.axes != denoised.axes:
        told.append(f"the axes of the denoised image, {denoised.axes}, are read as {noisy.axes}, as before")
        denoised = replace(denoised, axes=noisy.axes)
    for image in (noisy, denoised):
        check_pixel_type(image.array.dtype)
    if noisy.array.dtype != denoised.array.dtype:
        told.append(f"pixels were {noisy.array.dtype} before and are {denoised.array.dtype} after")
    layout = lay_out(np.asarray(noisy.array), noisy.axes)
    _check_scale(noisy, denoised, layout)
    return Pair(noisy, denoised, layout, tuple(told))


def _check_scale(noisy: Image, denoised: Image, layout: Layout) -> None:
    """Raise where intensities were rescaled or moved, channel by channel."""
    views = [layout.view(np.asarray(image.array)) for image in (noisy, denoised)]
    numbers = np.unique(np.linspace(0, len(layout.planes) - 1, PLANES).round().astype(int))
    for channel in range(layout.channels):
        means = [
            np.concatenate([_blocks(layout.channels_of(view, layout.planes[n])[channel]) for n in numbers])
            for view in views
        ]
        both = np.isfinite(means[0]) & np.isfinite(means[1])
        if np.count_nonzero(both) >= _FEWEST:
            _compare(means[0][both], means[1][both], f"channel {channel + 1}: " if layout.channels > 1 else "")


def _compare(before: NDArray[np.float64], after: NDArray[np.float64], where: str) -> None:
    spreads = float(before.std()), float(after.std())
    reach = float(np.ptp(np.quantile(before, (0.01, 0.99)))) + spreads[0]
    apart = abs(float(np.median(after)) - float(np.median(before)))
    alike = 0.0 if 0 in spreads else float(np.corrcoef(before, after)[0, 1])
    ratio = spreads[1] / spreads[0] if spreads[0] else 1.0
    rescaled = alike > ALIKE and not 1 / RESCALED < ratio < RESCALED
    if not rescaled and apart <= reach:
        return
    found = f"{np.quantile(before, 0.01):.4g} to {np.quantile(before, 0.99):.4g}"
    other = f"{np.quantile(after, 0.01):.4g} to {np.quantile(after, 0.99):.4g}"
    law = f"; about {ratio:.4g} times the noisy values" if alike > ALIKE else ""
    raise InputError(
        f"{where}the noisy image reaches from {found}, the denoised one from {other}{law}: expected the same scale of "
        "intensities before and after; save the result without rescaling, or undo it"
    )


def _blocks(plane: Pixels) -> NDArray[np.float64]:
    """Means of blocks, NaN where one holds a gap."""
    values = np.ma.filled(plane.astype(np.float64), np.nan)
    rows, columns = (max(size // BLOCK, 1) for size in values.shape)
    high, wide = (min(BLOCK, size) for size in values.shape)
    inside = values[: rows * high, : columns * wide].reshape(rows, high, columns, wide)
    means: NDArray[np.float64] = inside.mean((1, 3))
    return means.ravel()
