"""The hourglass network with narrow skip connections whose structure alone is the prior of Deep Image Prior."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from noise2detail.errors import SettingError
from noise2detail.numerics.padding import pad_reflect

NEGATIVE_SLOPE = 0.2

Edge = Literal["reflect", "zeros"]
"""What every 3x3 convolution finds beyond the border."""


class SkipNet(nn.Module):
    """Convolutions that halve the image scale by scale and bilinear interpolation that doubles it again.

    Every scale: convolution 3x3 of stride 2, convolution 3x3; what comes back from below is enlarged, set beside a few
    channels of a 1x1 convolution of the scale's input, normalised, and read by a 3x3 and a 1x1 convolution. Every
    convolution but the last is followed by batch normalisation, always with the statistics of what it is given, and a
    leaky rectifier. The last layer is a 1x1 convolution and a sigmoid.

    Parameters
    ----------
    inputs, outputs
        Channels.
    widths
        Channels of each scale, the finest first.
    skips
        Channels of each scale's skip connection, as many numbers; 0: it has none.
    edge
        Padding.

    Raises
    ------
    SettingError
        No scale, or not as many skip connections as scales.

    Source
    ------
    Ulyanov, Vedaldi & Lempitsky, "Deep Image Prior", CVPR 2018, supplementary material, Fig. 21 and Sec. "Details".
    """

    def __init__(
        self, inputs: int, outputs: int, widths: Sequence[int], skips: Sequence[int], edge: Edge = "reflect"
    ) -> None:
        super().__init__()
        if not widths or len(widths) != len(skips):
            raise SettingError(
                f"a skip network was given {len(widths)} scales and {len(skips)} skip connections; expected as many of "
                "the one as of the other, and at least one"
            )
        self.scale = _Scale(inputs, tuple(widths), tuple(skips), edge)
        self.last = nn.Conv2d(widths[0], outputs, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Values between 0 and 1; the sides of ``image`` must be multiples of ``smallest_side(scales) / 2``."""
        output: Tensor = torch.sigmoid(self.last(self.scale(image)))
        return output


def smallest_side(scales: int) -> int:
    """Side of the smallest image for ``scales`` scales: the coarsest has two pixels, as many as statistics need."""
    return 2 << scales


class _Scale(nn.Module):
    """One scale and, inside, all coarser ones."""

    def __init__(self, inputs: int, widths: tuple[int, ...], skips: tuple[int, ...], edge: Edge) -> None:
        super().__init__()
        width, skip = widths[0], skips[0]
        self.down = nn.Sequential(*_block(inputs, width, 3, 2, edge), *_block(width, width, 3, 1, edge))
        self.coarser = _Scale(width, widths[1:], skips[1:], edge) if len(widths) > 1 else nn.Identity()
        self.skip = nn.Sequential(*_block(inputs, skip, 1, 1, edge)) if skip else None
        below = (widths[1] if len(widths) > 1 else width) + skip
        self.up = nn.Sequential(
            _normalisation(below), *_block(below, width, 3, 1, edge), *_block(width, width, 1, 1, edge)
        )

    def forward(self, image: Tensor) -> Tensor:
        deep: Tensor = self.coarser(self.down(image))
        deep = F.interpolate(deep, scale_factor=2, mode="bilinear", align_corners=False)
        if self.skip is not None:
            deep = torch.cat([self.skip(image), deep], 1)
        output: Tensor = self.up(deep)
        return output


class _ReflectedConv2d(nn.Conv2d):
    """Convolution of an image that is reflected by one pixel, or repeated where it is one pixel wide."""

    def forward(self, image: Tensor) -> Tensor:
        return super().forward(pad_reflect(image, 1))


def _block(inputs: int, outputs: int, side: int, stride: int, edge: Edge) -> list[nn.Module]:
    if side == 1 or edge == "zeros":
        convolution = nn.Conv2d(inputs, outputs, side, stride, padding=side // 2)
    else:
        convolution = _ReflectedConv2d(inputs, outputs, side, stride)
    return [convolution, _normalisation(outputs), nn.LeakyReLU(NEGATIVE_SLOPE, inplace=True)]


def _normalisation(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, track_running_stats=False)
