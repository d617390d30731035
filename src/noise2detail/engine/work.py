"""Work of any convolutional network, in the unit of ``method.Cost``."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

STEP_OPERATIONS = 191_000.0
"""Floating-point operations of a training step of the three-layer network on a pixel: the unit."""

BACKWARD = 3.0
"""Operations of a training step for those of a pass: forward, and twice as many for both gradients."""

_SIDE = 64


def pass_work(build: Callable[[], nn.Module], channels: int) -> float:
    """Work of one pass over a pixel, where a training step of the three-layer network on it is 1.

    Parameters
    ----------
    build
        The network; called in a context where no memory is taken.
    channels
        Of its input.
    """
    operations = 0.0

    def count(layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal operations
        if isinstance(layer, nn.ConvTranspose2d):
            operations += 2 * given[0].numel() * layer.weight[0].numel()
        elif isinstance(layer, nn.Conv2d):
            operations += 2 * output.numel() * layer.weight[0].numel()

    with torch.device("meta"):
        net = build()
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                layer.register_forward_hook(count)
        with torch.no_grad():
            net(torch.empty(1, channels, _SIDE, _SIDE))
    return operations / _SIDE**2 / STEP_OPERATIONS
