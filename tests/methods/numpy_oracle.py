"""Both losses of Noise2Detail, their gradients and Adam, written in NumPy from the paper alone, in float64.

Nothing here is shared with the package: convolutions are sums over shifts, gradients are derived by hand. With y the
target, x the source, D1 and D2 the pair downsamplers and h the denoiser (x - f(x) in stage 1, f(x) in stage 3):

    p_i = h(D_i x)    z = h(x)
    L   = 1/2 [ mse(p_2, D1 y) + mse(p_1, D2 y) ] + 1/2 [ mse(p_1, D_a z) + mse(p_2, D_b z) ]

where (a, b) = (1, 2) as in the authors' program, or (2, 1) as printed.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = dict[str, Array]

SLOPE = 0.2
KERNELS = (np.array([[0.5, 0.0], [0.0, 0.5]]), np.array([[0.0, 0.5], [0.5, 0.0]]))


def downsample(image: Array, kernel: Array) -> Array:
    """Convolution with a 2x2 kernel and stride 2, without padding; ``image`` is ``(batch, channel, y, x)``."""
    rows, columns = image.shape[2] // 2, image.shape[3] // 2
    result = np.zeros((*image.shape[:2], rows, columns))
    for row in range(rows):
        for column in range(columns):
            cell = image[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            result[:, :, row, column] = (cell * kernel).sum((2, 3))
    return result


def spread(gradient: Array, kernel: Array, shape: tuple[int, ...]) -> Array:
    """Adjoint of ``downsample``: what each pixel of an image of ``shape`` contributed."""
    result = np.zeros(shape)
    for row in range(gradient.shape[2]):
        for column in range(gradient.shape[3]):
            part = gradient[:, :, row, column][:, :, None, None] * kernel
            result[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] += part
    return result


def convolve(image: Array, weight: Array, bias: Array) -> Array:
    """Cross-correlation with zeros around the image, as large as the image; ``weight`` is ``(out, in, k, k)``."""
    k = weight.shape[2]
    margin = k // 2
    padded = np.pad(image, ((0, 0), (0, 0), (margin, margin), (margin, margin)))
    y, x = image.shape[2:]
    result = np.zeros((len(image), len(weight), y, x)) + bias[None, :, None, None]
    for dy in range(k):
        for dx in range(k):
            result += np.einsum("bcyx,oc->boyx", padded[:, :, dy : dy + y, dx : dx + x], weight[:, :, dy, dx])
    return result


def convolve_back(gradient: Array, image: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Gradients of ``convolve`` with respect to image, weight and bias."""
    k = weight.shape[2]
    margin = k // 2
    y, x = image.shape[2:]
    padded = np.pad(image, ((0, 0), (0, 0), (margin, margin), (margin, margin)))
    to_padded, to_weight = np.zeros_like(padded), np.zeros_like(weight)
    for dy in range(k):
        for dx in range(k):
            window = (slice(None), slice(None), slice(dy, dy + y), slice(dx, dx + x))
            to_weight[:, :, dy, dx] = np.einsum("boyx,bcyx->oc", gradient, padded[window])
            to_padded[window] += np.einsum("boyx,oc->bcyx", gradient, weight[:, :, dy, dx])
    return to_padded[:, :, margin : margin + y, margin : margin + x], to_weight, gradient.sum((0, 2, 3))


def forward(image: Array, weights: Weights) -> tuple[Array, list[Array]]:
    """Output of the network, and what the way back needs: the input of every convolution."""
    inputs = [image]
    for layer in ("0", "2"):
        before = convolve(inputs[-1], weights[f"{layer}.weight"], weights[f"{layer}.bias"])
        inputs.append(np.where(before > 0, before, SLOPE * before))
    return convolve(inputs[-1], weights["4.weight"], weights["4.bias"]), inputs


def backward(gradient: Array, inputs: list[Array], weights: Weights) -> Weights:
    """Gradient of every weight, given the gradient of the network's output."""
    found: Weights = {}
    for layer, image in zip(("4", "2", "0"), reversed(inputs), strict=True):
        weight = weights[f"{layer}.weight"]
        gradient, found[f"{layer}.weight"], found[f"{layer}.bias"] = convolve_back(gradient, image, weight)
        gradient = gradient * np.where(
            image > 0, 1.0, SLOPE
        )  # the rectifier keeps the sign, so its output tells the slope
    return found


def loss_and_gradient(
    weights: Weights, source: Array, target: Array, *, residual: bool, crossed: bool = False
) -> tuple[float, Weights]:
    """L, and its gradient with respect to every weight; images are ``(batch, channel, y, x)``."""
    views = [downsample(source, kernel) for kernel in KERNELS]
    goals = [downsample(target, kernel) for kernel in KERNELS]
    outputs = [forward(image, weights) for image in (*views, source)]
    p1, p2, z = (
        image - output if residual else output
        for image, (output, _) in zip((*views, source), outputs, strict=True)
    )  # fmt: skip
    first, second = reversed(KERNELS) if crossed else KERNELS
    r1, r2 = p1 - goals[1], p2 - goals[0]
    c1, c2 = p1 - downsample(z, first), p2 - downsample(z, second)
    n = p1.size
    loss = float(sum((term**2).sum() for term in (r1, r2, c1, c2)) / (2 * n))
    towards = ((r1 + c1) / n, (r2 + c2) / n, -(spread(c1, first, z.shape) + spread(c2, second, z.shape)) / n)
    sign = -1.0 if residual else 1.0
    parts = [backward(sign * g, inputs, weights) for g, (_, inputs) in zip(towards, outputs, strict=True)]
    return loss, {name: sum((part[name] for part in parts), np.zeros_like(w)) for name, w in weights.items()}


@dataclass
class Adam:
    """Kingma & Ba, ICLR 2015, Algorithm 1."""

    moments: dict[str, Any] = field(default_factory=dict)
    time: int = 0

    def update(self, weights: Weights, gradient: Weights, rate: float) -> None:
        """Change ``weights`` in place."""
        self.time += 1
        for name, g in gradient.items():
            m, v = self.moments.get(name, (np.zeros_like(g), np.zeros_like(g)))
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            self.moments[name] = m, v
            weights[name] -= rate * (m / (1 - 0.9**self.time)) / (np.sqrt(v / (1 - 0.999**self.time)) + 1e-8)
