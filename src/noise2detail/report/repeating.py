"""What only denoising again can tell: how far a result is from the truth, and which of its details are real."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.method import ignore
from noise2detail.metrics.estimated_error import EstimatedError, estimate_error
from noise2detail.metrics.halves import HalfResolution, half_resolution
from noise2detail.metrics.resolution import HALVES
from noise2detail.noise.measure import Measurement
from noise2detail.pipeline.progress import Listener
from noise2detail.plans import Plan, Target
from noise2detail.report.charts import Chart
from noise2detail.report.curves import ring_chart
from noise2detail.report.examining import Examination, Part, pixel_size, plane_of
from noise2detail.report.page import Section, Table
from noise2detail.report.pairing import Pair
from noise2detail.report.repeats import Again, plane_again
from noise2detail.types import Pixels

REPEATS = 3
"""Of each channel: two for its error, one for its resolution."""

BYTES = 255.0
"""Span of 8-bit images, by which their PSNR is told everywhere."""

REACH = (0.001, 0.999)
"""Quantiles of the noisy image between which its span is taken where nobody has agreed on one."""


FIGURES = 4
"""Channels that get figures of their own."""

HALVED = {"thinned": "photons split by chance", "diagonal": "pixels split like a chessboard"}

RESOLUTION = (
    "One half of the image was denoised and compared with the other half as it was recorded, frequency by frequency: "
    "two denoised halves would agree on what the method believes, not on what is there. Halves hold less light or "
    "fewer pixels, so the image itself resolves this much at least."
)


@dataclass(frozen=True, eq=False)
class Repeated:
    """What was found for one plane of one channel."""

    part: Part
    error: EstimatedError
    span: float
    """Of the values, for the PSNR."""
    resolution: HalfResolution | str
    """Or why it could not be told."""


def repeated(pair: Pair, plan: Plan, examined: Examination, on_step: Listener = ignore) -> tuple[Repeated, ...]:
    """What denoising again tells about every channel of the plane that is shown first.

    Parameters
    ----------
    pair
        The image before and after.
    plan
        By which it was denoised.
    examined
        What is known already.
    on_step
        Hears of every step; raise ``Cancelled`` there to stop.

    Raises
    ------
    SettingError
        A plan that cannot be repeated on one plane.
    """
    parts = examined.of_plane(examined.chosen)
    again = plane_again(plan, repeats=REPEATS * len(parts), on_step=on_step)
    return tuple(_repeated(pair, part, examined, again) for part in parts)


def _repeated(pair: Pair, part: Part, examined: Examination, again: Again) -> Repeated:
    noisy, denoised = (
        np.ma.getdata(plane_of(np.asarray(image.array), pair, part.plane, part.channel))
        for image in (pair.noisy, pair.denoised)
    )
    mask = np.isfinite(noisy) & np.isfinite(denoised)
    if pair.noisy.no_data is not None:
        mask &= ~plane_of(np.asarray(pair.noisy.no_data, bool), pair, part.plane, part.channel)
    measurement = examined.noise[part.channel].measurement
    if not mask.all():
        noisy, denoised = (np.where(mask, one, np.median(one[mask]) if mask.any() else 0) for one in (noisy, denoised))
    error = _error(noisy, denoised, _as_stored(again, denoised.dtype), mask, (measurement, examined.target))
    return Repeated(part, error, span_of(noisy), _resolution(noisy, again, measurement, pixel_size(pair)))


def _error(
    noisy: Pixels,
    denoised: Pixels,
    again: Callable[[Pixels], Pixels],
    mask: NDArray[np.bool_],
    known: tuple[Measurement, Target],
) -> EstimatedError:
    measurement, target = known
    try:
        return estimate_error(noisy, denoised, again, measurement, target=target, mask=None if mask.all() else mask)
    except InputError as error:  # nothing that could be denoised again, such as a constant channel
        return EstimatedError(math.nan, math.nan, math.nan, target, "", refused=str(error))


def _resolution(
    noisy: Pixels, again: Again, measurement: Measurement, pixel_size_um: float | None
) -> HalfResolution | str:
    try:
        return half_resolution(noisy, again, measurement, pixel_size_um=pixel_size_um)
    except InputError as error:
        return str(error)


def _as_stored(again: Again, dtype: np.dtype[np.generic]) -> Callable[[Pixels], Pixels]:
    """Rounding to the type of the result belongs to the result."""
    if dtype.kind == "f":
        return again
    info = np.iinfo(str(dtype))
    return lambda noisy: np.clip(np.rint(again(noisy)), info.min, info.max)


def span_of(noisy: Pixels) -> float:
    """Largest value minus smallest, by which a PSNR is told: 255 for bytes, else that of nearly all pixels."""
    if noisy.dtype == np.uint8:
        return BYTES
    low, high = np.quantile(noisy[np.isfinite(noisy)].astype(np.float64), REACH)
    return float(high - low)


def sections_of_repeats(found: Sequence[Repeated]) -> tuple[Section, ...]:
    """The part of a page that tells of it."""
    rows = tuple(_row(one) for one in found if not one.error.refused)
    refused = tuple(f"{one.part.name or 'The image'}: {one.error.refused}." for one in found if one.error.refused)
    if not rows:
        return (Section("Estimated error", missing=" ".join(refused)), resolution_section(found))
    head = ("part", "root mean square error", "90 % interval", "PSNR, dB", "90 % interval, dB", "span")
    target = found[0].error.target
    meant = (
        "the mean of many such recordings, with whatever was cut off"
        if target == "captured"
        else "the signal before anything was cut off"
    )
    said = f"How far the denoised image is from the truth, without a reference. The truth is {meant}. "
    method = found[0].error.method
    said += f"{method[:1].upper()}{method[1:]}."
    return (Section("Estimated error", text=(said, *refused), table=Table(head, rows)), resolution_section(found))


def resolution_section(found: Sequence[Repeated]) -> Section:
    """Ring correlation of halves of the image."""
    refused = tuple(
        f"{one.part.name or 'The image'}: {one.resolution}" for one in found if isinstance(one.resolution, str)
    )
    seen = [(one.part, one.resolution) for one in found if not isinstance(one.resolution, str)]
    rows = tuple(
        (
            part.name or "image",
            _finest(own.raw_cutoff, own.limit, own.resolution_um[0]),
            _finest(own.denoised_cutoff, own.limit, own.resolution_um[1]),
            HALVED[own.kind],
        )
        for part, own in seen
    )
    if not rows:
        return Section("Resolution", missing=" ".join(refused))
    charts = tuple(_ring_figure(own) for _, own in seen[:FIGURES])
    head = ("part", "finest detail, as recorded", "finest detail, denoised", "halves")
    return Section("Resolution", text=(RESOLUTION, *refused), charts=charts, table=Table(head, rows))


def _finest(cutoff: float, limit: float, period_um: float | None) -> str:
    if not cutoff:
        return "none"
    beyond = "at least " if cutoff >= limit else ""
    return f"{beyond}{cutoff:.3f} cycles/pixel" + (f", {period_um:.3g} µm" if period_um else "")


def _ring_figure(own: HalfResolution) -> Chart:
    return ring_chart(
        {
            "as recorded against as recorded": (own.frequency, own.raw),
            "denoised against as recorded": (own.frequency, own.denoised),
            "threshold for denoised": (own.frequency, own.threshold),
        },
        threshold=HALVES,
        pixel_size_um=own.pixel_size_um,
        cutoffs={"recorded": own.raw_cutoff, "denoised": own.denoised_cutoff},
    )


def _row(one: Repeated) -> tuple[str, ...]:
    error, decibels = one.error, one.error.psnr(one.span)
    low, middle, high = (max(value, 0.0) ** 0.5 for value in (error.low, error.mse, error.high))
    upper = f"{decibels.high:.1f}" if np.isfinite(decibels.high) else "no upper end"
    value = f"{decibels.value:.2f}" if np.isfinite(decibels.value) else f"above {decibels.low:.1f}"
    return (
        one.part.name or "image",
        f"{middle:.4g}",
        f"{low:.4g} to {high:.4g}",
        value,
        f"{decibels.low:.1f} to {upper}",
        f"{one.span:.4g}",
    )


def sentences(found: Sequence[Repeated]) -> Iterator[str]:
    """The same in words, for people who do not open the page."""
    for one in found:
        name = f"{one.part.name}: " if one.part.name else ""
        if one.error.refused:
            yield f"{name}no error was estimated: {one.error.refused}"
        else:
            decibels = one.error.psnr(one.span)
            upper = f"{decibels.high:.1f}" if np.isfinite(decibels.high) else "no upper end"
            yield f"{name}estimated PSNR {decibels.value:.1f} dB ({decibels.low:.1f} to {upper}, span {one.span:.4g})"
