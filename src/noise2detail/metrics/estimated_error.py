"""How far a denoised image is from the truth, told without a reference, with an interval.

Everything is told in image units: the residual holds the noise that was taken away, the response of the denoiser says
how much was not, and what is left is the error. The noise's own strength decides how well that is known.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError, SettingError, check_setting
from noise2detail.metrics.likeness import Values
from noise2detail.metrics.pixel_risk import PixelRisk, stronger
from noise2detail.metrics.response import Again, Response, planes, respond
from noise2detail.noise.blocks import FINE, WHITE, responses
from noise2detail.noise.measure import TOO_MUCH, Measurement, Uncertainty
from noise2detail.plans import Target
from noise2detail.types import Pixels

INTERVAL = 0.9
"""Chance with which the truth lies within an interval."""

WITHIN = 1.6449
"""Standard errors to either side that hold so much of a normal distribution."""

STRUCTURE = 0.03
"""Of the variance of the noise where it is measured: standard error from structure that passes for noise, which parts
of one image do not show by disagreeing. White noise of sigma 10 and 25 over photographs and drawings is measured with a
root mean square departure of 3 % (benchmarks/results/noise.md, without the grass, which is all texture)."""

SHARED = 0.12
"""The same where neighbouring pixels share noise: of the simulations there, blurred by 0.6 and 1 pixels, from 10
photons on."""

CLEARLY = 3.0
"""Standard errors from which a correlation that was not believed to be noise is at least a possibility."""


@dataclass(frozen=True)
class Decibels:
    """A PSNR and its interval."""

    value: float
    low: float
    high: float
    """Infinite where the image may as well be free of error."""


@dataclass(frozen=True)
class EstimatedError:
    """Mean squared error of a denoised image, as far as the noisy one tells it."""

    mse: float
    """In squared image units; NaN if refused."""
    low: float
    """Lower end of the 90 % interval; 0 where the error may be nothing."""
    high: float
    """Upper end."""
    target: Target
    """What it is measured from: the mean of many such recordings, or the signal before clipping."""
    method: str
    """How it was found, in words."""
    raw: float = math.nan
    """The unbiased estimate itself, which may be negative."""
    origins: tuple[tuple[str, float], ...] = ()
    """Standard errors by what they come from, in squared image units, largest first."""
    refused: str = ""
    """Why nothing is said; empty if something is."""

    @property
    def error(self) -> float:
        """Standard error of the unbiased estimate."""
        return math.hypot(*(size for _, size in self.origins))

    def psnr(self, span: float) -> Decibels:
        """The same in dB.

        Parameters
        ----------
        span
            Largest possible value minus smallest: 255 for 8-bit images.

        Raises
        ------
        SettingError
            A span that is no positive number.
        """
        check_setting("span", span, lowest=0)
        found = [10 * math.log10(span**2 / one) if one > 0 else math.inf for one in (self.mse, self.high, self.low)]
        return Decibels(*found) if not self.refused else Decibels(math.nan, math.nan, math.nan)


@dataclass(frozen=True, eq=False)
class Answered:
    """A denoised image and how its method answers more noise."""

    denoised: Pixels
    response: Response


def estimate_error(
    noisy: Pixels,
    denoised: Pixels,
    again: Again,
    noise: Measurement,
    *,
    target: Target = "captured",
    mask: NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> EstimatedError:
    """Mean squared error of a denoised plane, from the noisy one and two refits.

    Parameters
    ----------
    noisy, denoised
        One plane each, (y, x).
    again
        Denoises a plane from scratch, with the method and the settings that gave ``denoised``; called twice. What was
        done to the result afterwards (rounding, clipping) belongs to it.
    noise
        Of the noisy image, in its units. No uncertainty at all (``Uncertainty()``) states that it is known exactly.
    target
        ``captured``: distance from the mean of many such recordings; ``latent``: from the signal before clipping.
    mask
        True where a pixel is data; None: everywhere.
    seed
        Of the noise that is added.

    Raises
    ------
    InputError
        Images of different shapes, or not finite.
    SettingError
        A target that is none.
    """
    refused = refusal(noise, target)
    if refused:
        return EstimatedError(math.nan, math.nan, math.nan, target, "", refused=refused)
    response = respond(noisy, denoised, again, noise, mask=mask, seed=seed)
    return error_of(noisy, Answered(denoised, response), noise, target=target, mask=mask)


def refusal(noise: Measurement, target: Target = "captured") -> str:
    """Why no error can be told with such noise; empty if it can.

    Raises
    ------
    SettingError
        A target that is none.
    """
    if target not in ("captured", "latent"):
        raise SettingError(f"target is {target!r}; expected 'captured' or 'latent'")
    if noise.is_noiseless or not (noise.model.gain or noise.model.sigma):
        return "no noise was found in the image, so that its residual tells nothing"
    if max(noise.correlation) > TOO_MUCH:
        return (
            f"neighbouring pixels share {max(noise.correlation):.0%} of what looks like noise, which may as well be "
            "texture: the noise is not known"
        )
    errors = noise.uncertainty
    if not all(math.isfinite(error) for error in (errors.gain, errors.pedestal, errors.sigma)):
        return "the image is too small to measure its noise"
    return ""


def error_of(
    noisy: Pixels,
    answered: Answered,
    noise: Measurement,
    *,
    target: Target = "captured",
    mask: NDArray[np.bool_] | None = None,
) -> EstimatedError:
    """Mean squared error of a denoised plane whose response is known already.

    Parameters
    ----------
    noisy, noise, target, mask
        As for ``estimate_error``. The response may have been found with another measurement of the same noise: its
        probe is weighted anew.
    answered
        The denoised plane, and its response.

    Raises
    ------
    InputError
        Images of different shapes, or not finite.
    SettingError
        A target that is none.

    Source
    ------
    Stein, "Estimation of the mean of a multivariate normal distribution", Annals of Statistics 1981. Deviations: the
    variance of counts is read off the noisy image, where it is free of bias; clipped noise has Stein's kernel in the
    place of its variance; and target and square of the target are read off clipped recordings by functions whose mean
    they are.
    """
    refused = refusal(noise, target)
    if refused:
        return EstimatedError(math.nan, math.nan, math.nan, target, "", refused=refused)
    seen, found = planes(noisy, answered.denoised, mask)
    if answered.response.answer.shape != seen.shape:
        raise InputError(f"the response has the shape {answered.response.answer.shape}; expected {seen.shape}")
    risk = PixelRisk(seen, found, answered.response, np.ones(seen.shape, bool) if mask is None else mask, target)
    terms = risk.terms(noise.model, colour_of(noise))
    origins = {
        "noise of the image": terms.sampling,
        "probe": terms.probing,
        "jumps of the method": terms.jumping,
        **_from_model(risk, noise, terms.mse),
    }
    sizes = tuple(sorted(origins.items(), key=lambda one: -one[1]))
    return _stated(terms.mse, tuple(one for one in sizes if one[1] > 0), target, noise)


def _stated(raw: float, origins: tuple[tuple[str, float], ...], target: Target, noise: Measurement) -> EstimatedError:
    known = "known" if noise.uncertainty == Uncertainty() else "measured"
    result = EstimatedError(raw, raw, raw, target, f"two refits with a tenth of the noise, {known}", raw, origins)
    reach = WITHIN * result.error
    return replace(result, mse=_not_negative(raw, result.error), low=max(raw - reach, 0.0), high=max(raw, 0.0) + reach)


def _not_negative(value: float, error: float) -> float:
    """An estimate of what cannot be negative: below half its standard error it says no more than that it is small."""
    return max(value, 0.5 * error)


def colour_of(noise: Measurement) -> Values:
    """Autocorrelation to go by: one that was measured counts where it is believed, one that is known always."""
    if noise.is_coloured or noise.uncertainty == Uncertainty():
        return np.asarray(noise.autocorrelation, np.float64)
    return WHITE


def _from_model(risk: PixelRisk, noise: Measurement, mse: float) -> dict[str, float]:
    """Standard errors from what is not known of the noise."""
    errors, model, colour = noise.uncertainty, noise.model, colour_of(noise)
    if errors == Uncertainty():
        return {}
    share = strength_error(noise)
    changed = {
        "strength of the noise": stronger(model, 1 + share),
        "gain": risk.pivoted(replace(model, gain=model.gain + errors.gain), model),
        "sigma": risk.pivoted(replace(model, sigma=model.sigma + errors.sigma), model),
    }
    found = {name: abs(risk.terms(one, colour).mse - mse) for name, one in changed.items() if one != model}
    if _may_be_shared(noise):
        # noise that neighbours share is weaker in the high frequencies, by which its strength is measured
        faint = np.asarray(noise.autocorrelation, np.float64)
        factor = 1 / float(responses(faint)[FINE].mean())
        found["noise that neighbours may share"] = abs(risk.terms(stronger(model, factor), faint).mse - mse)
    return found


def strength_error(noise: Measurement) -> float:
    """Standard error of the variance of the noise, as a share of it."""
    share, errors, model = SHARED if noise.is_coloured else STRUCTURE, noise.uncertainty, noise.model
    if model.gain:
        # gain, pedestal and sigma are of one line, whose middle is better known than any of them
        return math.hypot(share, min(errors.gain / model.gain, share))
    return math.hypot(share, 2 * errors.sigma / model.sigma)


def _may_be_shared(noise: Measurement) -> bool:
    """True where a correlation was measured that is neither chance nor believed."""
    if noise.is_coloured:
        return False
    pairs = zip(noise.correlation, noise.uncertainty.correlation, strict=True)
    return any(math.isfinite(error) and own > CLEARLY * error for own, error in pairs)
