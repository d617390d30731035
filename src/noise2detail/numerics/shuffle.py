"""Pixel-shuffle downsampling: an image taken apart into sub-images of every ``stride``-th pixel, and put back."""

from jaxtyping import Float32
from torch import Tensor


def shuffle_apart(
    image: Float32[Tensor, "batch channel y x"], stride: int
) -> Float32[Tensor, "part channel row column"]:
    """Sub-images of every ``stride``-th pixel, ``stride ** 2`` for each image, stacked along the batch.

    Parameters
    ----------
    image
        Height and width divisible by ``stride``.

    Source
    ------
    Zhou et al., "When AWGN-based denoiser meets real noises", AAAI 2020; Chobola et al., MICCAI 2025, Eq. 5.

    Examples
    --------
    >>> import torch
    >>> parts = shuffle_apart(torch.arange(16.0).reshape(1, 1, 4, 4), 2)
    >>> parts[0].int().tolist(), parts[3].int().tolist()
    ([[[0, 2], [8, 10]]], [[[5, 7], [13, 15]]])
    """
    b, c, y, x = image.shape
    cells = image.reshape(b, c, y // stride, stride, x // stride, stride)  # (b, c, y', dy, x', dx)
    return cells.permute(0, 3, 5, 1, 2, 4).reshape(b * stride * stride, c, y // stride, x // stride)


def shuffle_together(
    parts: Float32[Tensor, "part channel row column"], stride: int
) -> Float32[Tensor, "batch channel y x"]:
    """Images of which ``parts`` are the sub-images: the inverse of ``shuffle_apart``."""
    n, c, y, x = parts.shape
    cells = parts.reshape(n // stride**2, stride, stride, c, y, x)  # (b, dy, dx, c, y', x')
    return cells.permute(0, 3, 4, 1, 5, 2).reshape(n // stride**2, c, y * stride, x * stride)
