"""Networks without any change of resolution: a row of 3x3 convolutions. And what is done with any network."""

from copy import deepcopy

import torch
from torch import Tensor, nn

PLAIN_DEPTH = 8
"""3x3 convolutions of both networks, and so the pixels on each side that an output pixel depends on."""


class PlainNet(nn.Module):
    """Eight 3x3 convolutions with rectifiers and a 1x1 convolution: 259,201 parameters for one channel at width 64.

    What comes out are logits: the image is their sigmoid. The loss is more exact on them.

    Parameters
    ----------
    channels
        Of an image.
    width
        Hidden channels.

    Source
    ------
    Lequyer, Philip, Sharma, Hsu & Pelletier, "A fast blind zero-shot denoiser", Nature Machine Intelligence 2022.
    PyTorch's own initialisation.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(PLAIN_DEPTH):
            layers += [nn.Conv2d(width if number else channels, width, 3, padding=1), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, channels, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Logits of the same size."""
        output: Tensor = self.layers(image)
        return output


class DnCnn(nn.Module):
    """3x3 convolutions without bias, batch normalisation on all but the first and the last: it predicts the image.

    Parameters
    ----------
    channels
        Of an image.
    width
        Hidden channels.
    depth
        Convolutions, at least 2.

    Source
    ------
    Zhang, Zuo, Chen, Meng & Zhang, "Beyond a Gaussian denoiser", IEEE TIP 2017, without the residual connection and
    with the 8 layers of Batson & Royer, "Noise2Self", ICML 2019. PyTorch's own initialisation.
    """

    def __init__(self, channels: int, width: int, depth: int = PLAIN_DEPTH) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, channels, 3, padding=1, bias=False))

    def forward(self, image: Tensor) -> Tensor:
        """Image of the same size."""
        output: Tensor = self.layers(image)
        return output


def ready(net: nn.Module, device: torch.device) -> nn.Module:
    """The network on a device, its weights in channels-last layout, which processors and GPUs compute fastest in."""
    moved: nn.Module = net.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """Copy of all that a network holds, statistics included: later steps do not change it."""
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


class RunningNet:
    """The exponential mean of all that a network holds, statistics included, as a network of its own.

    The mean of weights that a high rate still moves about predicts better than any of them, and its error on held-out
    pixels rises where memorising begins rather than at every step that happens to be a bad one.

    Parameters
    ----------
    net
        Whose mean it is; not changed.
    memory
        Share of the mean that a step leaves in the long run, less in the first steps; 0 is the last weights.
    """

    def __init__(self, net: nn.Module, memory: float) -> None:
        self.net = deepcopy(net).eval().requires_grad_(False)
        self._memory = memory

    def update(self, step: int, net: nn.Module) -> None:
        """Take the weights after ``step``, counted from 1, into account."""
        weight = 1 - min(self._memory, step / (step + 9))
        with torch.no_grad():
            for mean, now in zip(self.net.state_dict().values(), net.state_dict().values(), strict=True):
                if mean.is_floating_point():
                    mean.lerp_(now, weight)
                else:
                    mean.copy_(now)


class BestNet:
    """What a network held when its error was least, statistics included; before any error is known, what it holds."""

    def __init__(self, net: nn.Module) -> None:
        self.weights, self._error = weights_of(net), float("inf")

    def offer(self, error: float, net: nn.Module) -> None:
        """Keep this network if its error is the least so far."""
        if error < self._error:
            self.weights, self._error = weights_of(net), error
