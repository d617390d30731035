"""The noise of an image, measured on the image itself.

White noise puts the same energy into every frequency of a small block, structure nearly all of it into the low ones. A
block whose low frequencies hold no more than noise would is flat; its high frequencies then measure the noise. Both are
independent of each other for white noise, so the choice of flat blocks does not bias what is measured on them.

Source
------
Foi, Trimeche, Katkovnik & Egiazarian, IEEE TIP 2008 (line through local means and variances) and Foi, "Clipped noisy
images", Signal Processing 2009 (where clipping bends it). Deviations: blocks of the cosine transform instead of wavelet
level sets, and the pixels around a block, whose noise is independent, say where on the line it belongs: with the
block's own mean the scatter of dark blocks along the line flattens it.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from noise2detail.noise.clipping import Values, gaussian_clipped
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Pixels

BLOCK = 8
"""Side of a block in pixels."""

RING = 2
"""Width of the frame around a block that says how bright it is."""

MOST_BLOCKS = 32768
"""Blocks that are looked at; more would not make the result visibly better."""

FEWEST_BLOCKS = 64
"""Blocks that a line needs: with less, the noise counts as independent of the signal."""

CLEAR = 3.0
"""Noise deviations from an end beyond which clipping is not felt."""

ATOM = 1e-3
"""Share of the pixels that must have the extreme value for it to count as an end at which values were clipped."""

_row, _column = np.mgrid[:BLOCK, :BLOCK]
_ROUGH = (_row + _column > 0) & (_row + _column <= 3)
_FINE = _row + _column > BLOCK
_COSINES = np.cos(np.pi / BLOCK * _row * (_column + 0.5)) * np.sqrt(np.where(_row == 0, 1, 2) / BLOCK)


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Blocks that are not constant; one number for each."""

    mean: Values
    near: Values
    """Mean of the frame around it."""
    unrest: Values
    """Variance of that frame."""
    rough: Values
    """Variance in the low frequencies."""
    fine: Values
    """Variance in the high frequencies."""
    third: Values
    """Third central moment, unbiased."""
    ends: Values
    """``(n, 2)``: shares of its pixels that have the lowest and the highest value of the image."""
    correlation: Values
    """``(n, 3)``: variance about a plane, and products with the next pixel in y and in x, unbiased for white noise."""

    def __len__(self) -> int:
        return len(self.mean)

    def chosen(self, which: NDArray[np.bool_]) -> "_Blocks":
        return _Blocks(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class _Line:
    """Variance of the noise: ``slope * mean + height``, and at which ends values were clipped."""

    slope: float = 0.0
    height: float = 0.0
    floor: float = 0.0
    """Least variance that it may give."""
    low: float = -math.inf
    high: float = math.inf

    def at(self, mean: Values) -> Values:
        return np.maximum(self.slope * mean + self.height, self.floor)

    def clear(self, mean: Values) -> NDArray[np.bool_]:
        """Where clipping is not felt."""
        away = CLEAR * np.sqrt(self.at(mean))
        return (mean - away >= self.low) & (mean + away <= self.high)

    def clipped(self, mean: Values) -> tuple[Values, Values]:
        """Noise-free value, and variance after clipping, where the mean after clipping is ``mean``."""
        bottom, top = max(self.low, float(mean.min())), min(self.high, float(mean.max()))
        reach = CLEAR * np.sqrt(self.at(np.array([bottom, top])))
        truth = np.linspace(bottom - reach[0], top + reach[1], 4096)
        seen, variance = gaussian_clipped(truth, np.sqrt(self.at(truth)), self.low, self.high)
        seen = np.maximum.accumulate(seen)
        return np.interp(mean, seen, truth), np.maximum(np.interp(mean, seen, variance), self.floor)


@dataclass(frozen=True)
class _Extremes:
    """Lowest and highest value of the image, where so many pixels share it that values may have been clipped there."""

    low: float
    """Minus infinity: they do not."""
    high: float
    steps: tuple[float, float]
    """From each to the next value that occurs: how finely the data are quantised there."""


def white_sigma(channel: Tensor, mask: Tensor | None = None) -> float:
    """Standard deviation of white noise that does not depend on the signal; 0 for a constant image.

    Parameters
    ----------
    channel
        ``(y, x)``, or several images of the same noise, ``(image, y, x)``; at least 8x8 pixels each.
    mask
        Of the same shape: True where a pixel is data. Blocks with a gap are left out, and without a single block that
        has none the result is 0.

    Areas that are exactly constant have no say, nor those where noise was clipped.
    """
    blocks, extremes = _looked_at(channel, mask)
    line = _explained(blocks, extremes, sloped=False)
    return math.sqrt(line.height)


def estimate_noise(channel: Tensor, mask: Tensor | None = None) -> NoiseModel:
    """Gain, pedestal, sigma and clipping of Poisson-Gaussian noise, from one image.

    Parameters
    ----------
    channel, mask
        As for ``white_sigma``.

    A straight line through means and variances does not tell the pedestal from ``sigma``. The third moment of the
    darkest blocks does: shot noise is skewed, ``gain**2 * (mean - pedestal)``, normal noise is not. The pedestal is
    bounded to where ``sigma`` would be 0 and to the darkest blocks, so that the variance is that of the line wherever
    there is data. ``gain`` is 0 where the variance does not grow with the signal, and in images of fewer than about
    40x40 pixels.

    The noise must be white: where neighbouring pixels share it, high frequencies hold less of it than low ones, and the
    result is too small; ``correlation`` tells.
    """
    blocks, extremes = _looked_at(channel, mask)
    line = _explained(blocks, extremes, sloped=len(blocks) >= FEWEST_BLOCKS)
    if line.slope == 0:
        return NoiseModel(sigma=math.sqrt(line.height), low=line.low, high=line.high)
    flat = blocks.chosen(_flat(blocks, line))
    # own means of blocks with dark surroundings: choosing by their own would find those that noise darkened
    darkest = float(flat.mean[flat.near <= np.quantile(flat.near, 0.02)].mean())
    crossing = -line.height / line.slope
    weight = line.at(flat.near) ** -3.0  # the variance of a third moment grows with the cube of the variance
    skewed = float((weight * (flat.mean - flat.third / line.slope**2)).sum() / weight.sum())
    pedestal = max(min(skewed, darkest), crossing)
    variance = max(line.slope * pedestal + line.height, 0.0)
    return NoiseModel(line.slope, pedestal, math.sqrt(variance), line.low, line.high)


def correlation(channel: Tensor, mask: Tensor | None = None) -> tuple[float, float]:
    """Correlation of the noise with that of the next pixel, in y and in x.

    Parameters
    ----------
    channel, mask
        As for ``white_sigma``.

    Measured on the flattest 30 % of the blocks at each brightness, where flat is what has calm surroundings. Structure
    that is left makes it too large; the plane that is taken from each block makes a correlation of 0.4 about 0.05 too
    small, and leaves white noise at 0.
    """
    blocks, _ = _looked_at(channel, mask)
    if not len(blocks):
        return 0.0, 0.0
    parts = np.array_split(np.argsort(blocks.near, kind="stable"), max(1, min(16, len(blocks) // 32)))
    found = []
    for part in parts:
        calm = part[np.argsort(blocks.unrest[part], kind="stable")][: max(1, round(0.3 * len(part)))]
        variance, down, across = blocks.correlation[calm].mean(0)
        if variance > 0:
            found.append((down / variance, across / variance))
    down, across = np.mean(found, 0) if found else (0.0, 0.0)
    return float(down), float(across)


def _looked_at(channel: Tensor, mask: Tensor | None) -> tuple[_Blocks, _Extremes]:
    images = np.atleast_3d(channel.detach().cpu().double().numpy().T).T
    valid = np.ones(images.shape, bool) if mask is None else mask.detach().cpu().numpy().reshape(images.shape)
    data = images[valid]
    if not data.size:
        return _measured(np.empty((0, BLOCK, BLOCK)), 0.0, (0.0, 0.0)), _Extremes(-math.inf, math.inf, (0.0, 0.0))
    ends, least, offset = (float(data.min()), float(data.max())), max(ATOM * data.size, BLOCK), float(data.mean())
    low, high = (
        end if np.count_nonzero(data == end) >= least else beyond
        for end, beyond in zip(ends, (-math.inf, math.inf), strict=True)
    )
    others = data[(data > ends[0]) & (data < ends[1])]
    steps = (float(others.min()) - ends[0], ends[1] - float(others.max())) if others.size else (0.0, 0.0)
    windows = _windows(images, valid, min(images.shape[1:]) >= 2 * BLOCK)
    return _measured(windows, offset, ends), _Extremes(low, high, steps)


def _windows(images: Pixels, valid: NDArray[np.bool_], framed: bool) -> Values:
    """Blocks with the frame around them, ``(n, side, side)``: those without gaps whose block is not constant."""
    side = BLOCK + 2 * RING * framed
    count, y, x = images.shape
    step = max(1, min(BLOCK // 2, min(y, x) // 16), math.ceil(math.sqrt(count * y * x / MOST_BLOCKS)))
    views = [np.lib.stride_tricks.sliding_window_view(a, (1, side, side))[:, ::step, ::step] for a in (images, valid)]
    windows: Values = views[0][views[1].all((-1, -2, -3))].reshape(-1, side, side)
    own = _own(windows)
    kept: Values = windows[(own != own[:, :1, :1]).any((1, 2))]
    return kept


def _own(windows: Values) -> Values:
    """The blocks without their frames."""
    frame = (windows.shape[-1] - BLOCK) // 2
    return windows[:, frame : frame + BLOCK, frame : frame + BLOCK]


def _measured(windows: Values, offset: float, ends: tuple[float, float]) -> _Blocks:
    """What is known of blocks; ``offset`` is a value near their means, which spares digits."""
    shares = np.stack([(_own(windows) == end).mean((1, 2)) for end in ends], 1)
    windows = windows - offset
    own, size = _own(windows), BLOCK**2
    mean = own.mean((1, 2))
    powers = (_COSINES @ own @ _COSINES.T) ** 2
    rough, fine = powers[:, _ROUGH].mean(1), powers[:, _FINE].mean(1)
    rest = own - mean[:, None, None]
    third = (rest**3).sum((1, 2)) * size / ((size - 1) * (size - 2))
    frame = (windows.shape[-1] - BLOCK) // 2
    near, unrest = mean, rough
    if frame:
        around = np.ones(windows.shape[1:], bool)
        around[frame:-frame, frame:-frame] = False
        near, unrest = windows[:, around].mean(1), windows[:, around].var(1)
    return _Blocks(mean + offset, near + offset, unrest, rough, fine, third, shares, _neighbour_products(rest))


def _neighbour_products(rest: Values) -> Values:
    """Variance and neighbour products of what a plane leaves of blocks, ``(n, 3)``; freed of what the fit took away."""
    centred = _row - (BLOCK - 1) / 2
    basis = np.stack([np.ones((BLOCK, BLOCK)), centred, centred.T])
    basis /= np.sqrt((basis**2).sum((1, 2), keepdims=True))
    left = rest - np.einsum("nyx,kyx,kvw->nvw", rest, basis, basis, optimize=True)
    pairs = BLOCK * (BLOCK - 1)
    variance = (left**2).sum((1, 2)) / (BLOCK**2 - len(basis))
    taken = [(basis[:, 1:] * basis[:, :-1]).sum() / pairs, (basis[..., 1:] * basis[..., :-1]).sum() / pairs]
    down = (left[:, 1:] * left[:, :-1]).sum((1, 2)) / pairs + variance * taken[0]
    across = (left[..., 1:] * left[..., :-1]).sum((1, 2)) / pairs + variance * taken[1]
    return np.stack([variance, down, across], 1)


def _explained(blocks: _Blocks, extremes: _Extremes, *, sloped: bool) -> _Line:
    """The line, with those ends at which clipping explains the blocks better than the line alone."""
    if not len(blocks):
        return _Line()
    candidates = [_fitted(blocks, _Line(), sloped)]
    ends = {(low, high) for low in (-math.inf, extremes.low) for high in (math.inf, extremes.high)}
    for low, high in sorted(ends - {(-math.inf, math.inf)}):
        found = _fitted(blocks, _Line(low=low, high=high), sloped)
        if found.clear(blocks.near).sum() >= min(FEWEST_BLOCKS, 0.05 * len(blocks)):
            candidates.append(found)
    if len(candidates) == 1:
        return candidates[0]
    level = (blocks.mean + blocks.near) / 2
    highest = np.max([line.clipped(level)[1] for line in candidates], 0)
    calm = blocks.rough <= highest * _quantile(0.99, _ROUGH)
    # correlated noise fills the low frequencies everywhere: the calmest blocks must do
    flat = blocks.chosen(calm if calm.any() else _calm(blocks.rough / highest))
    likelihoods = [_likelihood(flat, line, extremes) for line in candidates]
    return candidates[int(np.argmax(likelihoods))]


def _likelihood(flat: _Blocks, line: _Line, extremes: _Extremes) -> float:
    """Logarithm of the probability of the variances, and of the shares of extreme values, under a line."""
    level = (flat.mean + flat.near) / 2
    truth, variance = line.clipped(level)
    result = -np.count_nonzero(_FINE) / 2 * (flat.fine / variance + np.log(variance))
    deviation = np.sqrt(line.at(truth))
    for number, (end, clipped) in enumerate(((extremes.low, line.low), (extremes.high, line.high))):
        if math.isinf(end):
            continue
        distance = np.abs(truth - end) / deviation * np.where((truth > end) == (number == 0), 1, -1)
        half = extremes.steps[number] / 2 / deviation
        chance = _beyond(distance - half)
        if math.isinf(clipped):
            # values that happen to be the extreme one: rounded to it, or the dark of counted photons
            chance = chance - _beyond(distance + half)
            if number == 0 and line.slope > 0:
                chance = np.maximum(chance, np.exp(-np.maximum(level - end, 0) / line.slope))
        # one pixel in a thousand may be extreme for other reasons
        chance = np.clip(chance, 1e-3, 1 - 1e-3)
        share = flat.ends[:, number]
        result = result + BLOCK**2 * (share * np.log(chance) + (1 - share) * np.log1p(-chance))
    return float(result.sum())


def _beyond(distance: Values) -> Values:
    """Probability of a normal value further above 0 than this."""
    from scipy.special import ndtr

    result: Values = ndtr(-distance)
    return result


def _fitted(blocks: _Blocks, line: _Line, sloped: bool) -> _Line:
    """The line through flat blocks where clipping is not felt; the ends are those of ``line``."""
    expected = _start(blocks)
    line = replace(line, slope=0.0, height=float(np.median(expected)), floor=0.0)
    clear = line.clear(blocks.near)
    flat = _calm(blocks.rough / expected) & (clear if clear.any() else True)
    for _ in range(20):
        floor = 0.5 * float(np.quantile(blocks.fine[flat], 0.02))
        found = _through(blocks.chosen(flat), replace(line, floor=floor), sloped)
        settled = np.allclose([found.slope, found.height], [line.slope, line.height], rtol=1e-4)
        line, flat = found, _flat(blocks, found)
        if settled:
            break
    return line


def _start(blocks: _Blocks) -> Values:
    """First guess of the variance: a low quantile at each brightness, freed of its bias."""
    result = np.empty(len(blocks))
    for part in np.array_split(np.argsort(blocks.near, kind="stable"), max(1, min(16, len(blocks) // 32))):
        result[part] = np.quantile(blocks.fine[part], 0.25) / _quantile(0.25, _FINE)
    return np.maximum(result, np.finfo(float).tiny)


def _flat(blocks: _Blocks, line: _Line) -> NDArray[np.bool_]:
    """Blocks that hold no structure and feel no clipping."""
    clear = line.clear(blocks.near)
    calm = np.zeros(len(blocks), bool)
    calm[clear] = _calm((blocks.rough / line.at(blocks.near))[clear])
    return calm if calm.any() else _calm(blocks.rough / line.at(blocks.near))


def _calm(ratio: Values) -> NDArray[np.bool_]:
    """Blocks with no more in their low frequencies than noise puts there; the calmest twentieth if none is so calm."""
    return ratio <= max(_quantile(0.9, _ROUGH), float(np.quantile(ratio, 0.05))) if ratio.size else ratio > 0


def _quantile(probability: float, frequencies: NDArray[np.bool_]) -> float:
    """Quantile of a variance that is the mean of so many squares of normal values, relative to its expectation."""
    from scipy.special import gammaincinv

    half = np.count_nonzero(frequencies) / 2
    return float(gammaincinv(half, probability) / half)


def _through(blocks: _Blocks, line: _Line, sloped: bool) -> _Line:
    """Weighted line through variances; ``near`` is the instrument for the means, whose noise is that of the variances.

    Its slope counts only where it is at least three times its own uncertainty.
    """
    freedom = np.count_nonzero(_FINE)
    level = replace(line, slope=0.0, height=float(blocks.fine.mean()))
    for _ in range(5 if sloped else 0):
        at = line.at(blocks.near)
        weight = 1 / (2 * at**2 / freedom + line.slope**2 * at / BLOCK**2)
        weight /= weight.sum()
        near, mean, fine = (v - (weight * v).sum() for v in (blocks.near, blocks.mean, blocks.fine))
        shared = float((weight * near * mean).sum())
        slope = float((weight * near * fine).sum()) / shared if shared > 0 else 0.0
        error = math.sqrt(float((weight**2 * near**2 * (fine - slope * mean) ** 2).sum())) / max(shared, 1e-300)
        if slope <= 3 * error:
            return level
        line = replace(line, slope=slope, height=float((weight * (blocks.fine - slope * blocks.mean)).sum()))
    return line if sloped else level
