"""Uncertainty of a whole image: fresh noise on every channel of every plane, denoised again as planned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noise2detail.errors import InputError
from noise2detail.method import ignore
from noise2detail.metrics.bootstrap import DRAWS, Bootstrap, FreshNoise, Spread, check_draws
from noise2detail.pipeline.computing import computing
from noise2detail.pipeline.deciding import look
from noise2detail.pipeline.layout import Layout, lay_out
from noise2detail.pipeline.progress import Listener
from noise2detail.pipeline.refusing import refusals
from noise2detail.pipeline.values import is_constant, to_working_range
from noise2detail.plans import Plan
from noise2detail.report.repeats import image_again, target_of
from noise2detail.types import Pixels


@dataclass(frozen=True, eq=False)
class Stated:
    """A figure for each pixel, and for each channel."""

    image: NDArray[np.float32]
    """Of each pixel, in image units; NaN where there is no data."""
    rms: tuple[float, ...]
    """Root mean square of each channel; NaN where it holds no data."""


def noise_of(array: Pixels, plan: Plan) -> tuple[FreshNoise, ...]:
    """The noise of each channel as it is measured now, to be drawn again.

    Raises
    ------
    InputError
        No channel has noise, or it is no image.
    """
    with computing("cpu", plan.threads):
        found = look(array, lay_out(array, plan.axes), plan.value_maps)
    reasons = refusals(found)
    if reasons:
        raise InputError(f"there is no noise to draw again: {'; '.join(reasons)}; expected a noisy image")
    return tuple(FreshNoise.measured(one.measurement, target_of(plan), array.dtype) for one in found)


def image_uncertainty(
    array: Pixels,
    denoised: Pixels,
    plan: Plan,
    noises: Sequence[FreshNoise],
    *,
    draws: int = DRAWS,
    on_step: Listener = ignore,
) -> Stated:
    """Standard uncertainty of each pixel, by a parametric bootstrap of the measured noise.

    Noise that neighbouring planes share is drawn as if they did not. What was masked, is no number, or stays as it is
    because its plane is constant has none.

    Parameters
    ----------
    array, plan
        What was denoised, and by which plan.
    denoised
        The result, not rounded, of the same shape.
    noises
        Of each channel; see ``noise_of``.
    draws
        Repeats, 2 or more.
    on_step
        Hears of all of them as of one work; raise ``Cancelled`` there to stop.

    Raises
    ------
    SettingError
        Fewer than two draws.
    """
    check_draws(draws)
    layout = lay_out(array, plan.axes)
    planes = list(_planes(array, denoised, plan, layout, noises))
    again, spread = image_again(plan, repeats=draws, on_step=on_step), Spread(array.shape)
    with np.errstate(invalid="ignore", over="ignore"):  # what is no data stays as it is: NaN, infinite or a mark
        for number in range(draws):
            spread.add(np.ma.getdata(again(_drawn(array, planes, layout, plan.seed, number))))
        found = Bootstrap(spread.deviation, spread.mean - np.ma.getdata(denoised), draws)
        return _stated(found.error, planes, layout)


def image_repeatability(
    array: Pixels, denoised: Pixels, plan: Plan, *, seeds: int, on_step: Listener = ignore
) -> tuple[float, ...]:
    """Standard deviation of the result over seeds, root mean square of each channel; 0 for a filter.

    Parameters
    ----------
    array, denoised, plan
        As for ``image_uncertainty``.
    seeds
        How many besides that of the plan, 1 or more: those that come next.
    on_step
        Hears of all repeats as of one work.

    Raises
    ------
    SettingError
        None besides that of the plan, or seeds beyond the largest.
    """
    check_draws(seeds + 1)
    layout, spread = lay_out(array, plan.axes), Spread(array.shape)
    kept = list(_planes(array, denoised, plan, layout, None))
    with np.errstate(invalid="ignore", over="ignore"):
        spread.add(np.ma.getdata(denoised))
        for number in range(1, seeds + 1):
            again = image_again(plan, seed=plan.seed + number, repeats=seeds, turn=number - 1, on_step=on_step)
            spread.add(np.ma.getdata(again(array)))
        return _stated(spread.deviation, kept, layout).rms


@dataclass(frozen=True, eq=False)
class _Plane:
    """One channel of one plane."""

    index: tuple[int, ...]
    """Of its plane."""
    channel: int
    valid: NDArray[np.bool_] | None
    """True where it is data; None: everywhere."""
    changes: bool
    """False: it is constant and stays as it is."""
    noise: FreshNoise | None
    signal: NDArray[np.float64] | None
    """That the denoised plane stands for."""


def _planes(
    array: Pixels, denoised: Pixels, plan: Plan, layout: Layout, noises: Sequence[FreshNoise] | None
) -> Iterator[_Plane]:
    for index in layout.planes:
        channels = layout.channels_of(layout.view(array), index)
        mask = to_working_range(channels, plan.value_maps)[1]
        results = layout.channels_of(layout.view(np.ma.getdata(denoised)), index)
        for number, (own, result) in enumerate(zip(channels, results, strict=True)):
            valid, changes = None if mask is None else mask[number], not is_constant(own)
            noise = noises[number] if noises and changes else None
            signal = None
            if noise is not None:
                # where there is no data any number will do, but a finite one
                values = result if valid is None else np.where(valid, result, plan.value_maps[number].offset)
                signal = noise.signal(values)
            yield _Plane(index, number, valid, changes, noise, signal)


def _drawn(array: Pixels, planes: Sequence[_Plane], layout: Layout, seed: int, number: int) -> Pixels:
    """A recording as the camera might have given another one; what is no data stays as it is."""
    drawn = np.ma.getdata(array).copy()
    view = layout.view(drawn)
    for place, plane in enumerate(planes):
        if plane.noise is None or plane.signal is None:
            continue
        values = plane.noise.draw(plane.signal, np.random.default_rng([seed, number, place]))
        target = layout.channels_of(view, plane.index)[plane.channel]
        np.copyto(target, values, where=True if plane.valid is None else plane.valid)
    return np.ma.MaskedArray(drawn, np.ma.getmaskarray(array)) if isinstance(array, np.ma.MaskedArray) else drawn


def _stated(values: NDArray[Any], planes: Sequence[_Plane], layout: Layout) -> Stated:
    """The figures where there is data, and what they come to in each channel."""
    image = values.astype(np.float32)
    squares, pixels = np.zeros(layout.channels), np.zeros(layout.channels)
    for plane in planes:
        own = layout.channels_of(layout.view(image), plane.index)[plane.channel]
        if not plane.changes:
            own[...] = 0
        if plane.valid is not None:
            own[~plane.valid] = np.nan
        good = own if plane.valid is None else own[plane.valid]
        squares[plane.channel] += float(np.sum(np.square(good, dtype=np.float64)))
        pixels[plane.channel] += good.size
    rms = np.sqrt(np.divide(squares, pixels, out=np.full(layout.channels, np.nan), where=pixels > 0))
    return Stated(image, tuple(rms.tolist()))
