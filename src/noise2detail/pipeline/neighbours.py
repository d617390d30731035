"""Whether the planes of a series help each other: measured, decided, and said why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from noise2detail.errors import SettingError
from noise2detail.method import Context, Method, SeesNeighbours
from noise2detail.noise.model import NoiseModel
from noise2detail.noise.planes import resemblance, shared_noise
from noise2detail.noise.stabilize import stabilise
from noise2detail.pipeline.deciding import WINDOW, Decision
from noise2detail.pipeline.following import Placement, followed
from noise2detail.pipeline.layout import PLANE_AXES, Layout
from noise2detail.pipeline.noise import PAIRS
from noise2detail.pipeline.run import parse_neighbours
from noise2detail.pipeline.values import is_constant, to_working_range
from noise2detail.plans import Neighbours, ValueMap
from noise2detail.types import Pixels

SHARED = 0.1
"""Correlation of the noise of neighbouring planes from which they are no help: it passes for structure that both have.
Below, it makes noise seem weaker than it is by a twentieth for each plane on either side."""

ALIKE = 0.2
"""Correlation of the structure of neighbouring planes below which they are taken for unrelated."""

WORTH, FARTHER = 0.03, 0.1
"""Share of the error that is saved at least, and by looking farther. The estimate's sign is certain far below, its size
to a third: the error itself, by which the difference is divided, is told less well than the difference."""

REACHES = (2, 4, 8)
"""Planes on each side that are tried, nearest first; 1 where 2 are too far."""

PLACES = ((0.5, 0.5), (0.25, 0.75), (0.75, 0.25), (0.25, 0.25), (0.75, 0.75))
"""Where the part of large planes that is looked at may lie."""

NAMES = {"Z": "slices", "T": "frames"}


@dataclass(frozen=True, eq=False)
class _Series:
    """Planes along one axis, in the middle of the other."""

    view: Pixels
    layout: Layout
    maps: tuple[ValueMap, ...]
    models: tuple[NoiseModel, ...]
    axis: str

    @property
    def name(self) -> str:
        """Of its planes, in words."""
        return f"neighbouring {NAMES[self.axis]}"

    @property
    def size(self) -> int:
        """Planes."""
        return self.layout.shape[self.layout.axes.index(self.axis)]

    def planes(self, first: int, count: int, step: int = 1) -> tuple[Tensor, Tensor | None]:
        """Parts of planes in the working range ``(plane, channel, y, x)``, and where each is data."""
        axes = [axis for axis in self.layout.axes if axis in PLANE_AXES]
        middle = [self.layout.shape[self.layout.axes.index(axis)] // 2 for axis in axes]
        found = []
        for number in range(first, first + count * step, step):
            middle[axes.index(self.axis)] = number
            found.append(self.layout.channels_of(self.view, tuple(middle)))
        rows, columns = self._place(found)
        values, valid = zip(
            *(to_working_range([channel[rows, columns] for channel in one], self.maps) for one in found), strict=True
        )
        mask = None
        if any(own is not None for own in valid):
            kept = [np.ones(values[0].shape, bool) if own is None else own for own in valid]
            mask = torch.from_numpy(np.stack(kept).all(1, keepdims=True))
        return torch.from_numpy(np.stack(values)), mask

    def _place(self, planes: Sequence[tuple[Pixels, ...]]) -> tuple[slice, slice]:
        """Of large planes, a part in which none is constant."""
        y, x = self.layout.size
        high, wide = min(y, WINDOW), min(x, WINDOW)
        places = [
            (slice(top, top + high), slice(left, left + wide))
            for top, left in ((int(down * (y - high)), int(across * (x - wide))) for down, across in PLACES)
        ]
        for place in places:
            if not any(is_constant(channel[place]) for plane in planes for channel in plane):
                return place
        return places[0]


def choose_neighbours(
    decision: Decision,
    array: Pixels,
    layout: Layout,
    maps: tuple[ValueMap, ...],
    models: tuple[NoiseModel, ...] | None,
    wish: str | int | None,
    most: int,
) -> tuple[Neighbours | None, tuple[str, ...]]:
    """Which planes are worked on together, None for one by one, and the reason in words.

    Parameters
    ----------
    decision
        Method with every choice made, and the noise that it was made by.
    array, layout, maps, models
        The image, its axes, its maps into the working range, and the noise of each channel there.
    wish
        Of the user; None: there is nothing to decide.
    most
        Planes that fit into the memory at a time.

    Raises
    ------
    SettingError
        Neighbours are wished where there are none, or of a method that knows none.
    """
    if wish is None:
        return None, ()
    asked = parse_neighbours(wish)
    axes = [axis for axis in layout.axes if axis in PLANE_AXES and layout.shape[layout.axes.index(axis)] > 1]
    if asked is not None:
        return _as_asked(asked, decision.method, axes, layout, most)
    if (
        not axes
        or not isinstance(decision.method, SeesNeighbours)
        or models is None
        or not any(one.gain or one.sigma for one in models)
    ):
        return None, ()
    if most < 2:
        return None, ("planes are denoised one by one, because the memory that may be taken holds no second one",)
    series = [_Series(layout.view(array), layout, maps, models, axis) for axis in axes]
    return _measured(series, decision.method, decision, most)


def _as_asked(
    asked: Neighbours, method: Method, axes: list[str], layout: Layout, most: int
) -> tuple[Neighbours | None, tuple[str, ...]]:
    if not asked.reach:
        told = axes and isinstance(method, SeesNeighbours)
        return None, ("planes are denoised one by one, as was asked for",) if told else ()
    if not isinstance(method, SeesNeighbours):
        raise SettingError(
            f"{type(method).__name__} works on each plane alone; expected neighbours 0 or auto, or the method auto"
        )
    axis = asked.axis or (axes[0] if len(axes) == 1 else "")
    if not axes or (asked.axis and asked.axis not in axes):
        raise SettingError(
            f"neighbours are asked for, and the image has no planes along {asked.axis or 'T or Z'} (axes {layout.axes} "
            f"of {layout.shape}); expected neighbours 0 or auto"
        )
    if not axis:
        raise SettingError(
            f"neighbours is {asked.reach}, and planes have neighbours along T and along Z; expected T{asked.reach} or "
            f"Z{asked.reach}"
        )
    if 2 * asked.reach + 1 > most:
        raise SettingError(
            f"{2 * asked.reach + 1} planes at a time do not fit into max_memory; expected neighbours "
            f"{(most - 1) // 2} or fewer"
        )
    return Neighbours(axis, asked.reach), (f"{asked.reach} planes on each side along {axis} are used, as was asked",)


def _measured(
    series: list[_Series], method: SeesNeighbours, decision: Decision, most: int
) -> tuple[Neighbours | None, tuple[str, ...]]:
    """What noise, structure and estimated error say."""
    said, fit = [], []
    for one in series:
        noise = _noise(one)
        if noise is None or noise > SHARED:
            said.append(
                f"{one.name} share {noise:.0%} of their noise"
                if noise is not None
                else f"no part is even enough to tell whether {one.name} share noise"
            )
            continue
        alike = _structure(one, decision)
        if alike < ALIKE:
            said.append(f"{one.name} have next to no structure in common (correlation {alike:.2f})")
        else:
            fit.append((alike, one))
    if not fit:
        return None, (f"planes are denoised one by one, because {' and '.join(said)}",)
    alike, best = max(fit, key=lambda pair: pair[0])
    reach, saved = _reach(best, method, most)
    if not reach:
        word = "save next to nothing of" if saved > 0 else "add to"
        why = (
            f"planes are denoised one by one, because {best.name} are too different: {alike:.0%} of their structure is "
            f"the same, and using them would {word} the estimated error"
        )
        return None, (why,)
    why = (
        f"{best.name} share no noise and {alike:.0%} of their structure: {reach} on each side {_are(reach)} used, "
        f"which saves about {max(round(20 * saved), 1) * 5} % of the estimated error"
    )
    return Neighbours(best.axis, reach), (why, *(f"the other axis is no help: {one}" for one in said))


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _noise(series: _Series) -> float | None:
    """Correlation of the noise of neighbouring planes, the largest of all channels; None where it cannot be told.

    Where content has moved, noise may have moved with it, as by registering, or stayed, as a camera's: the larger.
    """
    found: list[list[float]] = [[] for _ in series.models]
    for first in _starts(series.size, 2):
        planes, mask = series.planes(first, 2)
        where = torch.ones_like(planes[:, :1]) if mask is None else mask.to(planes)
        placement = followed(planes, series.models)
        for moved in (Placement(((0, 0),) * 2, placement.size), placement) if placement.moves else (placement,):
            both = moved.common(where).amin((0, 1)) > 0
            for own, values, model in zip(found, moved.common(planes).transpose(0, 1), series.models, strict=True):
                if model.gain or model.sigma:
                    alike = stabilise(values, model)
                    sharing = shared_noise(alike[0], alike[1], both)
                    own += [] if sharing is None else [sharing.correlation]
    return _largest(found, sum(bool(model.gain or model.sigma) for model in series.models))


def _largest(found: list[list[float]], noisy: int) -> float | None:
    """Of the means of all channels with noise; None if some channel told nothing."""
    known = [float(np.mean(own)) for own in found if own]
    return max(known) if len(known) == noisy else None


def _structure(series: _Series, decision: Decision) -> float:
    """Correlation of the structure of neighbouring planes, in the mean of all pairs and channels."""
    weighed = []
    for first in _starts(series.size, 2):
        planes, _ = series.planes(first, 2)
        planes = followed(planes, series.models).common(planes)
        for values, model, seen in zip(planes.transpose(0, 1), series.models, decision.seen, strict=True):
            if model.gain or model.sigma:
                alike = stabilise(values, model)
                found = resemblance(alike[0], alike[1], seen.measurement.autocorrelation)
                weighed.append((found.correlation, max(found.first + found.second, found.shared, 0.0)))
    total = sum(weight for _, weight in weighed)
    return sum(value * weight for value, weight in weighed) / total if total > 0 else 0.0


def _reach(series: _Series, method: SeesNeighbours, most: int) -> tuple[int, float]:
    """Planes on each side that save most of the error, and how much; 0: none save enough."""
    fitting = [reach for reach in REACHES if reach == REACHES[0] or (2 * reach < most and reach + 1 < series.size)]
    best, saved = 0, 0.0
    for reach in fitting:
        share = _saved(series, method, reach, most)
        if share < saved + (FARTHER if best else WORTH):
            saved = saved if best else share
            break
        best, saved = reach, share
    if not best and series.size > 2:
        saved = _saved(series, method, 1, most)
        best = 1 if saved >= WORTH else 0
    return min(best, max((most - 1) // 2, 1)), saved


def _saved(series: _Series, method: SeesNeighbours, reach: int, most: int) -> float:
    """Estimated share of the error that is saved, in the mean of two windows, neither of which may lose."""
    depth = min(2 * reach + 1, series.size, most)
    last = series.size - depth
    found = []
    for first in sorted({last // 4, last - last // 4}):
        planes, mask = series.planes(first, depth)
        placement = followed(planes, series.models)
        kept = None if mask is None else placement.common(mask)
        found.append(method.saving(placement.common(planes), Context(noise=series.models, mask=kept)))
    return sum(found) / len(found) if min(found) > 0 else min(found)


def _starts(size: int, depth: int) -> Iterator[int]:
    """First planes of some windows, spread over the series."""
    return iter(np.unique(np.linspace(0, size - depth, PAIRS).round().astype(int)).tolist())
