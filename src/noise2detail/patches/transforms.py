"""Small transforms as matrices: of patches (two-dimensional) and of stacks of patches."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Transform = Literal["dct", "bior1.5"]
"""Two-dimensional transform of a patch."""

_BIOR15 = (3.0, -3.0, -22.0, 22.0, 128.0, 128.0, 22.0, -22.0, -3.0, 3.0)
"""Low-pass analysis filter of bior1.5 times 256 / sqrt(2); the high-pass one is that of Haar."""


def dct_matrix(side: int) -> Tensor:
    """Orthonormal cosine transform (type II) of so many samples, lowest frequency first, float64."""
    sample = torch.arange(side, dtype=torch.float64)
    waves = torch.cos(math.pi / side * sample[:, None] * (sample + 0.5)) * math.sqrt(2 / side)
    waves[0] /= math.sqrt(2)
    return waves


def haar_matrix(count: int) -> Tensor:
    """Orthonormal Haar transform of a power of two of samples, the mean first, float64."""
    matrix = torch.ones(1, 1, dtype=torch.float64)
    while len(matrix) < count:
        coarse = torch.kron(matrix, matrix.new_ones(1, 2))
        fine = torch.kron(torch.eye(len(matrix), dtype=torch.float64), matrix.new_tensor([[1.0, -1.0]]))
        matrix = torch.cat([coarse, fine]) / math.sqrt(2)
    return matrix


def biorthogonal_matrix(side: int) -> Tensor:
    """Wavelet transform bior1.5 of a power of two of samples, down to one mean, rows of unit length, float64.

    The samples are continued periodically. Rows of unit length give every coefficient of white noise its variance.

    Source
    ------
    Cohen, Daubechies & Feauveau, "Biorthogonal bases of compactly supported wavelets", CPAM 1992: spline wavelets.
    """
    matrix = torch.eye(side, dtype=torch.float64)
    length = side
    while length > 1:
        low, high = torch.zeros(2, length // 2, length, dtype=torch.float64)
        for row in range(length // 2):
            for tap, weight in enumerate(_BIOR15):
                low[row, (2 * row + tap - 4) % length] += weight * math.sqrt(2) / 256
            high[row, 2 * row] = math.sqrt(0.5)
            high[row, 2 * row + 1] = -math.sqrt(0.5)
        matrix[:length] = torch.cat([low, high]) @ matrix[:length]
        length //= 2
    return F.normalize(matrix)


def patch_matrix(transform: Transform, side: int) -> Tensor:
    """Square matrix that transforms a patch written row by row, both directions alike, float64."""
    line = dct_matrix(side) if transform == "dct" else biorthogonal_matrix(side)
    return torch.kron(line, line)


def kaiser(side: int, beta: float) -> Tensor:
    """Kaiser window of a patch, ``(side, side)``, float64."""
    line = torch.kaiser_window(side, periodic=False, beta=beta, dtype=torch.float64)
    return line[:, None] * line
