"""The cosine spectrum of whole images, mirrored at their borders: cut to low frequencies, filled up, mixed."""

import torch
from torch import Tensor


def low_frequencies(images: Tensor, y: int, x: int) -> Tensor:
    """Smaller images ``(..., y, x)`` that hold the lowest frequencies of ``images``.

    White noise keeps its variance; a constant image is multiplied by the square root of the ratio of the areas, so
    that structure stands higher above noise.
    """
    return _backward(_forward(images)[..., :y, :x])


def filled_up(low: Tensor, y: int, x: int) -> Tensor:
    """Images ``(..., y, x)`` with the frequencies of smaller ones and none above: what undoes ``low_frequencies``."""
    spectrum = low.new_zeros(*low.shape[:-2], y, x)
    spectrum[..., : low.shape[-2], : low.shape[-1]] = _forward(low)
    return _backward(spectrum)


def with_low_frequencies(images: Tensor, low: Tensor, share: float) -> Tensor:
    """Images whose lowest frequencies, this share of those of ``low`` along each axis, are those of ``low``."""
    spectrum, other = _forward(images), _forward(low)
    y, x = int(share * low.shape[-2]), int(share * low.shape[-1])
    spectrum[..., :y, :x] = other[..., :y, :x]
    return _backward(spectrum)


def _forward(images: Tensor) -> Tensor:
    from scipy.fft import dctn

    found = dctn(images.detach().cpu().numpy(), axes=(-2, -1), norm="ortho")
    return torch.from_numpy(found).to(images.device)


def _backward(spectrum: Tensor) -> Tensor:
    from scipy.fft import idctn

    found = idctn(spectrum.cpu().contiguous().numpy(), axes=(-2, -1), norm="ortho")
    return torch.from_numpy(found).to(spectrum.device)
