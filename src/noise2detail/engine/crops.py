"""Random crops from a batch of images: the training material of a step that does not read whole images."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from noise2detail.errors import SettingError, check_setting
from noise2detail.numerics.padding import pad_reflect, pad_to_size


@dataclass(frozen=True)
class Crops:
    """How many crops a step reads, and how large they are."""

    count: int = 4
    """Crops per step."""
    size: int = 32
    """Side in pixels, even."""

    def __post_init__(self) -> None:
        check_setting("crops.count", self.count)
        check_setting("crops.size", self.size, lowest=2)
        if self.size % 2:
            raise SettingError(f"crops.size is {self.size}; expected an even number of pixels")


class CropSampler:
    """Draws the same crops from several images of one shape (source, target, mask).

    All positions are drawn at once from one seed: the same seed gives the same crops whatever else happens.

    Parameters
    ----------
    images
        Each ``(batch, channel, y, x)`` with the same batch and size; reflected at the borders by ``margin`` pixels, and
        up to the size of a crop where they are smaller.
    crops
        Number and size.
    margin
        What a network without padding cuts off: with it, border pixels are trained on as often as others.
    """

    def __init__(self, images: tuple[Tensor, ...], crops: Crops, margin: int) -> None:
        self._crops = crops
        self._images = tuple(pad_to_size(_pad(image, margin), crops.size) for image in images)

    def draw(self, steps: int, seed: int) -> Iterator[tuple[Tensor, ...]]:
        """For each step the crops of every image, ``(count, channel, size, size)``."""
        generator = torch.Generator().manual_seed(seed)
        batch, _, y, x = self._images[0].shape
        size, count = self._crops.size, self._crops.count
        limits = torch.tensor([batch, y - size + 1, x - size + 1])
        where = (torch.rand(steps, count, 3, generator=generator, dtype=torch.float64) * limits).long().tolist()
        for positions in where:
            yield tuple(
                torch.stack([image[n, :, top : top + size, left : left + size] for n, top, left in positions])
                for image in self._images
            )


def _pad(image: Tensor, margin: int) -> Tensor:
    if image.dtype == torch.bool:
        return pad_reflect(image.float(), margin) > 0
    return pad_reflect(image, margin)
