"""Padding by reflection, and cutting back."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor


def pad_reflect(image: Float[Tensor, "batch channel y x"], amount: int) -> Float[Tensor, "batch channel Y X"]:
    """Image with ``amount`` pixels more on every side, reflected about the border pixels.

    A side too short to be reflected that far (torch needs more pixels than are added) repeats its border pixel: that
    happens to sub-images of one or two pixels only.
    """
    y, x = image.shape[-2:]
    rows = "reflect" if y > amount else "replicate"
    columns = "reflect" if x > amount else "replicate"
    if rows == columns:
        return F.pad(image, (amount,) * 4, mode=rows)
    return F.pad(F.pad(image, (0, 0, amount, amount), mode=rows), (amount, amount, 0, 0), mode=columns)


def pad_to_multiple(image: Float32[Tensor, "batch channel y x"], divisor: int) -> Float32[Tensor, "batch channel Y X"]:
    """Image reflected at the bottom and right until both sides are multiples of ``divisor``; itself if they are."""
    y, x = image.shape[-2:]
    bottom, right = -y % divisor, -x % divisor
    if not bottom and not right:
        return image
    return image[..., reflected_indices(y, y + bottom)[:, None], reflected_indices(x, x + right)]


def reflected_indices(size: int, wanted: int) -> Tensor:
    """Indices 0 to ``wanted - 1`` folded back into ``size`` pixels about the border pixels.

    Examples
    --------
    >>> reflected_indices(4, 9).tolist()
    [0, 1, 2, 3, 2, 1, 0, 1, 2]
    """
    return reflected(torch.arange(wanted), torch.tensor(size))


def reflected(indices: Tensor, size: Tensor) -> Tensor:
    """Indices on either side of an image folded back into its ``size`` pixels about the border pixels.

    Examples
    --------
    >>> import torch
    >>> reflected(torch.arange(-3, 6), torch.tensor(4)).tolist()
    [3, 2, 1, 0, 1, 2, 3, 2, 1]
    """
    period = (2 * (size - 1)).clamp_min(1)
    folded = indices.remainder(period)
    return torch.minimum(folded, period - folded).minimum(size - 1)


def cut_centre(image: Tensor, y: int, x: int) -> Tensor:
    """Central ``y`` by ``x`` pixels; what is cut off is the same on both sides, to a pixel."""
    top, left = (image.shape[-2] - y) // 2, (image.shape[-1] - x) // 2
    return image[..., top : top + y, left : left + x]
