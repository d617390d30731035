"""Adam, and Muon for the hidden weights: a few operations on vectors, which run in a CUDA graph as they are.

``torch.optim`` would do for Adam, but importing it takes longer than denoising a small image, and its fused form takes
learning rates from the host at every step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from noise2detail.engine.flat import FlatParameters
from noise2detail.errors import check_setting

EPSILON = 1e-8
"""Of Adam, as published."""


@runtime_checkable
class Optimizer(Protocol):
    """Changes parameters by their gradients."""

    flat: FlatParameters

    def step(self, index: Tensor) -> None:
        """Take step ``index``, a tensor of one whole number counted from 0, which stays on the device."""


@dataclass(frozen=True)
class Adam:
    """Steps whose length hardly depends on the size of the gradient.

    Source
    ------
    Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015, Algorithm 1.
    """

    beta1: float = 0.9
    """Memory of the mean gradient."""
    beta2: float = 0.999
    """Memory of the mean square."""

    def __post_init__(self) -> None:
        for name in ("beta1", "beta2"):
            check_setting(name, getattr(self, name), lowest=0)

    def on(self, net: nn.Module, hidden: Tensor, copies: int, rates: Sequence[float]) -> Optimizer:
        """Optimiser of a network; every weight is treated alike, so ``hidden`` and ``copies`` do not matter."""
        del hidden, copies
        flat = FlatParameters(net)
        return _Adam(flat, slice(None), self, rates)


@dataclass(frozen=True)
class Muon:
    """Steps of equal length in every direction for the matrix of hidden weights; Adam for all other parameters.

    The momentum of a matrix is replaced by the nearest matrix with orthonormal rows, so directions whose gradients are
    small are learnt as fast as the others. On this problem it needs a quarter of the steps of Adam
    (``docs/explanation/speed.md``).

    Source
    ------
    Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024. Deviations: the iteration runs on
    the small Gram matrix, which is the same polynomial in exact arithmetic; no weight decay.
    """

    length: float = 6.0
    """Spectral norm of a step of the hidden weights, in learning rates."""
    momentum: float = 0.9
    """Memory of the mean gradient."""
    rest: Adam = Adam()
    """For the other parameters."""

    def __post_init__(self) -> None:
        for name in ("length", "momentum"):
            check_setting(name, getattr(self, name), lowest=0)

    def on(self, net: nn.Module, hidden: Tensor, copies: int, rates: Sequence[float]) -> Optimizer:
        """Optimiser of a network, or of ``copies`` networks side by side whose ``hidden`` weights are one parameter."""
        flat = FlatParameters(net, (hidden,))
        return _Muon(flat, hidden, copies, self, rates)


class _Adam:
    def __init__(self, flat: FlatParameters, part: slice, settings: Adam, rates: Sequence[float]) -> None:
        self.flat = flat
        self._values, self._gradient = flat.values[part], flat.gradient[part]
        self._mean, self._square = (torch.zeros_like(self._values) for _ in range(2))
        self._settings = settings
        b1, b2 = settings.beta1, settings.beta2
        table = [(rate / (1 - b1**t), 1 / math.sqrt(1 - b2**t)) for t, rate in enumerate(rates, 1)]
        self._table = torch.tensor(table, device=self._values.device).reshape(-1, 2)

    def step(self, index: Tensor) -> None:
        length, root = self._table.index_select(0, index).unbind(1)
        self._mean.lerp_(self._gradient, 1 - self._settings.beta1)
        self._square.mul_(self._settings.beta2).addcmul_(self._gradient, self._gradient, value=1 - self._settings.beta2)
        size = self._square.sqrt().mul_(root).add_(EPSILON)
        self._values.sub_(torch.div(self._mean, size, out=size).mul_(length))


class _Muon:
    def __init__(
        self, flat: FlatParameters, hidden: Tensor, copies: int, settings: Muon, rates: Sequence[float]
    ) -> None:
        self.flat = flat
        start = flat.start_of(hidden)
        self._rest = _Adam(flat, slice(0, start), settings.rest, rates)
        rows = len(hidden) // copies
        # the vector holds the channels last; the order of a row's elements does not matter to a spectral norm
        self._values, self._gradient = (v[start:].view(copies, rows, -1) for v in (flat.values, flat.gradient))
        self._mean = torch.zeros_like(self._values)
        self._momentum = settings.momentum
        self._lengths = torch.tensor([settings.length * rate for rate in rates], device=self._values.device)

    def step(self, index: Tensor) -> None:
        self._rest.step(index)
        self._mean.lerp_(self._gradient, 1 - self._momentum)
        ahead = self._gradient.lerp(self._mean, self._momentum)
        self._values.sub_(nearest_orthonormal(ahead).mul_(self._lengths.index_select(0, index)))


QUINTIC = (3.4445, -4.7750, 2.0315)
"""Of the published iteration: singular values between 0.7 and 1.2 after five rounds, whatever they were."""

ROUNDS = 5


def nearest_orthonormal(matrices: Tensor) -> Tensor:
    """Matrices with the same singular vectors and singular values near 1.

    Parameters
    ----------
    matrices
        ``(matrix, row, column)`` with no more rows than columns; a matrix of zeros stays one.

    Source
    ------
    Newton-Schulz iteration of Jordan et al. 2024. It multiplies X by a polynomial of X Xᵀ again and again; here the
    polynomials are multiplied first, on the small side, and X once.
    """
    a, b, c = QUINTIC
    scaled = matrices / (matrices.square().sum((-2, -1), keepdim=True).sqrt() + 1e-30)
    gram = scaled @ scaled.mT
    product = torch.eye(gram.shape[-1], device=gram.device, dtype=gram.dtype).expand_as(gram)
    for left in reversed(range(ROUNDS)):
        # the factor of this round is a I + part, which commutes with every polynomial of the first Gram matrix
        part = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        product = torch.baddbmm(product, part, product, beta=a)
        if left:
            gram = torch.baddbmm(gram, part, gram, beta=a)
            gram = torch.baddbmm(gram, gram, part, beta=a)
    return torch.bmm(product, scaled)
