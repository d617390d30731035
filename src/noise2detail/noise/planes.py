"""What one plane of a stack has in common with the next one: noise, and structure."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from noise2detail.noise.blocks import BLOCK, FINE, ROUGH
from noise2detail.noise.clipping import Values
from noise2detail.noise.colour import power_spectrum

SHARE = 0.2
"""Of all blocks, the flattest of both planes: these are compared."""

FEWEST = 16
"""Blocks that are needed."""

COARSE = 1 / 64
"""Cycles per pixel below which structure has no say in how far planes resemble each other."""

TOP = 0.4
"""Cycles per pixel from which an image holds next to nothing but noise."""

CLEAR = 4.0
"""Standard errors from which what two planes share is no chance."""

_row, _column = np.mgrid[:BLOCK, :BLOCK]
_COSINES = np.cos(np.pi / BLOCK * _row * (_column + 0.5)) * np.sqrt(np.where(_row == 0, 1, 2) / BLOCK)


@dataclass(frozen=True)
class Sharing:
    """Correlation of the noise of a plane with that of the next one."""

    correlation: float
    error: float
    """Standard error."""


def shared_noise(first: Tensor, second: Tensor, mask: Tensor | None = None) -> Sharing | None:
    """How much of their noise two planes share; None if there are too few blocks.

    Parameters
    ----------
    first, second
        ``(y, x)``, with the same noise everywhere: as ``stabilise`` makes it.
    mask
        Of the same shape: True where both are data.

    The high frequencies of blocks are compared that are flat in both planes: they hold next to nothing of structure,
    which neighbouring planes do share.
    """
    inside = None if mask is None else _cut(mask.detach().cpu().numpy().astype(np.float64)).min((1, 2)).astype(np.bool_)
    planes = [_cut(plane.detach().cpu().double().numpy()) for plane in (first, second)]
    own = [_COSINES @ blocks @ _COSINES.T for blocks in planes]
    fine = [values[:, FINE] for values in own]
    chosen: NDArray[np.bool_] = np.all([(values != 0).any(1) for values in fine], 0)
    if inside is not None:
        chosen &= inside
    places = np.flatnonzero(chosen)
    if len(places) < FEWEST:
        return None
    rough = sum((values[:, ROUGH][places] ** 2).mean(1) for values in own)
    flat = places[np.argsort(rough, kind="stable")[: max(FEWEST, math.ceil(SHARE * len(places)))]]
    products = (fine[0][flat] * fine[1][flat]).sum(1)
    strength = math.sqrt(float((fine[0][flat] ** 2).sum()) * float((fine[1][flat] ** 2).sum()))
    error = math.sqrt(float(products.var(ddof=1)) * len(flat)) / strength
    return Sharing(float(products.sum()) / strength, error)


def _cut(plane: Values) -> Values:
    """Blocks side by side, ``(n, BLOCK, BLOCK)``."""
    rows, columns = (size // BLOCK for size in plane.shape)
    inside = plane[: rows * BLOCK, : columns * BLOCK]
    return inside.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2).reshape(-1, BLOCK, BLOCK)


@dataclass(frozen=True)
class Resemblance:
    """How far the structure of two planes is the same."""

    shared: float
    """Power of what both hold, per pixel; noise that is not shared has none."""
    first: float
    """Power of the structure of the first plane."""
    second: float
    error: float
    """Standard error of ``shared``."""

    @property
    def correlation(self) -> float:
        """From 0 to 1; 0 where what both hold may be chance."""
        if self.shared < CLEAR * self.error or self.shared <= 0:
            return 0.0
        # structure that no single plane shows above its noise is at least what both share
        return self.shared / math.sqrt(max(self.first, self.shared) * max(self.second, self.shared))


def resemblance(first: Tensor, second: Tensor, autocorrelation: Values) -> Resemblance:
    """What two planes have in common above the power of their noise, their coarsest parts left out.

    Parameters
    ----------
    first, second
        ``(y, x)``, with noise of variance 1 or less that is their own: as ``stabilise`` makes it.
    autocorrelation
        Of the noise within a plane, ``(lag_y, lag_x)``, sides odd.

    How bright a plane is and how it is shaded says nothing of whether its neighbour helps to see detail, so that
    frequencies below ``COARSE`` have no say. Where noise was cut off it is weaker than 1; the highest frequencies tell
    how strong it is at most.
    """
    from scipy.fft import dctn

    y, x = first.shape
    noise = power_spectrum(torch.from_numpy(autocorrelation).double(), 2 * y, 2 * x)[:y, :x].numpy()
    rows, columns = (np.arange(size) / (2 * size) for size in (y, x))
    frequency = np.hypot(rows[:, None], columns)
    kept, top = frequency >= COARSE, frequency >= TOP
    own = [dctn(plane.detach().cpu().double().numpy(), norm="ortho") for plane in (first, second)]
    powers = [float((one[kept] ** 2).mean() - _strength(one, noise, top) * noise[kept].mean()) for one in own]
    products = own[0][kept] * own[1][kept]
    return Resemblance(float(products.mean()), powers[0], powers[1], float(products.std()) / math.sqrt(products.size))


def _strength(spectrum: Values, noise: Values, top: NDArray[np.bool_]) -> float:
    """Variance of the noise in a plane, 1 at most."""
    return min(1.0, float((spectrum[top] ** 2).mean() / noise[top].mean()))
