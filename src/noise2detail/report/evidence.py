"""All that is known of one plane of one channel before and after denoising, gathered without denoising again."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.metrics.alignment import Alignment, alignment
from noise2detail.metrics.blind import ResidualTest, residual_test
from noise2detail.metrics.levels import Brightness, brightness_kept
from noise2detail.metrics.standardised import Standardised, standardised
from noise2detail.metrics.structure import SMALLEST, StructureTest, structure_test
from noise2detail.metrics.whiteness import Whiteness, whiteness
from noise2detail.noise.measure import Measurement
from noise2detail.types import Pixels

_MEDIAN_TO_DEVIATION = 1.4826

FEWEST = 0.02
"""Share of the pixels that must be free of clipping and hold noise for tests of the residual."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What speaks for and against the denoised image; None where it could not be had."""

    shape: tuple[int, int]
    """Of the plane, in pixels."""
    measurement: Measurement | None = None
    """Of the noise of the channel."""
    alignment: Alignment | None = None
    """Place and scale of the denoised image beside the noisy one."""
    deviation: float | None = None
    """Of the noise, at the usual brightness of the image."""
    contrast: float | None = None
    """Deviation of the denoised image from its mean, in those of the noise."""
    removed: float | None = None
    """Share of the finest noise, in standard deviations, that was taken away."""
    residual: ResidualTest | None = None
    """Mean and variance of what was taken away, by level."""
    kept: Brightness | None = None
    """How brightness was kept."""
    whiteness: Whiteness | None = None
    """Its correlation from pixel to pixel."""
    structure: StructureTest | None = None
    """What it holds besides noise, and where."""
    untested: tuple[str, ...] = ()
    """What could not be tested, and why: sentences without full stop."""
    faults: tuple[str, ...] = ()
    """What makes every finer test pointless: sentences without full stop."""
    brightness: NDArray[np.float64] | None = None
    """Thresholds of the denoised values between dark, middle and bright: the terciles."""
    smooth: Pixels | None = None
    """Denoised means of 16x16 squares, from which places are called dark or bright."""
    linearity: Any = None
    """Region means before and after, if measured."""
    estimated_error: Any = None
    """Mean squared error without a reference, if estimated."""
    resolution: Any = None
    """Ring correlation of halves, if measured."""
    decorrelation: Any = None
    """Of the noisy and the denoised image, if measured."""
    uncertainty: Any = None
    """Of each pixel, by a bootstrap of the noise, if measured."""


def gather_evidence(
    noisy: Pixels,
    denoised: Pixels,
    measurement: Measurement | None,
    mask: NDArray[np.bool_] | None = None,
) -> Evidence:
    """What one plane before and after denoising says, in about a second for 1024x1024 pixels.

    Parameters
    ----------
    noisy, denoised
        One plane of one channel each, ``(y, x)``, in the same units. NaN and infinite pixels of either are left out.
        Denoised values of an integer type count as rounded to it, which is no added texture.
    measurement
        Of the noise of this channel, in these units; None: it is not known, and no residual is tested.
    mask
        True where a pixel is data; None: wherever both are finite.

    Raises
    ------
    InputError
        Images or a mask of different shapes, or not of two dimensions.
    """
    seen, found, valid = _comparable(noisy, denoised, mask)
    shape = (seen.shape[0], seen.shape[1])
    trouble = _pointless(seen, found, valid)
    if trouble:
        return Evidence(shape, measurement, faults=trouble)
    lying = alignment(seen, found, valid)
    levels, means = _levels(found, valid)
    base: dict[str, Any] = {"alignment": lying, "brightness": levels, "smooth": means}
    reason = _no_noise(measurement)
    if measurement is None or reason:
        return Evidence(shape, measurement, untested=(reason,), **base)
    model = measurement.model
    shared = measurement.autocorrelation if measurement.is_coloured else None
    residual = standardised(seen, found, model, valid)
    untested = _limits(residual, measurement, shape)
    tests: dict[str, Any] = {}
    if residual.valid.any():
        deviation = float(np.median(residual.deviation[residual.valid]))
        tests = {"deviation": deviation, "contrast": float(found[valid].std()) / deviation}
    if residual.share >= FEWEST:
        near = measurement.correlation if measurement.is_coloured else (0.0, 0.0)
        tests["residual"] = residual_test(
            seen, found, model, correlation=near, mask=valid, uncertainty=measurement.uncertainty
        )
        doubt = 1.0 if shared is None else float(shared.sum())
        tests["kept"] = brightness_kept(residual, found, model, doubt)
        tests["whiteness"] = whiteness(residual, shared)
        tests["removed"] = removed_share(residual, shared)
        if min(shape) >= SMALLEST:
            tests["structure"] = structure_test(residual, shared, measurement.band, _step(denoised))
    return Evidence(shape, measurement, untested=untested, **base, **tests)


def removed_share(residual: Standardised, autocorrelation: NDArray[np.float64] | None = None) -> float | None:
    """Share of the finest noise, in standard deviations, that is in the residual; None where next to nothing is valid.

    Parameters
    ----------
    residual
        Of one plane.
    autocorrelation
        Of the noise; None: white.

    Notes
    -----
    Differences of differences, in y and then in x: of white noise they have four times its variance, of an image they
    are small but at edges and details, which the median of their sizes leaves out.
    """
    whole = residual.valid[1:, 1:] & residual.valid[:-1, 1:] & residual.valid[1:, :-1] & residual.valid[:-1, :-1]
    if np.count_nonzero(whole) < 64:
        return None
    bends = np.diff(np.diff(residual.residual, axis=0), axis=1)[whole]
    deviation = float(np.median(np.abs(bends))) * _MEDIAN_TO_DEVIATION
    return min(deviation / math.sqrt(_bend_variance(autocorrelation)), 1.0)


def _bend_variance(autocorrelation: NDArray[np.float64] | None) -> float:
    """Variance of differences of differences of noise of variance 1."""
    if autocorrelation is None or min(autocorrelation.shape) < 3:
        return 4.0
    y, x = (size // 2 for size in autocorrelation.shape)
    kernel = np.outer([-1, 2, -1], [-1, 2, -1])
    return max(float((kernel * autocorrelation[y - 1 : y + 2, x - 1 : x + 2]).sum()), 0.04)


def _step(denoised: Pixels) -> float:
    """To which values of this type are rounded; floating point counts as not rounded."""
    return 1.0 if np.issubdtype(denoised.dtype, np.integer) else 0.0


def _comparable(
    noisy: Pixels, denoised: Pixels, mask: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Both in float64, 0 where either is no number, and where both are data."""
    if noisy.ndim != 2 or noisy.shape != denoised.shape:
        raise InputError(
            f"the noisy image has the shape {noisy.shape}, the denoised one {denoised.shape}; expected one plane "
            "(y, x) of the same size each"
        )
    if mask is not None and mask.shape != noisy.shape:
        raise InputError(f"the mask has the shape {mask.shape}, the image {noisy.shape}; expected the same")
    seen, found = (np.asarray(one, np.float64) for one in (noisy, denoised))
    valid = np.isfinite(seen) & np.isfinite(found)
    if mask is not None:
        valid &= mask
    return np.where(valid, seen, 0.0), np.where(valid, found, 0.0), valid


def _pointless(seen: NDArray[np.float64], found: NDArray[np.float64], valid: NDArray[np.bool_]) -> tuple[str, ...]:
    if not valid.any():
        return ("no pixel is a number in both images",)
    before, after = seen[valid], found[valid]
    if float(np.ptp(before)) == 0:
        return ("the noisy image is constant: there is nothing to judge by",)
    if float(np.ptp(after)) == 0:
        return ("the denoised image is constant: all that the noisy image shows is gone",)
    if np.array_equal(before, after):
        return ("the denoised image is the noisy one: no noise was removed",)
    return ()


def _no_noise(measurement: Measurement | None) -> str:
    """Why nothing can be said of the residual; empty where it can."""
    if measurement is None:
        return "the residual was not tested, because the noise of this image is not known"
    if measurement.is_noiseless or not (measurement.model.gain or measurement.model.sigma):
        return "the residual was not tested, because no noise was found in the image"
    return ""


def _limits(residual: Standardised, measurement: Measurement, shape: tuple[int, int]) -> tuple[str, ...]:
    """What the tests of this plane cannot see."""
    found = []
    if residual.share < FEWEST:
        found.append(
            f"the residual was not tested, because only {residual.share:.1%} of the pixels are free of clipping and "
            "hold noise"
        )
    elif residual.share < 0.9:
        found.append(f"{1 - residual.share:.0%} of the pixels were not tested, because they are no data or clipped")
    if min(shape) < SMALLEST:
        found.append(f"no structure was looked for, because the image is smaller than {SMALLEST}x{SMALLEST} pixels")
    if measurement.is_coloured:
        found.append(
            "added texture is hard to see, because neighbouring pixels share noise "
            f"(correlation {max(measurement.correlation):.2f})"
        )
    if math.isinf(measurement.uncertainty.gain) or math.isinf(measurement.uncertainty.sigma):
        found.append("how strong the noise is was measured on too little of the image to be sure")
    return tuple(found)


def _levels(found: NDArray[np.float64], valid: NDArray[np.bool_]) -> tuple[NDArray[np.float64], Pixels]:
    """Terciles, and means of squares."""
    side = 16
    rows, columns = (max(size // side, 1) for size in found.shape)
    cut = found[: rows * side, : columns * side]
    if min(found.shape) < side:
        return np.quantile(found[valid], [1 / 3, 2 / 3]), np.full((1, 1), float(found[valid].mean()))
    return np.quantile(found[valid], [1 / 3, 2 / 3]), cut.reshape(rows, side, columns, side).mean((1, 3))
