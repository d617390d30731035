"""The network of the paper, and the two ways in which its output is read."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float32
from torch import Tensor, nn

from noise2detail.numerics.padding import pad_reflect
from noise2detail.types import Batch

Form = Literal["residual", "direct"]
"""``residual``: the network predicts the noise, ``x - f(x)`` is the image; ``direct``: it predicts the image."""

Border = Literal["zeros", "reflect", "valid"]
"""``zeros``: every layer pads with zeros; ``reflect``: the image is reflected once; ``valid``: nothing is padded."""

REACH = 2
"""Pixels on each side that an output pixel of ``ThreeLayerNet`` depends on."""

NEGATIVE_SLOPE = 0.2


class ThreeLayerNet(nn.Module):
    """Convolution 3x3, 3x3, 1x1 with leaky rectifiers between: about 21,000 parameters at width 48.

    Source
    ------
    Mansour & Heckel, CVPR 2023, Sec. 3; Chobola et al., MICCAI 2025, Sec. 3.2. PyTorch's own initialisation.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.LeakyReLU(NEGATIVE_SLOPE),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(NEGATIVE_SLOPE),
            nn.Conv2d(width, channels, 1),
        )

    def forward(self, image: Tensor, border: Border = "zeros") -> Tensor:
        """Output of the last layer; with ``valid`` it is smaller by ``REACH`` on every side."""
        if border == "reflect":
            image = pad_reflect(image, REACH)
        padding = 1 if border == "zeros" else 0
        first, second, last = (layer for layer in self.layers if isinstance(layer, nn.Conv2d))
        hidden = F.leaky_relu(F.conv2d(image, first.weight, first.bias, padding=padding), NEGATIVE_SLOPE, inplace=True)
        hidden = F.leaky_relu(
            F.conv2d(hidden, second.weight, second.bias, padding=padding), NEGATIVE_SLOPE, inplace=True
        )
        return F.conv2d(hidden, last.weight, last.bias)


def new_network(channels: int, width: int, seed: int, device: torch.device) -> ThreeLayerNet:
    """Freshly initialised network in channels-last layout; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = ThreeLayerNet(channels, width)
    return in_fast_layout(net, device)


def in_fast_layout(net: ThreeLayerNet, device: torch.device) -> ThreeLayerNet:
    """The network on a device, its weights in channels-last layout: hidden layers take it over from them."""
    moved: ThreeLayerNet = net.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved


def predict(net: ThreeLayerNet, image: Batch, form: Form, border: Border) -> Float32[Tensor, "batch channel Y X"]:
    """Denoised image, float32 whatever the precision of the convolutions; smaller where ``border`` is ``valid``."""
    output: Batch = net(image, border).float()
    if form == "direct":
        return output
    if border == "valid":
        image = image[..., REACH:-REACH, REACH:-REACH]
    return image - output
