"""Whether a plane is still like those that a denoiser was trained on; if not, what has changed.

A denoiser follows its noise and its content: trained on weak noise it leaves strong noise in place, trained on bright
structures it may take dim ones for noise. Both are described by a few numbers, which are kept beside the denoiser and
compared with those of the next plane.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noise2detail.errors import SettingError
from noise2detail.noise.blocks import BLOCK, FINE, Blocks, look_at
from noise2detail.noise.clipping import Values
from noise2detail.noise.estimate import estimate_on_blocks
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Pixels

BLOCKS = 4096
"""Blocks of a plane that are looked at: these take 0.03 s."""

STEPS = 8
"""Brightnesses at which the noise is compared."""

FEWEST = 24
"""Flat blocks for each of them."""

DARK, BRIGHT = 0.05, 0.95
"""Quantiles of the brightness of blocks that stand for dark and bright parts."""

STRONGEST = 0.9
"""Quantile of the structure of blocks that stands for all: that of most is drowned in noise."""

NOISE = 0.09
"""Logarithm of the ratio of two variances up to which noise counts as the same: a tenth in photons' worth. Structure
that looks like noise moves what is measured in neighbouring planes by up to half of it."""

PARTS = ((0.0, 1.0), (0.5, 1.0), (0.0, 0.5), (0.75, 1.0))
"""Shares of the brightnesses, from dark to bright, that are compared together."""

CHANCE = 3.0
"""Standard errors on top of that."""

LEAST = math.sqrt(2 / np.count_nonzero(FINE))
"""Standard error of the variance in one block, as a share of it, where noise is normal."""

SMALL = 0.02
"""Least variance that a model is believed to tell, as a share of the largest nearby."""

SHIFT = 1.0
"""Standard deviations of the noise by which dark parts may become brighter or darker."""

CONTRAST = 1.45
"""Factor by which the distance of dark and bright parts may change."""

STRUCTURE = 2.5
"""Factor by which the power of structure and noise together may change in blocks with much structure."""


PAIRS = ("dark", "contrast", "structure")
"""Fields of a description that hold the lowest and the highest of its planes."""


@dataclass(frozen=True)
class NoiseAt:
    """The noise of parts of one brightness."""

    level: float
    """Their brightness."""
    variance: float
    """Of the noise there."""
    error: float
    """Standard error of the variance, as a share of it."""


@dataclass(frozen=True)
class Described:
    """What a denoiser was trained on, in the units of the planes that were described: plain numbers for a file."""

    gain: float
    """Values for one detected photon; 0: the noise does not depend on the signal."""
    gain_error: float
    """Its standard error; 0 where it is not known."""
    sigma: float
    """Standard deviation of the noise where no light falls."""
    sigma_error: float
    """Its standard error."""
    pedestal: float
    """Value where no light falls, as far as noise tells it."""
    noise: tuple[NoiseAt, ...]
    """The noise from dark to bright; empty: there is nothing to measure it on."""
    dark: tuple[float, float]
    """Brightness of dark parts: lowest and highest of the planes."""
    contrast: tuple[float, float]
    """Distance from there to bright parts, likewise."""
    structure: tuple[float, float]
    """Power of low frequencies, without that of noise, in parts with much of it, likewise."""

    def data(self) -> dict[str, Any]:
        """What JSON can hold; ``described`` reads it."""
        return asdict(self)


def described(data: Mapping[str, Any]) -> Described:
    """What ``Described.data`` gave.

    Raises
    ------
    SettingError
        Something else.
    """
    try:
        found: dict[str, Any] = {name: float(value) for name, value in data.items() if name not in {*PAIRS, "noise"}}
        for name in PAIRS:
            low, high = data[name]
            found[name] = (float(low), float(high))
        found["noise"] = tuple(NoiseAt(**{name: float(value) for name, value in one.items()}) for one in data["noise"])
        return Described(**found)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SettingError(f"no description of planes ({error}); expected what Described.data gave") from error


def describe(planes: Pixels | Tensor | Sequence[Pixels | Tensor], mask: Pixels | Tensor | None = None) -> Described:
    """Noise and content of planes of one channel.

    Parameters
    ----------
    planes
        ``(y, x)``, or several of one size, at least 8x8 pixels each, in any units. NaN, infinite and masked pixels are
        no data.
    mask
        Of the same shape: True where a pixel is data.

    The noise is measured on all planes together; of the content it is kept how far it differs among them.
    """
    values, valid = _values(planes, mask)
    most = max(BLOCKS // len(values), BLOCKS // 8)
    own = [look_at(one, good, most=most) for one, good in zip(values, valid, strict=True)]
    blocks = [each for each, _ in own if len(each)]
    if not blocks:
        return Described(0.0, 0.0, 0.0, 0.0, 0.0, (), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0))
    together = Blocks(*(np.concatenate([getattr(one, name) for one in blocks]) for name in Blocks.__dataclass_fields__))
    extremes = own[0][1] if len(own) == 1 else look_at(values, valid, most=BLOCKS // 8)[1]
    model, errors, flat = estimate_on_blocks(together, extremes)
    curve = _curve(flat, model, _overlap(values.shape, most))
    contents = np.array([_content(one, curve) for one in blocks])
    lowest, highest = contents.min(0).tolist(), contents.max(0).tolist()
    known = [error if math.isfinite(error) else 0.0 for error in (errors.gain, errors.sigma)]
    dark, contrast, structure = zip(lowest, highest, strict=True)
    return Described(model.gain, known[0], model.sigma, known[1], model.pedestal, curve, dark, contrast, structure)


def drifted(trained_on: Described, plane: Pixels | Tensor, mask: Pixels | Tensor | None = None) -> tuple[str, ...]:
    """Why a plane is unlike those that a denoiser was trained on, one plain sentence each; empty: it is like them.

    Parameters
    ----------
    trained_on
        From ``describe``, in the same units.
    plane, mask
        As there, one plane. A plane that is constant or holds no number is compared with nothing: it gives no reason,
        and has nothing to be learnt.
    """
    return differences(trained_on, describe(plane, mask))


def differences(before: Described, now: Described) -> tuple[str, ...]:
    """What has changed between two descriptions, one plain sentence each; empty: nothing that matters."""
    if not before.noise or not now.noise:
        return ()
    said = [*_noise(before, now), *_shift(before, now), *_contrast(before, now)]
    return tuple(said or _structure(before, now))


def noise_changes(before: Described, now: Described) -> tuple[str, ...]:
    """How the noise has changed between two descriptions, whatever the content did; empty: not so that it matters."""
    return tuple(_noise(before, now)) if before.noise and now.noise else ()


def _values(planes: Any, mask: Any) -> tuple[Tensor, Tensor]:
    """``(plane, y, x)``, and where it is data."""
    whole = planes if isinstance(planes, Tensor | np.ndarray) else [_plain(one) for one in planes]
    array = np.stack(whole) if isinstance(whole, list) else _plain(whole)
    array = array.reshape(-1, *array.shape[-2:])
    good = np.isfinite(array)
    if mask is not None:
        good &= np.asarray(mask.cpu() if isinstance(mask, Tensor) else mask, bool).reshape(array.shape)
    return torch.from_numpy(np.where(good, array, 0.0)), torch.from_numpy(good)


def _plain(plane: Any) -> Values:
    """In double precision, NaN where it is masked."""
    found = plane.detach().cpu().numpy() if isinstance(plane, Tensor) else plane
    filled: Values = np.ma.filled(found.astype(np.float64), np.nan)
    return filled


def _overlap(shape: Sequence[int], most: int) -> float:
    """Blocks that look at one pixel, on average, where they lie densely in small planes."""
    _, y, x = shape
    step = max(1, min(BLOCK // 2, min(y, x) // 16), math.ceil(math.sqrt(y * x / most)))
    return max(1.0, (BLOCK / step) ** 2)


def _curve(flat: Blocks, model: NoiseModel, overlap: float) -> tuple[NoiseAt, ...]:
    """The noise from dark to bright, on flat blocks."""
    from scipy.special import gammaincinv

    half = np.count_nonzero(FINE) / 2
    usual = float(gammaincinv(half, 0.5) / half)  # median of a variance, relative to its mean, where noise is normal
    order = np.argsort(flat.near, kind="stable")
    found = []
    for part in np.array_split(order, max(1, min(STEPS, len(order) // FEWEST))):
        # the median, since structure in some blocks makes more of their high frequencies, never less; relative to the
        # model, which tells blocks of different brightness apart
        level = float(flat.near[part].mean())
        expected = np.maximum(model.gain * (np.append(flat.near[part], level) - model.pedestal), 0) + model.sigma**2
        expected = np.maximum(expected, SMALL * float(expected.max()))
        variance = float(np.median(flat.fine[part] / expected[:-1]) * expected[-1]) / usual
        if variance > 0:
            error = LEAST * math.sqrt(math.pi / 2 / max(len(part) / overlap, 1.0))
            found.append(NoiseAt(level, variance, error))
    return tuple(found)


def _content(blocks: Blocks, curve: tuple[NoiseAt, ...]) -> tuple[float, float, float]:
    """Brightness of dark parts, distance to bright ones, and strength of structure."""
    dark, bright = np.quantile(blocks.near, (DARK, BRIGHT))
    noise = _at(curve, blocks.near) if curve else np.zeros(len(blocks))
    structure = float(np.quantile(blocks.rough - noise, STRONGEST))
    return float(dark), float(bright - dark), max(structure, 0.0)


def _at(curve: tuple[NoiseAt, ...], level: Values) -> Values:
    """Variance of the noise at these levels."""
    found: Values = np.interp(level, [one.level for one in curve], [one.variance for one in curve])
    return found


def _noise(before: Described, now: Described) -> list[str]:
    """Noise of another strength in parts of the same brightness."""
    levels = np.array([one.level for one in now.noise])
    then = _at(before.noise, levels)
    ratio = np.log([one.variance for one in now.noise]) - np.log(then)
    theirs = np.interp(levels, [one.level for one in before.noise], [one.error for one in before.noise])
    error = np.hypot([one.error for one in now.noise], theirs)
    for first, last in PARTS:
        part = slice(int(first * len(levels)), max(round(last * len(levels)), 1))
        own, weight = ratio[part], 1 / (error[part] ** 2 + NOISE**2)
        mean = float((own * weight).sum() / weight.sum())
        doubt = math.sqrt(float((weight**2 * error[part] ** 2).sum())) / float(weight.sum())
        if abs(mean) > NOISE + CHANCE * doubt:
            most = int(first * len(levels)) + int(np.argmax(own * np.sign(mean)))
            return [
                (
                    f"the noise changed: at a brightness of {levels[most]:.4g} its deviation is "
                    f"{math.sqrt(now.noise[most].variance):.3g}, and was {math.sqrt(float(then[most])):.3g}"
                    f"{_figure(before, now)}"
                )
            ]
    return []


def _figure(before: Described, now: Described) -> str:
    """The figure of the noise that changed most, by its own uncertainty."""
    moved = {
        f"gain {now.gain:.3g}, was {before.gain:.3g}": (now.gain, before.gain, now.gain_error, before.gain_error),
        f"sigma {now.sigma:.3g}, was {before.sigma:.3g}": (
            now.sigma,
            before.sigma,
            now.sigma_error,
            before.sigma_error,
        ),
    }
    sure = {
        name: abs(new - old) / max(math.hypot(*errors), 1e-9 * max(new, old))
        for name, (new, old, *errors) in moved.items()
        if new != old
    }
    return f" ({max(sure, key=lambda name: sure[name])})" if sure else ""


def _shift(before: Described, now: Described) -> list[str]:
    """Dark parts that became brighter or darker."""
    moved = _beyond(now.dark, before.dark)
    deviation = math.sqrt(min(before.noise[0].variance, now.noise[0].variance))
    if abs(moved) <= SHIFT * deviation:
        return []
    return [
        (
            f"the pedestal moved: dark parts are at {now.dark[0]:.4g}, and were at {_range(before.dark)}, "
            f"{abs(moved) / deviation:.1f} deviations of the noise away"
        )
    ]


def _contrast(before: Described, now: Described) -> list[str]:
    """Bright parts that are nearer to dark ones, or further away."""
    ratio = _factor(now.contrast, before.contrast)
    if 1 / CONTRAST <= ratio <= CONTRAST:
        return []
    return [
        (
            f"the content changed: from dark to bright parts it is {now.contrast[0]:.4g}, and was "
            f"{_range(before.contrast)}, as when {'less' if ratio < 1 else 'more'} light falls"
        )
    ]


def _structure(before: Described, now: Described) -> list[str]:
    """Structure that is stronger or weaker than it was."""
    noise = [float(np.mean([one.variance for one in each.noise])) for each in (before, now)]
    floor = max(noise)
    then = (before.structure[0] + floor, before.structure[1] + floor)
    ratio = _factor((now.structure[0] + floor, now.structure[1] + floor), then)
    if 1 / STRUCTURE <= ratio <= STRUCTURE:
        return []
    return [f"the content changed: its structures are {'weaker' if ratio < 1 else 'stronger'}, {ratio:.2g} times"]


def _beyond(now: tuple[float, float], before: tuple[float, float]) -> float:
    """How far the middle of a range lies outside another."""
    middle = (now[0] + now[1]) / 2
    return middle - min(max(middle, before[0]), before[1])


def _factor(now: tuple[float, float], before: tuple[float, float]) -> float:
    """The same as a ratio."""
    middle = (now[0] + now[1]) / 2
    nearest = min(max(middle, before[0]), before[1])
    return middle / nearest if nearest > 0 else math.inf if middle > 0 else 1.0


def _range(pair: tuple[float, float]) -> str:
    low, high = (f"{value:.4g}" for value in pair)
    return low if low == high else f"{low} to {high}"
