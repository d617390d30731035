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

from noise2detail.noise.blocks import BLOCK, FINE, ROUGH, WHITE, Blocks, Extremes, look_at
from noise2detail.noise.clipping import Values, gaussian_clipped
from noise2detail.noise.ends import clipped_ends
from noise2detail.noise.model import NoiseModel

GROUPS = 20
"""Parts of the image of which each is left out once, to see how far the result depends on it."""

FEWEST_BLOCKS = 64
"""Blocks that a line needs: with less, the noise counts as independent of the signal."""

CLEAR = 3.0
"""Noise deviations from an end beyond which clipping is not felt."""

ENOUGH = 0.3
"""Share of the blocks that must feel no clipping for a line through these alone."""

MOST_LIKELY = 1000
"""Blocks whose probability is computed."""


@dataclass(frozen=True)
class Errors:
    """Standard errors of the figures of a noise model, in their own units."""

    gain: float = 0.0
    pedestal: float = 0.0
    sigma: float = 0.0

    def grown(self, share: float, model: NoiseModel) -> "Errors":
        """With an error of the strength added, of that share of the variance."""
        return Errors(
            math.hypot(self.gain, share * model.gain), self.pedestal, math.hypot(self.sigma, share / 2 * model.sigma)
        )


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
    blocks, extremes = look_at(channel, mask)
    line = _explained(blocks, extremes, sloped=False)
    return math.sqrt(line.height)


def estimate_noise(channel: Tensor, mask: Tensor | None = None, autocorrelation: Values = WHITE) -> NoiseModel:
    """Gain, pedestal, sigma and clipping of Poisson-Gaussian noise, from one image.

    Parameters
    ----------
    channel, mask
        As for ``white_sigma``.
    autocorrelation
        Of the noise, ``(y, x)``, sides odd, 1 in the middle; white by default. Without it the variance of noise that
        neighbouring pixels share comes out too small: such noise is weak in the high frequencies that are looked at.

    A straight line through means and variances does not tell the pedestal from ``sigma``. The third moment of the
    darkest blocks does: shot noise is skewed, ``gain**2 * (mean - pedestal)``, normal noise is not. The pedestal is
    bounded to where ``sigma`` would be 0 and to the darkest blocks, so that the variance is that of the line wherever
    there is data. ``gain`` is 0 where the variance does not grow with the signal, and in images of fewer than about
    40x40 pixels.
    """
    return estimate_with_errors(channel, mask, autocorrelation)[0]


def estimate_with_errors(
    channel: Tensor, mask: Tensor | None = None, autocorrelation: Values = WHITE
) -> tuple[NoiseModel, Errors]:
    """As ``estimate_noise``, with the standard error of each figure.

    Parameters
    ----------
    channel, mask, autocorrelation
        As there.

    Each of ``GROUPS`` parts of the image is left out in turn; how far the figures move says how uncertain they are.
    """
    return estimate_on_blocks(*look_at(channel, mask, autocorrelation), shared=autocorrelation.size > 1)[:2]


def estimate_on_blocks(
    blocks: Blocks, extremes: Extremes, *, shared: bool = False
) -> tuple[NoiseModel, Errors, Blocks]:
    """As ``estimate_with_errors``, with the flat blocks that the noise was measured on.

    Parameters
    ----------
    blocks, extremes
        As ``look_at`` gives them.
    shared
        Whether neighbouring pixels share noise.
    """
    line = _explained(blocks, extremes, sloped=len(blocks) >= FEWEST_BLOCKS)
    if not len(blocks):
        return NoiseModel(), Errors(), blocks
    flat = blocks.chosen(_flat(blocks, line))
    return *_with_errors(flat, line, shared=shared), flat


def _with_errors(flat: Blocks, line: _Line, *, shared: bool) -> tuple[NoiseModel, Errors]:
    gain, pedestal, variance = _figures(flat, line)
    found = NoiseModel(gain, pedestal, math.sqrt(max(variance, 0.0)), line.low, line.high)
    part = np.arange(len(flat)) * GROUPS // max(len(flat), 1)
    parts = [flat.chosen(part != number) for number in np.unique(part)] if len(flat) >= 2 * GROUPS else []
    if not parts:
        return found, Errors(math.inf if gain else 0.0, math.inf if gain else 0.0, found.sigma)
    moved = np.array([_figures(part, _refitted(part, line)) for part in parts])
    errors = np.sqrt((len(parts) - 1) * moved.var(0))
    if variance <= 1e-9 * line.at(flat.near).min():
        # at its bound, with which it moves; how far the pedestal moves says how much there may be
        errors[2] = max(errors[2], gain * errors[1])
    # the square root of both ends: near 0 it has no slope
    least, most = (math.sqrt(max(variance + sign * 2 * float(errors[2]), 0.0)) for sign in (-1, 1))
    sigma = max(found.sigma - least, most - found.sigma) / 2
    if gain and shared:
        # spread over neighbours, shot noise loses its skewness: the pedestal may lie anywhere that the line allows
        lowest, highest = _bounds(flat, line)
        room = max(highest - lowest, 0.0)
        return found, Errors(float(errors[0]), math.hypot(errors[1], room / 2), max(sigma, math.sqrt(gain * room) / 2))
    return found, Errors(float(errors[0]), float(errors[1]), sigma)


def _bounds(flat: Blocks, line: _Line) -> tuple[float, float]:
    """Where the pedestal may lie: from where the line crosses 0 to the darkest blocks.

    Own means of blocks with dark surroundings: choosing by their own would find those that noise darkened.
    """
    return -line.height / line.slope, float(flat.mean[flat.near <= np.quantile(flat.near, 0.02)].mean())


def _figures(flat: Blocks, line: _Line) -> tuple[float, float, float]:
    """Gain, pedestal, and the variance there, which may fall below 0 by rounding."""
    if line.slope == 0:
        return 0.0, 0.0, line.height
    crossing, darkest = _bounds(flat, line)
    weight = line.at(flat.near) ** -3.0  # the variance of a third moment grows with the cube of the variance
    skewed = float((weight * (flat.mean - flat.third / line.slope**2)).sum() / weight.sum())
    pedestal = max(min(skewed, darkest), crossing)
    return line.slope, pedestal, line.slope * pedestal + line.height


def _refitted(flat: Blocks, line: _Line) -> _Line:
    """The line through some of its blocks, with the same weights."""
    if line.slope == 0:
        return replace(line, height=float(flat.fine.mean()))
    slope, height, _ = _step(flat, line)
    return replace(line, slope=slope, height=height) if slope > 0 else line


def _explained(blocks: Blocks, extremes: Extremes, *, sloped: bool) -> _Line:
    """The line, with the ends at which values were clipped."""
    if not len(blocks):
        return _Line()
    low, high = clipped_ends(blocks, extremes)
    line = _fitted(blocks, _Line(low=low, high=high), sloped)
    if math.isinf(low) and math.isinf(high):
        return line
    if line.clear(blocks.near).mean() >= ENOUGH:
        return line
    unaware = _fitted(blocks, _Line(), sloped)
    level = (blocks.mean + blocks.near) / 2
    highest = np.maximum(line.clipped(level)[1], unaware.clipped(level)[1])
    calm = blocks.rough <= highest * _quantile(0.99, ROUGH)
    # correlated noise fills the low frequencies everywhere: the calmest blocks must do
    flat = blocks.chosen(calm if calm.any() else _calm(blocks.rough / highest))
    flat = flat.chosen(np.arange(len(flat)) % max(1, len(flat) // MOST_LIKELY) == 0)
    return _likeliest(flat, [line, replace(unaware, low=low, high=high)], extremes, sloped)


def _likeliest(flat: Blocks, starts: list[_Line], extremes: Extremes, sloped: bool) -> _Line:
    """The line that gives the variances and the shares of extreme values the highest probability.

    For images that feel clipping nearly everywhere: what is left of the noise there says how strong it was.
    """
    from scipy.optimize import minimize

    bottom, top = float(flat.near.min()), float(flat.near.max())
    scale = max(float(flat.fine.mean()), 1e-300)

    def line(values: Values) -> _Line:
        dark, bright = np.exp(np.clip(values, -60, 60)) * scale
        slope = max(bright - dark, 0.0) / max(top - bottom, 1e-300) if sloped else 0.0
        return replace(starts[0], slope=float(slope), height=float(dark - slope * bottom), floor=1e-3 * scale)

    def unlikely(values: Values) -> float:
        return -_likelihood(flat, line(values), extremes)

    places = [np.log(np.maximum(start.at(np.array([bottom, top])), 1e-6 * scale) / scale) for start in starts]
    first = min(places, key=unlikely)
    found = minimize(unlikely, first, method="Nelder-Mead", options={"maxfev": 60, "xatol": 0.01, "fatol": 0.5})
    return line(found.x)


def _likelihood(flat: Blocks, line: _Line, extremes: Extremes) -> float:
    """Logarithm of the probability of the variances, and of the shares of extreme values, under a line."""
    level = (flat.mean + flat.near) / 2
    truth, variance = line.clipped(level)
    result = -np.count_nonzero(FINE) / 2 * (flat.fine / variance + np.log(variance))
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


def _fitted(blocks: Blocks, line: _Line, sloped: bool) -> _Line:
    """The line through flat blocks where clipping is not felt; the ends are those of ``line``."""
    expected = _start(blocks)
    line = replace(line, slope=0.0, height=float(np.median(expected)), floor=0.0)
    clear = line.clear(blocks.near)
    flat = _calm(blocks.rough / expected)
    flat = flat & clear if (flat & clear).any() else flat
    for _ in range(20):
        floor = 0.5 * float(np.quantile(blocks.fine[flat], 0.02))
        found = _through(blocks.chosen(flat), replace(line, floor=floor), sloped)
        settled = np.allclose([found.slope, found.height], [line.slope, line.height], rtol=1e-4, atol=0)
        line, flat = found, _flat(blocks, found)
        if settled:
            break
    return line


def _start(blocks: Blocks) -> Values:
    """First guess of the variance: a low quantile at each brightness, freed of its bias."""
    result = np.empty(len(blocks))
    for part in np.array_split(np.argsort(blocks.near, kind="stable"), max(1, min(16, len(blocks) // 32))):
        result[part] = np.quantile(blocks.fine[part], 0.25) / _quantile(0.25, FINE)
    return np.maximum(result, np.finfo(float).tiny)


def _flat(blocks: Blocks, line: _Line) -> NDArray[np.bool_]:
    """Blocks that hold no structure and feel no clipping."""
    clear = line.clear(blocks.near)
    calm = np.zeros(len(blocks), bool)
    calm[clear] = _calm((blocks.rough / line.at(blocks.near))[clear])
    return calm if calm.any() else _calm(blocks.rough / line.at(blocks.near))


def _calm(ratio: Values) -> NDArray[np.bool_]:
    """Blocks with no more in their low frequencies than noise puts there; the calmest twentieth if none is so calm."""
    return ratio <= max(_quantile(0.9, ROUGH), float(np.quantile(ratio, 0.05))) if ratio.size else ratio > 0


def _quantile(probability: float, frequencies: NDArray[np.bool_]) -> float:
    """Quantile of a variance that is the mean of so many squares of normal values, relative to its expectation."""
    from scipy.special import gammaincinv

    half = np.count_nonzero(frequencies) / 2
    return float(gammaincinv(half, probability) / half)


def _through(blocks: Blocks, line: _Line, sloped: bool) -> _Line:
    """Weighted line through variances. Its slope counts only where it is at least three times its own uncertainty."""
    level = replace(line, slope=0.0, height=float(blocks.fine.mean()))
    for _ in range(5 if sloped else 0):
        slope, height, error = _step(blocks, line)
        if slope <= 3 * error:
            return level
        line = replace(line, slope=slope, height=height)
    return line if sloped else level


def _step(blocks: Blocks, line: _Line) -> tuple[float, float, float]:
    """Slope, height and uncertainty of the slope, with the weights that ``line`` gives.

    ``near`` is the instrument for the means, whose noise is that of the variances.
    """
    at = line.at(blocks.near)
    weight = 1 / (2 * at**2 / np.count_nonzero(FINE) + line.slope**2 * at / BLOCK**2)
    weight /= weight.sum()
    near, mean, fine = (v - (weight * v).sum() for v in (blocks.near, blocks.mean, blocks.fine))
    shared = float((weight * near * mean).sum())
    slope = float((weight * near * fine).sum()) / shared if shared > 0 else 0.0
    error = math.sqrt(float((weight**2 * near**2 * (fine - slope * mean) ** 2).sum())) / max(shared, 1e-300)
    return slope, float((weight * (blocks.fine - slope * blocks.mean)).sum()), error
