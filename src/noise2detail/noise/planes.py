"""Whether the noise of one plane of a stack is that of the next one too."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from noise2detail.noise.blocks import BLOCK, FINE, ROUGH
from noise2detail.noise.clipping import Values

SHARE = 0.2
"""Of all blocks, the flattest of both planes: these are compared."""

FEWEST = 16
"""Blocks that are needed."""

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
