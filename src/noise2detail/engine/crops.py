"""Random crops from one image, a stack or many images: what a step learns from that does not read whole images."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from noise2detail.errors import SettingError, check_setting
from noise2detail.numerics.padding import reflected


@dataclass(frozen=True)
class Crops:
    """How many crops a step reads, how large they are, and on how much of them the consistency is asked for."""

    count: int = 4
    """Crops per step."""
    size: int = 32
    """Side in pixels, a multiple of 4."""
    quarters: int = 1
    """Of each crop, from 1 to 4, on which the denoised whole must agree with the denoised views; with fewer the
    gradient is that of all four on average, at less cost."""

    def __post_init__(self) -> None:
        check_setting("crops.count", self.count)
        check_setting("crops.size", self.size, lowest=4)
        check_setting("crops.quarters", self.quarters)
        if self.size % 4:
            raise SettingError(f"crops.size is {self.size}; expected a multiple of 4 pixels")
        if self.quarters > 4:
            raise SettingError(f"crops.quarters is {self.quarters}; expected 1 to 4")


class Material:
    """Images as one flat vector, and where in it each of them stands; nothing is copied where that can be avoided.

    Parameters
    ----------
    images
        A batch ``(image, channel, y, x)``, or any number of images ``(channel, y, x)`` of different sizes.
    """

    def __init__(self, images: Tensor | Sequence[Tensor]) -> None:
        together = list(images)
        if isinstance(images, Tensor):
            self.flat = images.reshape(-1)
        else:
            self.flat = torch.cat([image.reshape(-1) for image in together])
        self.channels = together[0].shape[0]
        self.sizes = tuple((int(image.shape[-2]), int(image.shape[-1])) for image in together)


class CropSampler:
    """Draws the same crops from materials of the same sizes (source, target, mask).

    All positions are drawn beforehand from one seed and lie on the device: the same seed gives the same crops whatever
    else happens, and a step asks the host for nothing. Pixels beyond the border are those mirrored in it.

    Parameters
    ----------
    materials
        All with the same number of images and the same sizes; channels may differ.
    crops
        Number and size.
    margin
        Pixels that a crop may reach beyond the border. With what a network without padding cuts off, border pixels are
        trained on as often as others.
    steps, seed
        Of the training.
    """

    def __init__(self, materials: tuple[Material, ...], crops: Crops, margin: int, steps: int, seed: int) -> None:
        self._size = crops.size
        self._materials = materials
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.rand(steps, crops.count, 3, generator=generator, dtype=torch.float64)
        self._tables = _tables(drawn, materials, crops.size, margin)

    def at(self, index: Tensor) -> tuple[Tensor, ...]:
        """Crops of every material at step ``index``, a tensor of one whole number: ``(crop, channel, size, size)``."""
        size = self._size
        row = self._tables.index_select(0, index)[0]  # (crop, size + size + channels)
        within = row[:, :size, None] + row[:, None, size : 2 * size]
        found, start = [], 2 * size
        for material in self._materials:
            bases = row[:, start : start + material.channels]
            start += material.channels
            places = bases[:, :, None, None] + within[:, None]
            found.append(material.flat.index_select(0, places.view(-1)).view(places.shape))
        return tuple(found)


def _tables(drawn: Tensor, materials: tuple[Material, ...], size: int, margin: int) -> Tensor:
    """For each step and crop: where its rows begin, its columns, and where the channels of each material begin."""
    heights, widths = torch.tensor(materials[0].sizes).unbind(1)
    positions = torch.stack([_places(heights, size, margin), _places(widths, size, margin)])
    shares = positions.prod(0).cumsum(0).double()
    image = torch.searchsorted(shares / shares[-1], drawn[..., 0].contiguous(), right=True)  # (step, crop)
    top, left = ((drawn[..., 1 + axis] * positions[axis][image]).long() - margin for axis in (0, 1))
    line = torch.arange(size)
    rows = reflected(top[..., None] + line, heights[image][..., None]) * widths[image][..., None]
    columns = reflected(left[..., None] + line, widths[image][..., None])
    area = heights * widths
    before = area.cumsum(0) - area
    bases = [
        (before[image] * m.channels)[..., None] + area[image][..., None] * torch.arange(m.channels) for m in materials
    ]
    return torch.cat([rows, columns, *bases], -1).to(materials[0].flat.device)


def _places(sides: Tensor, size: int, margin: int) -> Tensor:
    """How many places a crop has along a side; at least one, in images smaller than a crop."""
    return (sides + 2 * margin - size + 1).clamp_min(1)
