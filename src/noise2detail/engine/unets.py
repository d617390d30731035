"""U-Nets of Neighbor2Neighbor: the one of its authors, and the one of an adaptation to single images."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from noise2detail.numerics.padding import pad_to_multiple

SLOPE = 0.2
"""Of the leaky rectifiers."""


class NoiseUNet(nn.Module):
    """U-Net without normalisation whose last skip is the image itself: 1,256,689 parameters for one channel.

    Parameters
    ----------
    channels
        Of an image.
    width
        Channels on the way down; on the way up there are twice as many.
    depth
        Halvings of the resolution.
    gain
        Initial weights in units of those of He et al., 2015.

    Source
    ------
    Lehtinen et al., "Noise2Noise", ICML 2018, with the transposed convolutions (and their biases) of Huang, Li, Jia,
    Lu & Liu, "Neighbor2Neighbor", CVPR 2021, whose initial gain is 0.1.
    """

    def __init__(self, channels: int, width: int = 48, depth: int = 5, gain: float = 0.1) -> None:
        super().__init__()
        up = 2 * width
        self.first = _row([channels, width, width])
        self.down = nn.ModuleList(_row([width, width]) for _ in range(depth))
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(inner, inner, 2, stride=2) for inner in [up] * (depth - 1) + [width]
        )
        skips = [channels] + [width] * (depth - 1)
        inner = [up] * (depth - 1) + [width]
        self.up = nn.ModuleList(_row([own + skip, up, up]) for own, skip in zip(inner, skips, strict=True))
        self.last = nn.Sequential(_row([up, up, up], kernel=1), nn.Conv2d(up, channels, 1))
        self.multiple = 2**depth
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                _begin(layer, gain)

    def forward(self, image: Tensor) -> Tensor:
        """Image of the same size; inside it is reflected to a multiple of ``2**depth``."""
        y, x = image.shape[-2:]
        image = pad_to_multiple(image, self.multiple)
        skips, own = [image], self.first(image)
        for layers in self.down:
            own = nn.functional.max_pool2d(own, 2)
            skips.append(own)
            own = layers(own)
        skips.pop()  # the deepest has no skip
        for grow, layers in zip(reversed(self.grow), reversed(self.up), strict=True):
            own = layers(torch.cat([grow(own), skips.pop()], 1))
        result: Tensor = self.last(own)
        return result[..., :y, :x]


def noise_unet_reach(depth: int) -> int:
    """Pixels on each side that an output pixel of ``NoiseUNet`` depends on: the most over its places in a cell."""
    reach = 0
    for place in range(2**depth):
        low, high = _read_by_up(place, place, 0, depth)
        reach = max(reach, place - low, high - place)
    return reach


def _read_by_up(low: int, high: int, level: int, depth: int) -> tuple[int, int]:
    """Image pixels that an interval of the way up depends on, at ``level`` halvings."""
    if level == depth:
        return _read_by_down(low - 1, high + 1, level)
    low, high = low - 2, high + 2
    skip = _read_by_down(low, high, level)
    deep = _read_by_up(low // 2, high // 2, level + 1, depth)
    return min(skip[0], deep[0]), max(skip[1], deep[1])


def _read_by_down(low: int, high: int, level: int) -> tuple[int, int]:
    """Image pixels that an interval of what was pooled ``level`` times depends on."""
    if level == 0:
        return low, high
    convolutions = 2 if level == 1 else 1
    return _read_by_down(2 * low - convolutions, 2 * high + 1 + convolutions, level - 1)


class NormalisedUNet(nn.Module):
    """U-Net with batch normalisation and a sigmoid: 7,762,465 parameters for one channel at width 32.

    Images are always normalised by their own statistics, also where the network is applied.

    Parameters
    ----------
    channels
        Of an image.
    width
        Channels at full resolution; they double with each of the four halvings.

    Source
    ------
    Ronneberger, Fischer & Brox, "U-Net", MICCAI 2015, with batch normalisation after every 3x3 convolution, as used for
    the Neighbor2Neighbor baseline of Chobola et al., "Noise2Detail", MICCAI 2025.
    """

    def __init__(self, channels: int, width: int = 32, depth: int = 4) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(_normalised(a, b) for a, b in pairwise([channels, *widths]))
        pairs = list(pairwise(widths))
        self.grow = nn.ModuleList(nn.ConvTranspose2d(deep, own, 2, stride=2) for own, deep in pairs)
        self.up = nn.ModuleList(_normalised(2 * own, own) for own, _ in pairs)
        self.last = nn.Conv2d(width, channels, 1)
        self.multiple = 2 ** (depth + 1)  # statistics need more than one pixel at the bottom

    def forward(self, image: Tensor) -> Tensor:
        """Image of the same size with values between 0 and 1."""
        y, x = image.shape[-2:]
        own = self.down[0](pad_to_multiple(image, self.multiple))
        skips: list[Tensor] = []
        for layers in list(self.down)[1:]:
            skips.append(own)
            own = layers(nn.functional.max_pool2d(own, 2))
        for grow, layers in zip(reversed(self.grow), reversed(self.up), strict=True):
            own = layers(torch.cat([grow(own), skips.pop()], 1))
        return torch.sigmoid(self.last(own).float())[..., :y, :x]


def _row(widths: list[int], kernel: int = 3) -> nn.Sequential:
    """Convolutions with leaky rectifiers."""
    layers: list[nn.Module] = []
    for given, wanted in pairwise(widths):
        layers += [nn.Conv2d(given, wanted, kernel, padding=kernel // 2), nn.LeakyReLU(SLOPE, inplace=True)]
    return nn.Sequential(*layers)


def _normalised(given: int, wanted: int) -> nn.Sequential:
    """Two convolutions, each normalised and rectified."""
    layers: list[nn.Module] = []
    for channels in (given, wanted):
        layers += [
            nn.Conv2d(channels, wanted, 3, padding=1, bias=False),
            nn.BatchNorm2d(wanted, track_running_stats=False),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def _begin(layer: nn.Conv2d | nn.ConvTranspose2d, gain: float) -> None:
    """Initial weights; of a transposed 2x2 convolution with stride 2 each output pixel reads one input pixel."""
    inputs = layer.weight.shape[0] if isinstance(layer, nn.ConvTranspose2d) else layer.weight[0].numel()
    nn.init.normal_(layer.weight, std=gain * (2 / inputs) ** 0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
