"""Values between 0 and 1 for networks whose last layer gives no others, and mean 0 and deviation 1 for the rest."""

from dataclasses import dataclass

import torch
from torch import Tensor

from noise2detail.types import Batch, Mask


@dataclass(frozen=True, eq=False)
class ValueRange:
    """An affine map of each channel: ``(value - offset) / scale``."""

    offset: Tensor
    """``(1, channel, 1, 1)``."""
    scale: Tensor
    """Same shape; positive."""

    def into(self, images: Batch) -> Batch:
        """Images in this range."""
        return (images - self.offset) / self.scale

    def back(self, images: Batch) -> Batch:
        """Images in the range that they came from."""
        return images * self.scale + self.offset

    def tensors(self) -> dict[str, Tensor]:
        """Both, by name."""
        return {"range.offset": self.offset.cpu(), "range.scale": self.scale.cpu()}


def unit_range(noisy: Batch, mask: Mask | None = None) -> ValueRange:
    """Range in which the lowest value of each channel is 0 and the highest 1."""
    values = _by_channel(noisy, mask)
    low, high = (torch.stack([find(own) for own in values]).view(1, -1, 1, 1) for find in (torch.amin, torch.amax))
    return ValueRange(low, _or_one(high - low))


def standard_range(noisy: Batch, mask: Mask | None = None) -> ValueRange:
    """Range in which each channel has mean 0 and standard deviation 1."""
    values = _by_channel(noisy, mask)
    mean = torch.stack([own.mean() for own in values]).view(1, -1, 1, 1)
    deviation = torch.stack([own.std(correction=0) for own in values]).view(1, -1, 1, 1)
    return ValueRange(mean, _or_one(deviation))


def restore_range(tensors: dict[str, Tensor], device: torch.device) -> ValueRange:
    """Range from its tensors."""
    return ValueRange(tensors["range.offset"].to(device), tensors["range.scale"].to(device))


def _by_channel(noisy: Batch, mask: Mask | None) -> list[Tensor]:
    valid = None if mask is None or not bool(mask.any()) else mask[:, 0]
    return [own.flatten() if valid is None else own[valid] for own in noisy.unbind(1)]


def _or_one(scale: Tensor) -> Tensor:
    return torch.where(scale > 0, scale, torch.ones_like(scale))
