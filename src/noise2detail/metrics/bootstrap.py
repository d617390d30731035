"""How far a result would have been another had the noise been another: a parametric bootstrap.

Source
------
Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 1979, in its parametric form: the
denoised image stands for the truth, and the measured noise is drawn anew. Deviation: the shift that denoising makes of
the denoised image itself counts as an error too, since every method shrinks what it cannot tell from noise.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from noise2detail.errors import InputError, SettingError
from noise2detail.metrics.likeness import Values
from noise2detail.noise.clipping import unclipping
from noise2detail.noise.colour import coloured
from noise2detail.noise.measure import Measurement
from noise2detail.noise.model import NoiseModel
from noise2detail.plans import Target
from noise2detail.types import Pixels

DRAWS = 20
"""Usual number: a standard deviation over 20 draws errs by a sixth of itself, over 80 by a twelfth."""

_ROUNDING = 1 / 12
"""Variance that rounding to whole numbers adds."""

_MANY = 1e6
"""Photons of a pixel above which their number is drawn as a normal one."""

_REACH = 8.0
"""Noise deviations beyond the values of an image to which the signal before clipping may reach."""


@dataclass(frozen=True, eq=False)
class FreshNoise:
    """The noise of one channel, to be drawn again."""

    model: NoiseModel
    """In the units of the image; its ends clip what is drawn."""
    autocorrelation: Values | None = None
    """``(lag_y, lag_x)``, sides odd, 1 in the middle; None: white."""
    target: Target = "captured"
    """Of the denoised image: where noise is clipped, ``captured`` is taken back to the signal before that."""
    dtype: np.dtype[Any] = np.dtype(np.float64)  # noqa: RUF009 - cannot be changed
    """Of the image: integers are rounded, and clipped to what the type holds."""

    @classmethod
    def measured(cls, found: Measurement, target: Target, dtype: np.dtype[Any]) -> "FreshNoise":
        """The noise as it was measured; its colour where that is known well enough to be heeded by methods too."""
        return cls(found.model, found.autocorrelation if found.is_coloured else None, target, dtype)

    def signal(self, denoised: Pixels) -> Values:
        """Noise-free values ``(y, x)`` that a denoised image stands for, before any clipping."""
        values: Values = np.asarray(denoised, dtype=np.float64)
        if self.target == "latent" or not self.model.is_clipped or not (self.model.gain or self.model.sigma):
            return values
        low, high = float(values.min()), float(values.max())
        reach = _REACH * math.sqrt(self.model.variance(high))
        table = unclipping(self.model, low - reach, high + reach)
        found: Values = table(torch.from_numpy(values)).numpy()
        return found

    def draw(self, signal: Values, rng: np.random.Generator) -> Pixels:
        """A recording of the signal, as the camera might have given another one.

        Counts are drawn as Poisson's law has them where the noise is white, and as normal values of that variance where
        neighbours share it, or where there are a million and nobody could tell. Rounding to integers is part of the
        noise that was measured: it is not added twice.
        """
        model, whole = self.model, self.dtype.kind in "ui"
        photons = np.maximum(signal - model.pedestal, 0) / model.gain if model.gain else np.zeros(())
        sigma = math.sqrt(max(model.sigma**2 - _ROUNDING * whole, 0.0))
        noise = rng.standard_normal(signal.shape)
        if self.autocorrelation is None and photons.max() <= _MANY:
            seen = signal + sigma * noise
            seen += model.gain * (rng.poisson(photons) - photons) if model.gain else 0.0
        else:
            if self.autocorrelation is not None:
                noise = coloured(torch.from_numpy(noise), torch.from_numpy(self.autocorrelation)).numpy()
            seen = signal + np.sqrt(model.gain**2 * photons + sigma**2) * noise
        return _held(np.clip(seen, model.low, model.high), self.dtype)


def _held(values: Values, dtype: np.dtype[Any]) -> Pixels:
    if dtype.kind not in "ui":
        return values.astype(dtype)
    info = np.iinfo(dtype)
    # the largest 64-bit integers are no floats: the next float below them is
    top = float(info.max) if int(float(info.max)) <= info.max else float(np.nextafter(float(info.max), 0))
    return np.clip(np.rint(values), float(info.min), top).astype(dtype)


class Spread:
    """Mean and standard deviation of images that come one by one.

    Source
    ------
    Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 1962.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = 0
        self.mean: Values = np.zeros(shape)
        self._squares: Values = np.zeros(shape)

    def add(self, image: Pixels) -> None:
        """Take in one more."""
        self.count += 1
        apart = image - self.mean
        self.mean += apart / self.count
        self._squares += apart * (image - self.mean)

    @property
    def deviation(self) -> Values:
        """Standard deviation, of at least two images, by the unbiased variance."""
        found: Values = np.sqrt(self._squares / (self.count - 1))
        return found


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """What the draws said, pixel by pixel, in image units."""

    deviation: NDArray[np.floating[Any]]
    """Standard deviation over the draws: the noise that is left, in the units of the image."""
    shift: NDArray[np.floating[Any]]
    """Mean of the draws minus the denoised image: what denoising loses of its own result."""
    draws: int
    """How many there were."""

    @property
    def error(self) -> NDArray[np.floating[Any]]:
        """Root mean square error of denoising the denoised image: deviation and shift together.

        The mean of a few draws errs by itself: that share of the shift is taken off first.
        """
        chance = self.deviation**2 / self.draws
        found: NDArray[np.floating[Any]] = np.sqrt(self.deviation**2 + np.maximum(self.shift**2 - chance, 0))
        return found


def check_draws(draws: int) -> None:
    """Raise unless so many draws have a standard deviation.

    Raises
    ------
    SettingError
        Fewer than two.
    """
    if draws < 2:
        raise SettingError(f"draws is {draws}; expected at least 2, which have a standard deviation; {DRAWS} are usual")


def bootstrap(
    denoised: Pixels,
    again: Callable[[Pixels], Pixels],
    noise: FreshNoise,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Bootstrap:
    """Spread of a denoised plane over fresh draws of its noise.

    It is in image units and goes through the whole way of a method: a stabilising transform and its slope, a network's
    training, the weights of a mixture. What it cannot see: structure that denoising has lost altogether, since it is
    not in the image that is drawn from; an error of the noise model; noise that is not as the model says.

    Parameters
    ----------
    denoised
        One plane, (y, x), not rounded.
    again
        Denoises a plane from scratch by the same method.
    noise
        Of the recording.
    draws
        Repeats, 2 or more.
    seed
        Of the draws.

    Raises
    ------
    InputError
        Not one plane of finite numbers, or no noise to draw.
    SettingError
        Fewer than two draws.
    """
    check_draws(draws)
    if denoised.ndim != 2 or not np.isfinite(denoised).all():
        raise InputError(f"the denoised image has the shape {denoised.shape}; expected one plane (y, x) without gaps")
    if not (noise.model.gain or noise.model.sigma):
        raise InputError("the noise model has neither gain nor sigma; there is no noise to draw again")
    signal, spread = noise.signal(denoised), Spread(denoised.shape)
    for number in range(draws):
        spread.add(again(noise.draw(signal, np.random.default_rng([seed, number]))))
    return Bootstrap(spread.deviation, spread.mean - denoised, draws)


def repeatability(noisy: Pixels, again: Callable[[int], Callable[[Pixels], Pixels]], seeds: range) -> Values:
    """Standard deviation of the result over the seeds of a method, pixel by pixel; 0 for a filter.

    Parameters
    ----------
    noisy
        The image itself, of any shape.
    again
        Of a seed, denoises from scratch with it.
    seeds
        Two or more.

    Raises
    ------
    SettingError
        Fewer than two seeds.
    """
    check_draws(len(seeds))
    spread = Spread(noisy.shape)
    for seed in seeds:
        spread.add(np.asarray(again(seed)(noisy), dtype=np.float64))
    return spread.deviation
