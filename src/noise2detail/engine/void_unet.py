"""The U-Net of Noise2Void, the changes that Noise2Void 2 makes to it, and how far any U-Net sees."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Layer = Literal["convolution", "pool", "blur_pool", "upsampling"]
"""``convolution`` is 3x3; the others change the size by two, ``upsampling`` by repeating pixels."""

DEPTH = 2
"""Times that the image is halved."""

CELL: int = 2**DEPTH
"""Pixels along a side that become one at the bottom: images are multiples of it."""


def reach(layers: Sequence[Layer], cell: int) -> int:
    """Pixels on each side that an output pixel depends on, for the worst place that it can have within a cell.

    Parameters
    ----------
    layers
        The longest way from input to output.
    cell
        Side of a cell in pixels.

    Examples
    --------
    An output pixel is computed from its own 2x2 cell alone; one at the cell's left end sees 1 to the right.

    >>> reach(["pool", "upsampling"], 2), reach(["convolution"], 1), reach(["pool", "convolution", "upsampling"], 2)
    (1, 1, 3)
    """
    farthest = 0
    for place in range(cell):
        first = last = place
        for layer in reversed(layers):
            if layer == "convolution":
                first, last = first - 1, last + 1
            elif layer == "upsampling":
                first, last = first // 2, last // 2
            else:
                more = layer == "blur_pool"
                first, last = 2 * first - more, 2 * last + 1 + more
        farthest = max(farthest, place - first, last - place)
    return farthest


def max_blur_pool(image: Tensor) -> Tensor:
    """Image of half the size: maxima of 2x2 pixels at every place, blurred, and every other one of them.

    The blur is [1, 2, 1] x [1, 2, 1] / 16, which is two means of 2x2 pixels, one after the other; the second takes the
    step of two. A result is centred on its cell and sees one pixel more on every side of it.

    Source
    ------
    Zhang, "Making convolutional networks shift-invariant again", ICML 2019; Höck et al. 2022, Sec. 3.1.
    """
    highest = F.pad(F.max_pool2d(image, 2, stride=1), (1, 1, 1, 1), mode="reflect")
    return F.avg_pool2d(F.avg_pool2d(highest, 2, stride=1), 2)


class VoidUNet(nn.Module):
    """U-Net of depth 2 with batch normalisation; 333,729 weights at width 32 for one channel.

    On every level two 3x3 convolutions, each with normalisation and rectifier; nearest upsampling; a linear 1x1
    convolution at the end. Zeros at the border.

    Parameters
    ----------
    channels
        Of an image; sides are multiples of ``CELL``, at least twice as much with ``blur_pool``.
    width
        Channels of the first level; each level below has twice as many.
    blur_pool
        ``max_blur_pool`` in place of the maximum of each cell: no checkerboard in the result.
    top_skip
        Hand the first level's features over to the last; without it what is noise to the eye has to pass the bottom.

    Source
    ------
    Krull et al., "Noise2Void", CVPR 2019, Sec. 4, and the network of its released code, of which it keeps the redundant
    biases ahead of the normalisation; Höck et al., "N2V2", ECCV workshops 2022, Sec. 3. Deviation: PyTorch's constants
    of the normalisation (momentum 0.1, so that a short training knows its mean; 1e-5).
    """

    def __init__(self, channels: int, width: int, blur_pool: bool = False, top_skip: bool = True) -> None:
        super().__init__()
        self.blur_pool, self.top_skip = blur_pool, top_skip
        sizes = [width * 2**level for level in range(DEPTH)]
        self.down = nn.ModuleList(
            _block(given, own, own) for given, own in zip([channels, *sizes], sizes, strict=False)
        )
        self.bottom = _block(sizes[-1], 2 * sizes[-1], sizes[-1])
        self.up = nn.ModuleList(
            _block(own * (1 + self._skips(level)), own, sizes[max(0, level - 1)]) for level, own in enumerate(sizes)
        )
        self.last = nn.Conv2d(width, channels, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def _skips(self, level: int) -> bool:
        return self.top_skip or level > 0

    @property
    def reach(self) -> int:
        """Pixels on each side that an output pixel depends on."""
        pair: list[Layer] = ["convolution", "convolution"]
        pool: list[Layer] = ["blur_pool" if self.blur_pool else "pool"]
        upsampling: list[Layer] = ["upsampling"]
        return reach((pair + pool) * DEPTH + pair + (upsampling + pair) * DEPTH, CELL)

    def forward(self, image: Tensor) -> Tensor:
        """Output of the last layer, in the size of the image."""
        skipped = []
        for block in self.down:
            image = block(image)
            skipped.append(image)
            image = max_blur_pool(image) if self.blur_pool else F.max_pool2d(image, 2)
        image = self.bottom(image)
        for level in reversed(range(DEPTH)):
            image = F.interpolate(image, scale_factor=2.0, mode="nearest")
            if self._skips(level):
                image = torch.cat([image, skipped[level]], 1)
            image = self.up[level](image)
        result: Tensor = self.last(image)
        return result


def _block(given: int, between: int, found: int) -> nn.Sequential:
    """Two convolutions."""
    pairs = ((given, between), (between, found))
    return nn.Sequential(
        *(
            layer
            for inner, outer in pairs
            for layer in (nn.Conv2d(inner, outer, 3, padding=1), nn.BatchNorm2d(outer), nn.ReLU(inplace=True))
        )
    )
