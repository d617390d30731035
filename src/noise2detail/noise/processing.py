"""What was done to an image before: compression, interpolation, coarse levels. No camera makes noise like that."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from noise2detail.noise.clipping import Values

Kind = Literal["constant", "binary", "labels", "few levels", "jpeg", "interpolated"]

FEW_LEVELS = 16
"""Different values up to which an image counts as coarse."""

GRID = 8
"""Side of the blocks of JPEG."""

COMB = 0.1
"""How much better coefficients fit multiples of a number on the grid than off it: found in JPEG images alone."""

PERIODIC = 60.0
"""Power of a period, relative to the mean of noise: chance reaches 16 in one of 20,000 images, fine structure 30."""

MOST = 2**18
"""Pixels that are looked at."""

MOST_BLOCKS = 2048
"""Blocks of JPEG that are looked at."""

_COSINES = np.cos(np.pi / GRID * np.arange(GRID)[:, None] * (np.arange(GRID) + 0.5)) * np.sqrt(
    np.where(np.arange(GRID)[:, None] == 0, 1, 2) / GRID
)
_COEFFICIENTS = ((0, 1), (1, 0), (1, 1), (2, 0), (0, 2), (2, 1), (1, 2), (2, 2), (0, 3), (3, 0))
_STEPS = range(3, 41)


@dataclass(frozen=True)
class Finding:
    """One thing that was done to an image."""

    kind: Kind
    strength: float
    """From 0 to 1: how plainly it is seen."""


@dataclass(frozen=True)
class Processing:
    """All that is seen of what was done to an image."""

    findings: tuple[Finding, ...] = ()
    levels: int = 0
    """Different values among the pixels that were looked at."""
    step: float = 0.0
    """Least distance of two values: how finely the image is quantised."""

    def found(self, kind: Kind) -> bool:
        """True if this was done."""
        return any(finding.kind == kind for finding in self.findings)


def find_processing(channel: Tensor, mask: Tensor | None = None) -> Processing:
    """What was done to a channel before.

    Parameters
    ----------
    channel
        ``(y, x)``, or several images ``(image, y, x)``; at least 8x8 pixels each.
    mask
        Of the same shape: True where a pixel is data.

    JPEG is looked for where values are whole multiples of a step, as 8-bit images are: colours that were mixed, or an
    image that was scaled afterwards, hide it. So does cutting, unless the edges of its blocks are seen.
    """
    images = np.atleast_3d(channel.detach().cpu().double().numpy().T).T
    valid = np.ones(images.shape, bool) if mask is None else mask.detach().cpu().numpy().reshape(images.shape)
    count = max(1, MOST // images[0].size)
    images, valid = images[:count], valid[:count]
    y, x = (
        min(size, max(512, MOST // other)) for size, other in zip(images.shape[1:], images.shape[:0:-1], strict=True)
    )
    images, valid = images[:, :y, :x], valid[:, :y, :x]
    values = np.unique(images[valid])
    if len(values) < 2:
        return Processing((Finding("constant", 1.0),), len(values), 0.0)
    step = float(np.diff(values).min())
    found = [*_coarse(images, valid, len(values))]
    if not found:
        # JPEG has periods of its own
        units = (images - values[0]) / step
        found = _compressed(units, valid, float(values[-1] - values[0]) / step) or _interpolated(images, valid)
    return Processing(tuple(found), len(values), step)


def _coarse(images: Values, valid: NDArray[np.bool_], levels: int) -> list[Finding]:
    """Few values, or areas of one value each."""
    if levels == 2:
        return [Finding("binary", 1.0)]
    across = images[:, :, 1:] == images[:, :, :-1]
    down = images[:, 1:] == images[:, :-1]
    alone = ~(across[:, 1:-1, 1:] | across[:, 1:-1, :-1] | down[:, 1:, 1:-1] | down[:, :-1, 1:-1])
    inside = valid[:, 1:-1, 1:-1]
    if inside.any():
        # noise leaves pixels that equal none of their neighbours, the borders of areas hardly any
        equal, lonely = float(across[:, 1:-1, 1:][inside].mean()), float(alone[inside].mean())
        if equal > 0.7 and lonely < 0.15 * (1 - equal):
            return [Finding("labels", equal)]
    return [Finding("few levels", 1 - (levels - 1) / FEW_LEVELS)] if levels <= FEW_LEVELS else []


def _interpolated(images: Values, valid: NDArray[np.bool_]) -> list[Finding]:
    """Differences of neighbours that are smaller in every second, third, ... column or row.

    Source
    ------
    Gallagher, "Detection of linear and cubic interpolation in JPEG compressed images", CRV 2005. Deviation: first
    differences too, since second ones of an image that was doubled about its pixels' centres are all alike.
    """
    best = 0.0
    for axis in (1, 2):
        for order in (1, 2):
            best = max(best, _period(images, valid, axis, order))
    return [Finding("interpolated", 1 - PERIODIC / (2 * best))] if best > PERIODIC else []


def _period(images: Values, valid: NDArray[np.bool_], axis: int, order: int) -> float:
    """Power of the strongest period of differences along an axis, relative to what noise has."""
    if images.shape[axis] < 32:
        return 0.0
    sizes = np.abs(np.diff(images, order, axis))
    good = np.moveaxis(valid, axis, 0)
    both = np.moveaxis(np.logical_and.reduce([good[n : len(good) - order + n] for n in range(order + 1)]), 0, axis)
    kept = sizes[both]
    limit = 3 * float(kept.mean()) if kept.size else 0.0
    if limit == 0:
        return 0.0
    others = tuple(n for n in range(3) if n != axis)
    counts = both.sum(others)
    means = np.where(both, np.minimum(sizes, limit), 0).sum(others) / np.maximum(counts, 1)
    means[counts < 8] = means[counts >= 8].mean() if (counts >= 8).any() else 0.0
    rest = np.diff(means)  # what changes slowly is structure
    power = np.abs(np.fft.rfft(rest * np.hanning(len(rest)))) ** 2
    places = np.arange(len(power)) / len(rest)
    power = power / np.maximum(4 * np.sin(np.pi * places) ** 2, 1e-12)
    looked = places > 0.15
    usual = float(np.median(power[looked])) / math.log(2)
    return float(power[looked].max()) / usual if usual > 0 else 0.0


def _compressed(images: Values, valid: NDArray[np.bool_], highest: float) -> list[Finding]:
    """JPEG, by coefficients that are multiples of a number. ``images`` in steps, from 0."""
    if highest > 255.5 or np.abs(images - np.round(images)).max() > 1e-3:
        return []
    best = 0.0
    for y, x in {(0, 0), tuple(_edges(images, axis) for axis in (1, 2))}:
        own = _comb(images, valid, y, x)
        best = max(best, own - _comb(images, valid, y + 3, x + 5) if own > 1.5 * COMB else 0.0)
    return [Finding("jpeg", min(1.0, best))] if best > COMB else []


def _edges(images: Values, axis: int) -> int:
    """Where the blocks of JPEG seem to begin along an axis."""
    sizes = np.abs(np.diff(images, 1, axis))
    sizes = np.minimum(sizes, 3 * sizes.mean()).mean(tuple(n for n in range(3) if n != axis))
    means = np.array([sizes[start::GRID].mean() if len(sizes) > start else 0.0 for start in range(GRID)])
    return (int(means.argmax()) + 1) % GRID


def _comb(images: Values, valid: NDArray[np.bool_], y: int, x: int) -> float:
    """How well coefficients of the blocks that begin there fit multiples of a number; the median of some of them."""
    rows, columns = ((size - start) // GRID for size, start in zip(images.shape[1:], (y, x), strict=True))
    if rows < 1 or columns < 1:
        return 0.0

    def cut(values: NDArray[np.generic]) -> NDArray[np.generic]:
        inside = values[:, y : y + rows * GRID, x : x + columns * GRID]
        return inside.reshape(-1, rows, GRID, columns, GRID).swapaxes(2, 3).reshape(-1, GRID, GRID)

    blocks = np.asarray(cut(images)[cut(valid).all((1, 2))], np.float64)
    blocks = blocks[:: max(1, len(blocks) // MOST_BLOCKS)]
    fits = []
    few = _COSINES[:4] @ blocks @ _COSINES[:4].T
    for row, column in _COEFFICIENTS:
        found = few[:, row, column]
        best = 0.0
        for step in _STEPS:
            large = found[np.abs(found) > step / 2]  # those that were rounded to 0 are no sign
            if len(large) >= 64:
                best = max(best, abs(np.exp(2j * np.pi / step * large).mean()) - 2 / math.sqrt(len(large)))
        fits.append(best)
    return float(np.median(fits))
