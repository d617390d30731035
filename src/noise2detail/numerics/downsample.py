"""Pair downsampling: two half-size views of one image whose noise is independent."""

from torch import Tensor


def pair_downsample(image: Tensor) -> tuple[Tensor, Tensor]:
    """Two views of half the size: in each 2x2 cell the mean of one diagonal, and of the other.

    Parameters
    ----------
    image
        ``(..., y, x)``; an odd last row or column is ignored.

    Source
    ------
    Mansour & Heckel, "Zero-Shot Noise2Noise", CVPR 2023, Eq. 4; Chobola et al., MICCAI 2025, Eq. 2. Written as slices:
    the mean of two float32 values is the same number as their convolution with 0.5 and 0.5.

    Examples
    --------
    >>> import torch
    >>> main, other = pair_downsample(torch.tensor([[0., 1., 8.], [2., 4., 8.]]))
    >>> main.item(), other.item()  # (0 + 4) / 2 and (1 + 2) / 2; the third column has no partner
    (2.0, 1.5)
    """
    y, x = image.shape[-2] // 2 * 2, image.shape[-1] // 2 * 2
    top_left, top_right = image[..., 0:y:2, 0:x:2], image[..., 0:y:2, 1:x:2]
    bottom_left, bottom_right = image[..., 1:y:2, 0:x:2], image[..., 1:y:2, 1:x:2]
    return (top_left + bottom_right) / 2, (top_right + bottom_left) / 2


def pair_spread(first: Tensor, second: Tensor) -> Tensor:
    """Adjoint of ``pair_downsample``: what a change of the views comes to in the image, ``(..., 2 y, 2 x)``."""
    image = first.new_empty((*first.shape[:-2], 2 * first.shape[-2], 2 * first.shape[-1]))
    image[..., 0::2, 0::2] = image[..., 1::2, 1::2] = first / 2
    image[..., 0::2, 1::2] = image[..., 1::2, 0::2] = second / 2
    return image


def whole_cells(mask: Tensor) -> Tensor:
    """True where all four pixels of a 2x2 cell are true: the mask of both views of ``pair_downsample``."""
    y, x = mask.shape[-2] // 2 * 2, mask.shape[-1] // 2 * 2
    even, odd = mask[..., 0:y:2, :], mask[..., 1:y:2, :]
    both = even & odd
    return both[..., 0:x:2] & both[..., 1:x:2]
