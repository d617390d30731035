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
        The network; what it draws for its weights is not missed by whoever draws next.
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

    # small and real: shapes alone, on the device "meta", would import a compiler for a whole second
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        net = build()
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                layer.register_forward_hook(count)
        net(torch.zeros(1, channels, _SIDE, _SIDE))
    return operations / _SIDE**2 / STEP_OPERATIONS
