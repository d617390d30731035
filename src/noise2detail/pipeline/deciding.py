"""The noise of an image, measured once, and what a method makes of it before anything is trained."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noise2detail import registry
from noise2detail.errors import RefusedError, SettingError
from noise2detail.method import Decides, Method
from noise2detail.methods.stabilized import Stabilized
from noise2detail.noise.measure import Measurement
from noise2detail.noise.model import NoiseModel
from noise2detail.pipeline.computing import computing
from noise2detail.pipeline.layout import Layout
from noise2detail.pipeline.noise import MOST, ChannelNoise, channel_noise
from noise2detail.pipeline.refusing import refusals, warnings
from noise2detail.pipeline.run import Run
from noise2detail.pipeline.values import is_constant, to_working_range
from noise2detail.plans import NoiseFound, Target, ValueMap
from noise2detail.types import Pixels

WINDOW = 512
"""Side of the parts of a large image that are looked at."""

LARGE = 2**21
"""Pixels of a channel beyond which parts are enough: more would tell little and take seconds."""

GRID = 8
"""Parts begin at multiples of it: compression works in such blocks."""

FINE = 2.0**12
"""Ranges of an image away from 0 up to which 32-bit numbers still tell its values apart."""

UNITS = 1e-20
"""Smallest range of an image, and one over the largest, whose squares are 32-bit numbers."""


@dataclass(frozen=True)
class Decision:
    """A method that knows what it will do, and why."""

    method: Method
    noise: tuple[NoiseFound, ...] = ()
    """Of each channel, where it was measured."""
    why: tuple[str, ...] = ()
    """One sentence for each choice, and for what people should know."""
    seen: tuple[ChannelNoise, ...] = ()
    """All that was found out about the noise of each channel, in image units, where it was measured."""


def decide(
    method: Method, array: Pixels, layout: Layout, maps: tuple[ValueMap, ...], run: Run, threads: int
) -> Decision:
    """The method with every choice made by the noise of an image; as it is, if it does not choose by that.

    Parameters
    ----------
    method
        As it is wished.
    array, layout, maps
        The image, how it is laid out, and the map of each channel into the working range.
    run, threads
        Wishes about the run, and on how many processor threads it is measured.

    Raises
    ------
    RefusedError
        Denoising would do harm.
    """
    if not isinstance(method, Decides):
        return Decision(method)
    with computing("cpu", threads):
        found = look(array, layout, maps)
    reasons = refusals(found)
    if reasons and not run.anyway:
        raise RefusedError(reasons)
    noise, told = tuple(_found(one.measurement) for one in found), warnings(found)
    if not run.decide:
        return Decision(method, noise, told, found)
    working = [mapped(one.measurement, value_map) for one, value_map in zip(found, maps, strict=True)]
    decided, why = method.decided(working, *layout.size)
    return Decision(decided, noise, why + told, found)


def aimed(method: Method, target: Target | None) -> Method:
    """The method, estimating what is wished.

    Raises
    ------
    SettingError
        It has no choice of that.
    """
    if target is None:
        return method
    if is_dataclass(method) and _has_target(method):
        return replace(method, target=target)
    have = ", ".join(name for name, entry in registry.METHODS.items() if _has_target(entry.method)) or "no method here"
    raise SettingError(
        f"{type(method).__name__} has no setting 'target', which {have} has; expected no --target (Run(target=...)), "
        "or for other methods --unclip (Run(unclip=True)), which estimates the latent signal"
    )


def _has_target(method: Any) -> bool:
    return any(field.name == "target" for field in fields(method))


def wrapped(method: Method, run: Run) -> Method:
    """The method, with the noise stabilised before it, or the effect of clipping undone after it, as wished.

    Raises
    ------
    SettingError
        A method that does both by itself.
    """
    asked = run.stabilize or run.unclip
    if isinstance(method.inner if isinstance(method, Stabilized) else method, Decides) and (
        asked or isinstance(method, Stabilized)
    ):
        raise SettingError(
            "this method stabilises noise by itself where that helps, and undoes clipping; expected neither "
            "--stabilize nor --unclip (Run(stabilize=..., unclip=...)), but --target latent (Run(target='latent')) for "
            "the signal before noise was cut off, or --target captured"
        )
    if not asked or isinstance(method, Stabilized):
        return method
    return Stabilized(method, stabilize=run.stabilize, unclip=run.unclip)


def look(array: Pixels, layout: Layout, maps: tuple[ValueMap, ...]) -> tuple[ChannelNoise, ...]:
    """The noise of every channel in image units, measured on some planes, of large ones on parts.

    Values that are no data have no say. Where 32-bit numbers could not hold the image's values, or their squares, it is
    measured in the working range.
    """
    plain = all(UNITS < one.scale < 1 / UNITS and abs(one.offset) <= FINE * one.scale for one in maps)
    parts = np.stack([_values(part, maps, plain=plain) for part in _parts(layout.view(array), layout)])
    found = channel_noise(parts, "TCYX")
    if plain:
        return found
    return tuple(
        replace(one, measurement=mapped(one.measurement, ValueMap(-own.offset / own.scale, 1 / own.scale)))
        for one, own in zip(found, maps, strict=True)
    )


def _parts(view: Pixels, layout: Layout) -> list[tuple[Pixels, ...]]:
    """The channels of some planes, or of parts of them that hold more than one value."""
    y, x = layout.size
    numbers = np.unique(np.linspace(0, len(layout.planes) - 1, MOST).round().astype(int))
    planes = [layout.channels_of(view, layout.planes[number]) for number in numbers]
    if len(planes) * y * x <= LARGE:
        return planes
    rows = min(y, max(WINDOW, WINDOW**2 // x))
    columns = min(x, max(WINDOW, WINDOW**2 // rows))
    kept: list[tuple[Pixels, ...]] = []
    for number in range(4 * MOST):
        # the golden ratio and its like spread places evenly, however many there are
        top, left = (
            GRID * int((0.5 + number * step) % 1 * (side - own) / GRID)
            for step, side, own in ((0.7549, y, rows), (0.5698, x, columns))
        )
        part = tuple(channel[top : top + rows, left : left + columns] for channel in planes[number % len(planes)])
        if not all(is_constant(channel[::GRID, ::GRID]) for channel in part):
            kept.append(part)
        if len(kept) == min(MOST, max(1, LARGE // (rows * columns))):
            break
    return kept or planes[:1]


def _values(part: tuple[Pixels, ...], maps: tuple[ValueMap, ...], *, plain: bool) -> NDArray[np.float32]:
    """``(channel, y, x)``, NaN where there is no data."""
    working, mask = to_working_range(part, maps)
    if not plain:
        return working if mask is None else np.where(mask, working, np.float32(np.nan))
    if mask is None:
        return np.stack([np.ma.getdata(channel).astype(np.float32) for channel in part])
    return np.stack(
        [
            np.where(own, np.ma.getdata(channel), np.nan).astype(np.float32)
            for channel, own in zip(part, mask, strict=True)
        ]
    )


def mapped(measurement: Measurement, value_map: ValueMap) -> Measurement:
    """The noise of values that were mapped; what has no units stays."""
    offset, scale = value_map.offset, value_map.scale
    own = measurement.uncertainty
    errors = replace(own, gain=own.gain / scale, pedestal=own.pedestal / scale, sigma=own.sigma / scale)
    return replace(measurement, model=measurement.model.mapped(offset, scale), uncertainty=errors)


def _found(measurement: Measurement) -> NoiseFound:
    model = measurement.model
    down, across = measurement.correlation
    return NoiseFound(
        model.gain,
        model.pedestal,
        model.sigma,
        model.low if math.isfinite(model.low) else None,
        model.high if math.isfinite(model.high) else None,
        (round(down, 4), round(across, 4)),
    )


def noise_models(noise: Sequence[NoiseFound], maps: Sequence[ValueMap]) -> tuple[NoiseModel, ...] | None:
    """The noise of each channel of a plan in working units; None where it was not measured."""
    if not noise:
        return None
    return tuple(
        NoiseModel(
            one.gain,
            one.pedestal,
            one.sigma,
            -math.inf if one.clipped_below is None else one.clipped_below,
            math.inf if one.clipped_above is None else one.clipped_above,
        ).mapped(own.offset, own.scale)
        for one, own in zip(noise, maps, strict=True)
    )
