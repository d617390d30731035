"""Windows of neighbouring planes, denoised together and put together: the series never stands in memory at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from noise2detail.method import Denoiser, SeesNeighbours, Step
from noise2detail.pipeline.applying import Images, Piece, on_device, telling
from noise2detail.pipeline.deciding import noise_models
from noise2detail.pipeline.fitting import channel_groups, fit_windows
from noise2detail.pipeline.following import followed
from noise2detail.pipeline.layout import PLANE_AXES, Layout
from noise2detail.pipeline.plane import Plane, prepared, stacked
from noise2detail.pipeline.progress import Listener, Part, share
from noise2detail.plans import Neighbours, Plan
from noise2detail.types import Batch, Pixels

FITTED = 0.95
"""Share of the work on a window that is done when it is fitted: the images are not filtered again."""


@dataclass(frozen=True)
class Window:
    """Planes that follow each other."""

    planes: tuple[tuple[int, ...], ...]
    """Index of each."""
    weights: tuple[float, ...]
    """What this window has to say about each: most about those that have neighbours on both sides."""
    done: int
    """Planes at its beginning that no later window holds."""


@dataclass(eq=False)
class _Blend:
    """Images of one plane from all windows that hold it, by name: weighted sums and weights."""

    sums: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """``(channel, y, x)``."""
    weights: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """``(channel, 1, 1)``."""

    def add(self, name: str, channels: slice, pixels: NDArray[np.float32], weight: float, count: int) -> None:
        """Take in some channels of an image, of so many."""
        if name not in self.sums:
            self.sums[name] = np.zeros((count, *pixels.shape[1:]), np.float32)
            self.weights[name] = np.zeros((count, 1, 1), np.float32)
        self.sums[name][channels] += np.float32(weight) * pixels
        self.weights[name][channels] += np.float32(weight)

    def pieces(self) -> Iterator[Piece]:
        """Every channel of every image."""
        for name, total in self.sums.items():
            for channel in np.flatnonzero(self.weights[name][:, 0, 0]).tolist():
                place = (slice(0, total.shape[1]), slice(0, total.shape[2]))
                yield Piece(name, channel, place, total[channel] / self.weights[name][channel])


def windows(layout: Layout, neighbours: Neighbours) -> list[Window]:
    """Windows that cover every series along an axis, one series after the other."""
    axes = [axis for axis in layout.axes if axis in PLANE_AXES]
    place = axes.index(neighbours.axis)
    size = layout.shape[layout.axes.index(neighbours.axis)]
    depth, starts = neighbours.depth(size), neighbours.starts(size)
    rests = dict.fromkeys((*index[:place], *index[place + 1 :]) for index in layout.planes)
    found = []
    for rest in rests:
        for start, after in zip(starts, (*starts[1:], size), strict=True):
            planes = tuple((*rest[:place], number, *rest[place:]) for number in range(start, start + depth))
            found.append(Window(planes, _weights(start, depth, size), min(after, start + depth) - start))
    return found


def _weights(start: int, depth: int, size: int) -> tuple[float, ...]:
    """Planes from the nearer end of the window, except where the series ends there too."""
    before = [float("inf") if start == 0 else number + 1.0 for number in range(depth)]
    behind = [float("inf") if start + depth == size else float(depth - number) for number in range(depth)]
    return tuple(min((*pair, depth)) for pair in zip(before, behind, strict=True))


def denoised_planes(
    array: Pixels,
    made: Plan,
    method: SeesNeighbours,
    layout: Layout,
    every: Sequence[Window],
    images_of: Callable[[Denoiser], Callable[[Batch], Images]],
    on_step: Listener,
) -> Iterator[tuple[Plane, Iterator[Piece]]]:
    """Every denoised plane in pieces, as soon as the last window that holds it is done.

    Parameters
    ----------
    array, made, method, layout
        What to denoise, by which plan, with what, and how it is laid out.
    every
        Windows that cover the image.
    images_of
        What is wanted of a denoiser.
    on_step
        Hears of every step.
    """
    held: dict[tuple[int, ...], tuple[Plane | None, _Blend]] = {}
    for number, window in enumerate(every):
        listen = Part(number, len(every), "window").listen(on_step)
        for index in window.planes:
            if index not in held:
                held[index] = prepared(array, made, layout, index), _Blend()
        ready = [
            (plane, blend, weight)
            for (plane, blend), weight in zip((held[index] for index in window.planes), window.weights, strict=True)
            if plane is not None
        ]
        if ready:
            _denoise(ready, made, method, images_of, listen)
        listen(Step("applying", 1, 1, None, 1.0))
        for index in window.planes[: window.done]:
            plane, blend = held.pop(index)
            if plane is not None:
                yield plane, blend.pieces()


def _denoise(
    ready: list[tuple[Plane, _Blend, float]],
    made: Plan,
    method: SeesNeighbours,
    images_of: Callable[[Denoiser], Callable[[Batch], Images]],
    on_step: Listener,
) -> None:
    """Denoise the planes of one window together and take the images in."""
    pixels, valid = stacked([plane for plane, _, _ in ready])
    placement = followed(torch.from_numpy(pixels), noise_models(made.noise, made.value_maps))
    pixels = placement.put(torch.from_numpy(pixels)).numpy()
    valid = None if valid is None else placement.put(torch.from_numpy(valid).float()).numpy() > 0
    fitted = fit_windows(pixels, valid, method, made, share(on_step, 0.0, FITTED))
    groups = channel_groups(pixels.shape[1], made.channel_mode)
    for number, (denoiser, group) in enumerate(zip(fitted, groups, strict=True)):
        hear = Part(number, len(groups), "channel").listen(share(on_step, FITTED, 1.0))
        compute = on_device(images_of(telling(denoiser, hear)), made.device)
        for name, images in compute(torch.from_numpy(np.ascontiguousarray(pixels[:, group]))).items():
            taken = placement.take(torch.from_numpy(images)).numpy()
            for (_, blend, weight), image in zip(ready, taken, strict=True):
                blend.add(name, group, image, weight, pixels.shape[1])
