"""The network of the paper, and the two ways in which its output is read."""

from collections.abc import Sequence
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

    Parameters
    ----------
    channels
        Of an image.
    width
        Hidden channels.
    copies
        Independent networks side by side, each for its own ``channels`` among ``copies * channels``: small networks
        fill a large GPU only together.

    Source
    ------
    Mansour & Heckel, CVPR 2023, Sec. 3; Chobola et al., MICCAI 2025, Sec. 3.2. PyTorch's own initialisation.
    """

    def __init__(self, channels: int, width: int, copies: int = 1) -> None:
        super().__init__()
        self.copies = copies
        self.layers = nn.Sequential(
            nn.Conv2d(copies * channels, copies * width, 3, padding=1, groups=copies),
            nn.LeakyReLU(NEGATIVE_SLOPE),
            nn.Conv2d(copies * width, copies * width, 3, padding=1, groups=copies),
            nn.LeakyReLU(NEGATIVE_SLOPE),
            nn.Conv2d(copies * width, copies * channels, 1, groups=copies),
        )

    @property
    def convolutions(self) -> tuple[nn.Conv2d, nn.Conv2d, nn.Conv2d]:
        """The three of them, in order."""
        first, second, last = (layer for layer in self.layers if isinstance(layer, nn.Conv2d))
        return first, second, last

    @property
    def hidden(self) -> nn.Conv2d:
        """The convolution from hidden to hidden channels, which holds nearly all parameters."""
        return self.convolutions[1]

    def forward(self, image: Tensor, border: Border = "zeros") -> Tensor:
        """Output of the last layer; with ``valid`` it is smaller by ``REACH`` on every side."""
        if border == "reflect":
            image = pad_reflect(image, REACH)
        padding = 1 if border == "zeros" else 0
        first, second, last = self.convolutions
        groups = self.copies
        hidden = F.conv2d(image, first.weight, first.bias, padding=padding, groups=groups)
        hidden = F.leaky_relu(hidden, NEGATIVE_SLOPE, inplace=True)
        hidden = F.conv2d(hidden, second.weight, second.bias, padding=padding, groups=groups)
        hidden = F.leaky_relu(hidden, NEGATIVE_SLOPE, inplace=True)
        return F.conv2d(hidden, last.weight, last.bias, groups=groups)


def new_network(channels: int, width: int, seed: int, device: torch.device, copies: int = 1) -> ThreeLayerNet:
    """Freshly initialised network in channels-last layout; the global random state is left as it was.

    Every copy begins with the same weights, those that a single network of this seed begins with.
    """
    return side_by_side([_unmoved(channels, width, 1, seed)] * copies, device)


def side_by_side(nets: Sequence[ThreeLayerNet], device: torch.device) -> ThreeLayerNet:
    """Networks of the same form as copies in one."""
    first = nets[0].convolutions[0]
    together = _unmoved(first.in_channels, first.out_channels, len(nets))
    states = [net.state_dict() for net in nets]
    together.load_state_dict({name: torch.cat([state[name] for state in states]) for name in states[0]})
    return in_fast_layout(together, device)


def taken_apart(net: ThreeLayerNet) -> tuple[ThreeLayerNet, ...]:
    """Each copy as a network of its own, on the same device."""
    first, copies = net.convolutions[0], net.copies
    parts = {name: value.chunk(copies) for name, value in net.state_dict().items()}
    apart = []
    for number in range(copies):
        one = _unmoved(first.in_channels // copies, first.out_channels // copies)
        one.load_state_dict({name: value[number] for name, value in parts.items()})
        apart.append(in_fast_layout(one, first.weight.device))
    return tuple(apart)


def _unmoved(channels: int, width: int, copies: int = 1, seed: int = 0) -> ThreeLayerNet:
    """Freshly initialised network; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ThreeLayerNet(channels, width, copies)


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
