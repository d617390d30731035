"""Partial convolutions, which know holes in an image, and the network with dropout that Self2Self builds of them."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NEGATIVE_SLOPE = 0.1

LEVELS = 5
"""Times that the network halves the image."""

MULTIPLE = 2**LEVELS
"""Of which the sides of an image must be multiples."""


class PartialConv2d(nn.Module):
    """Convolution 3x3 over the pixels that are there, made up for those that are not.

    What a window holds is weighted up by the share of its values that are there, so that a hole does not make it
    darker; a window without any gives 0 and is a hole itself. What lies beyond the border is not there.

    Parameters
    ----------
    inputs, outputs
        Channels.

    Source
    ------
    Liu et al., "Image Inpainting for Irregular Holes Using Partial Convolutions", ECCV 2018, Eq. 1 and 2, with a mask
    for every channel.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.windows = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.xavier_uniform_(self.windows.weight)

    def forward(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Result and its mask ``(batch, 1, y, x)``: 1 where a window holds anything.

        Parameters
        ----------
        image
            ``(batch, channel, y, x)``.
        mask
            Of each of its channels, or one for all: 1 where a value is there, 0 where not.
        """
        share = F.avg_pool2d(mask.mean(1, keepdim=True), 3, stride=1, padding=1)
        there = (share > 0).to(share.dtype)
        factor = there / (share + (1 - there))
        output = self.windows(image * mask) * factor
        return output + self.bias.view(1, -1, 1, 1) * there, there


class PartialUNet(nn.Module):
    """Partial convolutions on the way down, convolutions with dropout before each of them on the way up.

    Seven partial convolutions of ``width`` channels with five halvings (the largest of two by two) between; on the way
    up every scale is doubled, set beside what was there before the halving below, and read by two convolutions of twice
    the channels. The finest scale sees the image itself and ends in 4/3 and 2/3 of ``width``, and a sigmoid.

    Parameters
    ----------
    channels
        Of an image.
    width
        Channels on the way down.
    dropout
        Probability with which a value on the way up is set to 0, in training and afterwards.

    Source
    ------
    Quan, Chen, Pang & Ji, "Self2Self With Dropout: Learning Self-Supervised Denoising From Single Image", CVPR 2020,
    Sec. 3.2; initial weights and leaky rectifiers of 0.1 as in the authors' program. Deviations: windows are weighted
    by the share of values that are there, as the paper and Liu et al. have it, where the program divides by their
    number over all channels and so makes each layer weaker by the number of its inputs; the border is zeros (holes,
    on the way down), where the program mirrors pixels, of which a dropped one would be told its own value.
    """

    def __init__(self, channels: int, width: int = 48, dropout: float = 0.3, *, bounded: bool = True) -> None:
        super().__init__()
        self.dropout = dropout
        self.bounded = bounded
        self.first = PartialConv2d(channels, width)
        self.down = nn.ModuleList(PartialConv2d(width, width) for _ in range(LEVELS + 1))
        up: list[nn.Module] = []
        below = width
        for _ in range(LEVELS - 1):
            up += [_convolution(below + width, 2 * width), _convolution(2 * width, 2 * width)]
            below = 2 * width
        fine, finest = max(1, 4 * width // 3), max(1, 2 * width // 3)
        up += [_convolution(below + channels, fine), _convolution(fine, finest)]
        self.up = nn.ModuleList(up)
        self.last = _convolution(finest, channels, gain=1.0)

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """Values between 0 and 1.

        Parameters
        ----------
        image
            With sides that are multiples of ``MULTIPLE``.
        mask
            0 in the holes of each channel, or of all; 1 elsewhere; None: there are no holes.
        """
        mask = torch.ones_like(image[:, :1]) if mask is None else mask
        image = image * mask
        deep, mask = self._read(self.first, image, mask)
        kept = [image]
        for level, layer in enumerate(self.down):
            deep, mask = self._read(layer, deep, mask)
            if level < LEVELS:
                deep, mask = F.max_pool2d(deep, 2), F.max_pool2d(mask, 2)
                kept.append(deep)
        kept.pop()  # the coarsest has been read already, and nothing stands beside it
        return self._enlarged(deep, kept)

    def _enlarged(self, deep: Tensor, kept: list[Tensor]) -> Tensor:
        for first, second in zip(self.up[::2], self.up[1::2], strict=True):
            deep = torch.cat([F.interpolate(deep, scale_factor=2, mode="nearest"), kept.pop()], 1)
            deep = F.leaky_relu(first(self._dropped(deep)), NEGATIVE_SLOPE, inplace=True)
            deep = F.leaky_relu(second(self._dropped(deep)), NEGATIVE_SLOPE, inplace=True)
        result: Tensor = self.last(self._dropped(deep))
        return torch.sigmoid(result) if self.bounded else result

    def _dropped(self, values: Tensor) -> Tensor:
        return F.dropout(values, self.dropout, training=True) if self.dropout else values

    @staticmethod
    def _read(layer: nn.Module, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        found, mask = layer(image, mask)
        return F.leaky_relu(found, NEGATIVE_SLOPE, inplace=True), mask


def _convolution(inputs: int, outputs: int, gain: float = math.sqrt(2)) -> nn.Conv2d:
    """Convolution 3x3 whose normal weights keep the size of values, whose biases are 0."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(9 * inputs))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
