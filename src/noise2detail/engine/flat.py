"""All parameters of a network as one vector, and their gradients as another: an optimiser then is a few operations."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class FlatParameters:
    """The parameters of a network, moved into one vector of which they stay views.

    Parameters
    ----------
    net
        Its parameters keep their identity and values, and whether its convolutions have their channels last in
        memory; their gradients are views as well, so a backward pass adds to ``gradient``.
    last
        Parameters that stand at the end of the vector, in this order; the others come before, in that of the network.
    """

    values: Tensor
    """``(parameter,)``."""
    gradient: Tensor
    """Same shape."""

    def __init__(self, net: nn.Module, last: Sequence[Tensor] = ()) -> None:
        named = {id(parameter) for parameter in last}
        self._parameters: list[Tensor] = [p for p in net.parameters() if id(p) not in named]
        self._parameters += last
        count = sum(p.numel() for p in self._parameters)
        self.values = self._parameters[0].detach().new_empty(count)
        self.gradient = torch.zeros_like(self.values)
        # of a 1x1 convolution alone one cannot tell
        channels_last = any(p.ndim == 4 and not p.is_contiguous() for p in self._parameters)
        start = 0
        for parameter in self._parameters:
            stop = start + parameter.numel()
            value, gradient = (_shaped(v[start:stop], parameter, channels_last) for v in (self.values, self.gradient))
            value.copy_(parameter.detach())
            parameter.data, parameter.grad = value, gradient
            start = stop

    def start_of(self, parameter: Tensor) -> int:
        """Where in the vector a parameter begins."""
        before = [p is parameter for p in self._parameters].index(True)
        return sum(p.numel() for p in self._parameters[:before])


def _shaped(part: Tensor, parameter: Tensor, channels_last: bool) -> Tensor:
    """Part of the vector in the shape of the parameter; those of a convolution may have their channels last."""
    if parameter.ndim != 4 or not channels_last:
        return part.view(parameter.shape)
    out, inner, y, x = parameter.shape
    return part.view(out, y, x, inner).permute(0, 3, 1, 2)
